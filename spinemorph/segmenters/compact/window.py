"""From a film to what the networks see: windows cut by an affine step, normalised in two ways."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.segmenters.compact import affine, layout
from spinemorph.segmenters.compact.affine import Step

_SHRINK_FROM: Final = 1.5
_FLAT: Final = 2.0 / 255.0


class Pyramid:
    """A film and its halves by area averaging, made when first asked for, to cut windows from."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        self._levels: list[NDArray[Any]] = [pixels]

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self._levels[0].shape
        return rows, columns

    def _level(self, index: int) -> NDArray[Any]:
        while len(self._levels) <= index:
            rows, columns = self._levels[-1].shape
            size = (max(columns // 2, 1), max(rows // 2, 1))
            self._levels.append(cv2.resize(self._levels[-1], size, interpolation=cv2.INTER_AREA))
        return self._levels[index]

    def window(self, step: Step, rows: int, columns: int) -> NDArray[Any]:
        """The film through ``step`` in its own data type, 0 where there is no film."""
        shrink = 1.0 / affine.scale_of(step)
        index = 0
        while shrink > _SHRINK_FROM and min(self._level(index).shape) >= 2:
            shrink, index = shrink / 2, index + 1
        level = self._level(index)
        fx, fy = level.shape[1] / self.shape[1], level.shape[0] / self.shape[0]
        shrunk = affine.translation(-0.5, -0.5) @ affine.scaling(fx, fy)
        shrunk = shrunk @ affine.translation(0.5, 0.5)
        matrix = step @ affine.invert(shrunk)
        return cv2.warpAffine(
            level, matrix[:2], (columns, rows), flags=cv2.INTER_LINEAR, borderValue=0
        )


def covered(step: Step, film: tuple[float, float, float, float], rows: int, columns: int) -> Any:
    """Bool (rows, columns): where the film's rectangle (left, top, right, bottom) falls."""
    left, top, right, bottom = film
    outline = affine.apply(step, [[left, top], [right, top], [right, bottom], [left, bottom]])
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline * 16).astype(np.int32), 1, shift=4)
    return mask.astype(bool)


def channels(
    window: NDArray[np.float32], valid: NDArray[np.bool_], local: int
) -> NDArray[np.float32]:
    """(2, rows, columns) of a window in 0 to 1: by percentiles of what is exposed, and locally.

    Flat black and white (frames, saturation) do not count for the percentiles while a fifth of
    the window is left. ``local``: side of the square of the local mean and deviation.
    """
    thin, inside = window[::3, ::3], valid[::3, ::3]
    exposed = thin[inside & (thin > _FLAT) & (thin < 1 - _FLAT)]
    if exposed.size < 0.2 * max(int(inside.sum()), 1):
        exposed = thin[inside]
    low, high = np.percentile(exposed, (1.0, 99.0)) if exposed.size else (0.0, 1.0)
    span = max(float(high - low), 1e-3)
    result = np.empty((2, *window.shape), np.float32)
    first = np.clip((window - np.float32(low)) * np.float32(1 / span), -0.25, 1.25)
    first[~valid] = 0.0
    size = (local, local)
    weight = cv2.blur(valid.astype(np.float32), size) + np.float32(1e-4)
    mean = cv2.blur(first, size) / weight
    square = cv2.blur(first * first, size) / weight
    deviation = np.sqrt(np.maximum(square - mean * mean, 0.0)) + np.float32(0.02)
    result[0] = 2 * first - 1
    result[0][~valid] = -1.0
    result[1] = np.clip((first - mean) / deviation, -4.0, 4.0) * np.float32(0.5)
    result[1][~valid] = 0.0
    return result


def body_frame(corners: NDArray[np.float64], anterior_left: bool) -> Step:
    """Film to canonical crop of a body: upright, anterior to the left, of standard size.

    ``corners``: (4, 2) in the order of :data:`spinemorph.anatomy.CORNERS`, square pixels.
    ``anterior_left``: whether the body already faces left, so that no mirroring is needed.
    """
    sa, sp, ia, ip = corners
    depth = (np.linalg.norm(sp - sa) + np.linalg.norm(ip - ia)) / 2
    height = float(np.linalg.norm((ia + ip - sa - sp) / 2))
    across = (sp - sa) / max(np.linalg.norm(sp - sa), 1e-6)
    across = across + (ip - ia) / max(np.linalg.norm(ip - ia), 1e-6)
    size = (height + layout.DEPTH_WEIGHT * depth) / 2
    return _frame(
        corners.mean(0),
        across,
        layout.CROP_BODY / max(size, 1e-6),
        anterior_left,
        (layout.CROP - 1) / 2,
    )


def sacrum_frame(endplate: NDArray[np.float64], anterior_left: bool) -> Step:
    """Film to canonical crop of S1; ``endplate``: (2, 2) anterior, posterior, square pixels."""
    across = endplate[1] - endplate[0]
    scale = layout.CROP_ENDPLATE / max(float(np.linalg.norm(across)), 1e-6)
    return _frame(endplate.mean(0), across, scale, anterior_left, layout.CROP_ENDPLATE_ROW)


def _frame(centre: Any, across: Any, scale: float, anterior_left: bool, row: float) -> Step:
    step = affine.translation(-centre[0], -centre[1])
    if not anterior_left:
        step = affine.mirror() @ step
        across = across * np.array([-1.0, 1.0])
    step = affine.rotation(-float(np.arctan2(across[1], across[0]))) @ step
    step = affine.scaling(scale) @ step
    return affine.translation((layout.CROP - 1) / 2, row) @ step


def sacrum_centre(endplate: NDArray[np.float64], anterior_left: bool) -> NDArray[np.float64]:
    """Where the finder marks S1: below the middle of the endplate (2, 2), square pixels."""
    x, y = endplate[1] - endplate[0]
    caudal = np.array([-y, x]) if anterior_left else np.array([y, -x])
    return np.asarray(endplate.mean(0) + layout.SACRUM_DEPTH * caudal)
