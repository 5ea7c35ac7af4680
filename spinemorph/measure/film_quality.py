"""How well a film shows the column: clipped grey values, contrast, sharpness, obliquity. Pure functions.

All are taken where the bodies lie, not over the film: a burnt-out lung or a dark frame harms no measure.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.measure.disc_region import overhang, thinned
from spinemorph.measure.landmarks import BodyLandmarks, Landmarks
from spinemorph.types import FloatArray

#: Bodies are looked at with about this many pixels of height.
_HEIGHT: Final = 64
#: Grey values this close to black or white hold no detail.
_CLIP: Final = 0.004
#: Places along an endplate, and samples and reach (parts of the height) across it.
_PLACES: Final = np.linspace(0.15, 0.85, 8)
_ACROSS: Final = np.linspace(-0.16, 0.16, 33)
#: Width of a lumbar body over its depth (from left to right over from front to back).
_WIDTH_OVER_DEPTH: Final = 1.35


def column_pixels(pixels: NDArray[np.float32], marks: Landmarks) -> NDArray[np.float32]:
    """Grey values of bodies and the spaces between them, thinned, (n,)."""
    height = body_height(marks)
    if height is None:
        return np.zeros(0, np.float32)
    step = max(int(height // _HEIGHT), 1)
    small = pixels[::step, ::step]
    canvas = np.zeros(small.shape, np.uint8)
    rings = [ends for body in marks.bodies if len(ends := _known(body)) >= 2]
    for upper, lower in zip(rings[:-1], rings[1:], strict=True):
        hull = cv2.convexHull(np.concatenate([upper, lower]).astype(np.float32) / step)
        cv2.fillConvexPoly(canvas, np.rint(hull).astype(np.int32), 1)
    return np.asarray(small[canvas > 0])


def clipped_share(values: NDArray[np.float32]) -> float | None:
    """Share of grey values that are black or white; None where there are none."""
    if len(values) == 0:
        return None
    return float(((values <= _CLIP) | (values >= 1 - _CLIP)).mean())


def grey_range(values: NDArray[np.float32]) -> float | None:
    """From the 5th to the 95th percentile of the grey values of the column."""
    if len(values) == 0:
        return None
    low, high = np.percentile(values, [5, 95])
    return float(high - low)


def edge_width(pixels: NDArray[np.float32], marks: Landmarks) -> float | None:
    """How wide the edges of the endplates are, over the height of the body (median of all places).

    Grey values across an endplate, each the mean of neighbouring places: their range over their
    steepest slope. None without whole bodies.
    """
    square = np.array([1.0, marks.aspect])
    bodies = [body.corners * square for body in marks.bodies]
    whole = [corners for corners in bodies if np.isfinite(corners).all()]
    if not whole:
        return None
    ends = np.stack(whole).reshape(-1, 2, 1, 1, 2)  # endplates, front and back
    up = np.stack([corners[:2].mean(axis=0) - corners[2:].mean(axis=0) for corners in whole])
    front, back = ends[:, 0], ends[:, 1]
    across = _ACROSS[:, None] * np.repeat(up, 2, axis=0)[:, None, None]
    points = back + _PLACES[:, None, None] * (front - back) + across
    at = (points / square).astype(np.float32).reshape(-1, len(_ACROSS), 2)
    grey = cv2.remap(pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grey = grey.reshape(len(ends), len(_PLACES), len(_ACROSS))
    mean = ((grey[:, :-1] + grey[:, 1:]) / 2).reshape(-1, len(_ACROSS))
    slope = np.abs(np.gradient(mean, _ACROSS, axis=1)).max(axis=1)
    widths = np.ptp(mean, axis=1)[slope > 0] / slope[slope > 0]
    return float(np.median(widths)) if len(widths) else None


def obliquity(body: BodyLandmarks, aspect: float) -> float | None:
    """Degrees by which a body is rolled, as far as its outline tells.

    A rolled body shows two contours of each endplate; the outline follows the outer ones, the corners
    lie on the mid-line. How far the outline runs outside the endplate lines, over half of the body's
    width, is the sine of the angle. None where a corner is unknown.
    """
    square = np.array([1.0, aspect])
    corners, contour = body.corners * square, thinned(body.contour) * square
    if not np.isfinite(corners).all() or len(contour) < 8:
        return None
    middle = corners.mean(axis=0)
    found = [overhang(contour, front, back, middle) for front, back in (corners[:2], corners[2:])]
    out = [each[0] for each in found if each is not None]
    if not out:
        return None
    depth = float(np.linalg.norm(corners[[0, 2]] - corners[[1, 3]], axis=1).mean())
    sine = max(float(np.mean(out)), 0.0) / (0.5 * _WIDTH_OVER_DEPTH * max(depth, 1e-9))
    return float(np.degrees(np.arcsin(min(sine, 1.0))))


def body_height(marks: Landmarks) -> float | None:
    """Median height of the bodies in widths of a pixel; None without whole bodies."""
    square = np.array([1.0, marks.aspect])
    heights = [
        float(np.linalg.norm((body.corners[:2] - body.corners[2:]) * square, axis=1).mean())
        for body in marks.bodies
    ]
    known = [height for height in heights if np.isfinite(height) and height > 0]
    return float(np.median(known)) if known else None


def _known(body: BodyLandmarks) -> FloatArray:
    return body.corners[np.isfinite(body.corners).all(axis=1)]
