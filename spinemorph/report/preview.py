"""The film as a reader should see it: square pixels, good contrast, only as large as needed.

Display only: nothing is measured on a preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray, Radiograph

#: Part of the pixels that may be black or white in the display.
WINDOW_PERCENTILES: Final = (1.0, 99.7)
#: About so many pixels tell these percentiles.
SAMPLED: Final = 10_000
#: Limit of the local contrast; 1 would leave the histogram as it is.
CLIP_LIMIT: Final = 1.8


@dataclass(frozen=True)
class View:
    """A part of the film in display coordinates: columns, and rows times the pixel aspect.

    ``left`` and ``top`` are the outer edges, so that the first pixel begins at -0.5.
    """

    left: float
    top: float
    width: float
    height: float

    def to_frame(self, points: FloatArray, scale: float) -> FloatArray:
        """Display points (n, 2) to lengths from the view's top left corner, y down."""
        return (np.asarray(points, dtype=np.float64) - [self.left, self.top]) * scale


def whole_film(rows: int, columns: int, aspect: float) -> View:
    """The view of all pixels."""
    return View(-0.5, -0.5 * aspect, float(columns), rows * aspect)


def preview(
    radiograph: Radiograph, view: View, *, height: int, width: int | None = None
) -> NDArray[np.uint8]:
    """Grey picture (height, width) uint8 of ``view``; ``width`` follows the view if not given."""
    import cv2

    if width is None:
        width = max(1, round(height * view.width / view.height))
    pixels = radiograph.pixels
    aspect = radiograph.aspect
    top, left = _bound(view.top / aspect, radiograph.rows), _bound(view.left, radiograph.columns)
    bottom = _bound((view.top + view.height) / aspect, radiograph.rows)
    right = _bound(view.left + view.width, radiograph.columns)
    part = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    shrinks = part.shape[0] * part.shape[1] > height * width
    small = cv2.resize(
        np.ascontiguousarray(part),
        (width, height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
    )
    return contrasted(small)


def contrasted(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Percentile window and mild local contrast of a float picture; flat pictures stay flat."""
    import cv2

    step = max(round((pixels.size / SAMPLED) ** 0.5), 1)
    sample = pixels[::step, ::step]
    exposed = sample[(sample > sample.min() + 0.01) & (sample < 0.995)]
    if exposed.size < 0.05 * sample.size:
        exposed = sample.ravel()
    low, high = np.percentile(exposed, WINDOW_PERCENTILES)
    if high - low < 1e-3:
        return np.clip(pixels * 255, 0, 255).astype(np.uint8)
    stretched = pixels - low
    stretched *= 255 / (high - low)
    scaled = np.clip(stretched, 0, 255, out=stretched).astype(np.uint8)
    if min(scaled.shape) < 16:
        return scaled
    result: NDArray[np.uint8] = cv2.createCLAHE(CLIP_LIMIT, (6, 6)).apply(scaled)
    return result


def _bound(edge: float, size: int) -> int:
    return int(np.clip(round(edge + 0.5), 0, size))
