"""Affine steps between the film, its windows and its crops; each one can be inverted.

A step is a (3, 3) float64 matrix that takes x, y, 1 of the source to the target. Steps are
combined by ``@``: ``second @ first``. Pixel centres lie at whole numbers on both sides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinemorph.types import FloatArray

Step = NDArray[np.float64]


def identity() -> Step:
    return np.eye(3)


def translation(x: float, y: float) -> Step:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float | None = None) -> Step:
    return np.diag([x, x if y is None else y, 1.0])


def rotation(radians: float) -> Step:
    """Turns the x axis toward the y axis (clockwise as seen on a film)."""
    cos, sin = np.cos(radians), np.sin(radians)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def mirror() -> Step:
    """Swaps left and right about x = 0."""
    return np.diag([-1.0, 1.0, 1.0])


def invert(step: Step) -> Step:
    return np.linalg.inv(step)


def apply(step: Step, points: ArrayLike) -> FloatArray:
    """Points (..., 2) through ``step``; NaN stays NaN."""
    points = np.asarray(points, np.float64)
    return points @ step[:2, :2].T + step[:2, 2]


def spread(step: Step, covariance: FloatArray) -> FloatArray:
    """Covariances (..., 2, 2) of points through ``step``."""
    linear = step[:2, :2]
    return linear @ covariance @ linear.T


def scale_of(step: Step) -> float:
    """Geometric mean of the two scales of ``step``."""
    return float(np.sqrt(abs(np.linalg.det(step[:2, :2]))))


def is_mirrored(step: Step) -> bool:
    return bool(np.linalg.det(step[:2, :2]) < 0)


def fit(rows: int, columns: int, aspect: float, target_rows: int, target_columns: int) -> Step:
    """The whole film (pixels ``aspect`` times as high as wide) centred in a window."""
    scale = min(target_columns / columns, target_rows / (rows * aspect))
    centre = translation(-(columns - 1) / 2, -(rows - 1) / 2)
    place = translation((target_columns - 1) / 2, (target_rows - 1) / 2)
    return place @ scaling(scale, scale * aspect) @ centre
