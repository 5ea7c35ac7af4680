"""Sizes, classes and outputs of the two networks: the contract between training and use."""

from __future__ import annotations

from typing import Final

from spinemorph.anatomy import IMPLANT_CATEGORIES, LEVELS_UPWARD

#: Changes whenever old weights no longer fit this code.
FORMAT: Final = 1

CHANNELS: Final = 2

#: Height and width of the finder's window, and the step of its maps, in window pixels.
FINDER_ROWS: Final = 416
FINDER_COLUMNS: Final = 320
STRIDE: Final = 4
IMPLANT_STRIDE: Final = 2
#: Corner offsets are predicted in this many window pixels.
OFFSET_UNIT: Final = 16.0
#: Side of the square over which the finder's second channel is normalised.
FINDER_LOCAL: Final = 27

#: Levels that the finder tells apart, from the sacrum upward; the last one means 'and above'.
LEVEL_CLASSES: Final = LEVELS_UPWARD[:9]
IMPLANTS: Final = IMPLANT_CATEGORIES
#: What the finder says of the film as a whole, in order.
FILM_OUTPUTS: Final = ("sacrum_visible", "lateral_lumbar", "facing_left", "inverted")
FINDER_OUTPUTS: Final = ("centres", "levels", "offsets", "masks", "implants", "film")

#: Side of the refiner's crop and the step of its maps, in crop pixels.
CROP: Final = 112
CROP_STRIDE: Final = 2
CROP_LOCAL: Final = 37
#: Mean of a body's height and 0.78 times its depth, in crop pixels.
CROP_BODY: Final = 40.0
DEPTH_WEIGHT: Final = 0.78
#: Length of the S1 endplate in the crop, and the row it lies on.
CROP_ENDPLATE: Final = 44.0
CROP_ENDPLATE_ROW: Final = 42.0
#: Centre of S1: this many endplate lengths below the middle of the endplate.
SACRUM_DEPTH: Final = 0.35
#: Maps of the refiner's output ``corners``: four corners of a body, two of S1, then the middles of the
#: superior and inferior endplate of a body and of the endplate of S1 (older weights have none).
BODY_CORNERS: Final = slice(0, 4)
SACRUM_CORNERS: Final = slice(4, 6)
BODY_MIDDLES: Final = slice(6, 8)
SACRUM_MIDDLES: Final = slice(8, 9)
POINTS: Final = 9
REFINER_OUTPUTS: Final = ("corners", "masks", "validity")
