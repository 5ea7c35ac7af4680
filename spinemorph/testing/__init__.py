"""For tests, ours and yours: drawn films with known corners, alone or as a data set to train on, and the
contract checks of segmenters.

>>> from spinemorph.testing import PhantomSegmenter, check_segmenter
>>> check_segmenter(PhantomSegmenter, finds_phantoms=True)

Nothing here needs pytest: a broken contract is an AssertionError that says which rule and how.
"""

from spinemorph.testing.checks import check_segmenter
from spinemorph.testing.datasets import write_dataset
from spinemorph.testing.phantoms import Phantom, PhantomSegmenter, draw_phantom, write_png

__all__ = [
    "Phantom",
    "PhantomSegmenter",
    "check_segmenter",
    "draw_phantom",
    "write_dataset",
    "write_png",
]
