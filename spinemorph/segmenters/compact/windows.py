"""Windows on a film: affine maps film -> window, and the two channels that the networks see.

An affine map is a (2, 3) array; pixel centres are at whole numbers on both sides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.segmenters.compact import layout
from spinemorph.types import FloatArray

Affine = NDArray[np.float64]
FloatImage = NDArray[np.float32]


def similarity(
    source: tuple[float, float] | FloatArray,
    target: tuple[float, float],
    scale: float,
    turn: float = 0.0,
    mirror: bool = False,
) -> Affine:
    """Map that brings ``source`` to ``target``: scale, turn (radians, clockwise), mirror first."""
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    if mirror:
        linear = linear @ np.diag([-1.0, 1.0])
    shift = np.asarray(target) - linear @ np.asarray(source)
    return np.hstack([linear, shift[:, None]])


def apply(affine: Affine, points: FloatArray) -> FloatArray:
    """Points (..., 2) through the map."""
    return points @ affine[:, :2].T + affine[:, 2]


def invert(affine: Affine) -> Affine:
    linear = np.linalg.inv(affine[:, :2])
    return np.hstack([linear, -(linear @ affine[:, 2])[:, None]])


def after(second: Affine, first: Affine) -> Affine:
    """The map that applies ``first`` and then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    shift = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.hstack([linear, shift[:, None]])


def coarser(affine: Affine, stride: float) -> Affine:
    """The same map into a grid whose cells are ``stride`` pixels wide."""
    first = (stride - 1) / 2
    result = affine.copy()
    result[:, 2] -= first
    return result / stride


def whole_film(rows: int, columns: int, aspect: float = 1.0) -> Affine:
    """The film as large as it fits the finder's window; pixels made square."""
    high, wide = layout.FINDER_ROWS, layout.FINDER_COLUMNS
    scale = min(high / (rows * aspect), wide / columns)
    affine = np.array([[scale, 0, 0], [0, scale * aspect, 0]])
    affine[:, 2] = [
        (wide - 1) / 2 - scale * (columns - 1) / 2,
        (high - 1) / 2 - scale * aspect * (rows - 1) / 2,
    ]
    return affine


#: In the zoomed window neighbouring centres lie this far apart, the lowest one this far up.
ZOOM_PITCH = 50.0
ZOOM_LOWEST = (168.0, 342.0)


def zoom(centres: FloatArray, facing_left: bool, sacrum: bool) -> Affine:
    """Upright window on a column; ``centres`` (n >= 2, 2) square pixels, from above downward.

    ``sacrum``: the last one is S1, whose centre lies nearer to L5 than a pitch.
    """
    bodies = centres[:-1] if sacrum and len(centres) > 3 else centres
    steps = np.linalg.norm(np.diff(bodies, axis=0), axis=1)
    scale = ZOOM_PITCH / float(np.median(steps))
    axis = centres[0] - centres[-1]
    upright = np.arctan2(axis[0], -axis[1])
    mirror = not facing_left
    turn = upright if mirror else -upright
    target = ZOOM_LOWEST if sacrum else (ZOOM_LOWEST[0], ZOOM_LOWEST[1] - 40.0)
    return similarity(centres[-1], target, scale, turn, mirror)


def body_crop(corners: FloatArray, facing_left: bool) -> Affine:
    """Canonical crop of a body from its four corners (square pixels): upright, anterior left."""
    across = (corners[0] - corners[1]) + (corners[2] - corners[3])
    down = (corners[2] - corners[0]) + (corners[3] - corners[1])
    depth, height = np.linalg.norm(across) / 2, np.linalg.norm(down) / 2
    size = (height + layout.DEPTH_WEIGHT * depth) / 2
    return _canonical(
        corners.mean(axis=0),
        across,
        facing_left,
        layout.CROP_BODY / max(float(size), 1e-6),
        (layout.CROP - 1) / 2,
    )


def sacrum_crop(corners: FloatArray, facing_left: bool) -> Affine:
    """Canonical crop of S1 from its two superior corners (2, 2): endplate level, anterior left."""
    across = corners[0] - corners[1]
    scale = layout.CROP_ENDPLATE / max(float(np.linalg.norm(across)), 1e-6)
    return _canonical(
        corners[:2].mean(axis=0), across, facing_left, scale, layout.CROP_ENDPLATE_ROW
    )


def _canonical(
    middle: FloatArray, forward: FloatArray, facing_left: bool, scale: float, row: float
) -> Affine:
    """``forward`` (posterior to anterior) comes to lie along -x."""
    mirror = not facing_left
    ahead = forward * [-1.0, 1.0] if mirror else forward
    turn = np.arctan2(-ahead[1], -ahead[0])
    return similarity(middle, ((layout.CROP - 1) / 2, row), scale, -turn, mirror)


def sacrum_centre(corners: FloatArray, facing_left: bool) -> FloatArray:
    """Where the finder marks S1: a little below the middle of its endplate (square pixels)."""
    across = corners[0] - corners[1]
    below = np.array([-across[1], across[0]]) if facing_left else np.array([across[1], -across[0]])
    down = -below
    return np.asarray(corners[:2].mean(axis=0) + layout.SACRUM_DEPTH * down)


def cut(
    film: NDArray[np.generic],
    affine: Affine,
    rows: int,
    columns: int,
    *,
    reduced: dict[int, NDArray[np.generic]] | None = None,
) -> FloatImage:
    """The window's pixels, float32; 0 beyond the film. Reduced without aliasing.

    ``reduced``: smaller copies of this very film by factor; those that are made are kept in it.
    """
    reduced = {} if reduced is None else reduced
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    if scale < 0.6:
        factor = max(int(0.85 / scale), 1)
        if factor > 1:
            if factor not in reduced:
                size = max(film.shape[1] // factor, 1), max(film.shape[0] // factor, 1)
                reduced[factor] = cv2.resize(film, size, interpolation=cv2.INTER_AREA)
            small = reduced[factor]
            ratio = np.array([film.shape[1] / small.shape[1], film.shape[0] / small.shape[0]])
            affine = affine.copy()
            affine[:, 2] += affine[:, :2] @ ((ratio - 1) / 2)
            affine[:, :2] = affine[:, :2] * ratio
            film = small
    window = cv2.warpAffine(
        film, affine, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(window, np.float32)


def channels(window: FloatImage, local: int) -> FloatImage:
    """What a network sees of a window in any unit: (2, rows, columns) float32.

    First the window between its 1st and 99th percentile without the empty frame, then the same
    normalised to its surroundings of ``local`` pixels.
    """
    low, high = float(window.min()), float(window.max())
    inside = window[::4, ::4]
    inside = inside[(inside > low + 0.02 * (high - low)) & (inside < high - 0.005 * (high - low))]
    if inside.size > 64:
        ordered = np.sort(inside)
        low, high = _quantile(ordered, 0.01), _quantile(ordered, 0.99)
    unit = (window - low) / max(high - low, 1e-6)
    np.clip(unit, -0.25, 1.25, out=unit)
    mean = cv2.blur(unit, (local, local), borderType=cv2.BORDER_REFLECT)
    square = cv2.blur(unit * unit, (local, local), borderType=cv2.BORDER_REFLECT)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    relative = np.clip((unit - mean) / (deviation + 0.015), -3, 3) / 2
    return np.stack([unit * 2 - 1, relative]).astype(np.float32)


def _quantile(ordered: FloatImage, part: float) -> float:
    """As ``numpy.quantile`` of sorted values, which takes longer to begin than this to end."""
    at = part * (len(ordered) - 1)
    below = int(at)
    pair = ordered[below : below + 2].astype(np.float64)
    return float(pair[0] + (at - below) * (pair[-1] - pair[0]))
