"""The curve of a spine through a mask of its bodies, and the mask laid out straight along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

Mask = NDArray[np.bool_]

#: Samples of the straightened column per depth of a body: rows along the curve, columns across it.
PER_DEPTH: Final = 20
#: How far the straightened column reaches to each side, in depths of a body.
REACH: Final = 0.9
#: The curve goes on straight beyond the outermost bodies, in depths of a body.
BEYOND: Final = 0.5
#: A column shorter than so many depths of a body is fitted by a polynomial of this degree.
DEGREES: Final = ((1.7, 1), (3.2, 2), (5.0, 3), (np.inf, 4))
#: Enough pixels to fit a curve to.
ENOUGH: Final = 4000


@dataclass(frozen=True, eq=False)
class SpineCurve:
    """A curve from the cranial to the caudal end of a column, at equal steps.

    ``points``, ``tangents`` (n, 2): x, y and unit vectors; ``step``: pixels from point to point; ``depth``:
    the usual extent of the bodies across the curve, in pixels.
    """

    points: FloatArray
    tangents: FloatArray
    step: float
    depth: float

    @property
    def normals(self) -> FloatArray:
        """Unit vectors across the curve (n, 2), to the left of its way down."""
        return np.column_stack([self.tangents[:, 1], -self.tangents[:, 0]])

    def straightened(self, image: NDArray[np.float32]) -> FloatArray:
        """``image`` (rows, columns) along the curve (n, across), 0 beyond its edges."""
        import cv2

        offsets = np.arange(-round(REACH * PER_DEPTH), round(REACH * PER_DEPTH) + 1)
        across = offsets * self.depth / PER_DEPTH
        where = self.points[:, None] + self.normals[:, None] * across[None, :, None]
        where = where.astype(np.float32)
        return cv2.remap(image, where[..., 0], where[..., 1], cv2.INTER_LINEAR).astype(float)

    def coordinates(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position along the curve in steps, and signed distance across it in steps, of (n, 2)."""
        from scipy.spatial import cKDTree

        nearest = cKDTree(self.points).query(points)[1]
        away = points - self.points[nearest]
        along = nearest + (away * self.tangents[nearest]).sum(1) / self.step
        return along, (away * self.normals[nearest]).sum(1) / self.step


def spine_curve(bodies: Mask, beside: Mask | None = None) -> SpineCurve:
    """The curve through ``bodies`` (rows, columns), at least one pixel.

    ``beside``: more of the spine that the curve should go through, as the sacrum.
    """
    spine = bodies if beside is None else bodies | beside
    points = _pixels(spine)
    middle, axis = points.mean(0), _axis(points)
    across = np.array([axis[1], -axis[0]])
    down, aside = (points - middle) @ axis, (points - middle) @ across
    share = float(np.count_nonzero(spine)) / len(points)
    depth = _depth(down, share)
    knots, values, weights = _bins(down, aside, max(depth / 8, 1.0))
    lumbar = (_pixels(bodies) - middle) @ axis
    ends = float(lumbar.min()) - BEYOND * depth, float(lumbar.max()) + BEYOND * depth
    curve = _curve(knots, values, weights, (middle, axis, across), depth, ends)
    for _ in range(2):
        chords = curve.straightened(spine.astype(np.float32))
        width = chords.sum(1)
        seen = width > 0.3 * PER_DEPTH
        if np.count_nonzero(seen) < PER_DEPTH / 2:
            break
        offsets = np.arange(chords.shape[1]) - chords.shape[1] // 2
        shift = (chords @ offsets)[seen] / width[seen] * curve.step
        moved = curve.points[seen] + curve.normals[seen] * shift[:, None] - middle
        depth = float(np.percentile(width[seen], 65)) * curve.step
        frame = middle, axis, across
        curve = _curve(moved @ axis, moved @ across, width[seen], frame, depth, ends)
    return curve


def _pixels(mask: Mask) -> FloatArray:
    """x, y of the pixels of a mask, thinned out evenly where they are many."""
    rows, columns = np.nonzero(mask)
    every = max(1, len(rows) // ENOUGH)
    return np.column_stack([columns, rows])[::every].astype(float)


def _axis(points: FloatArray) -> FloatArray:
    """Unit vector down the column: its long axis, or the vertical where it has no clear one."""
    down = np.array([0.0, 1.0])
    if len(points) < 3:
        return down
    spread, vectors = np.linalg.eigh(np.cov(points.T))
    longer = float(np.sqrt(spread[1] / max(spread[0], 1e-9)))
    axis = vectors[:, 1] * (1 if vectors[1, 1] >= 0 else -1)
    flat = abs(axis[1]) < 0.5
    return down if longer < 1.3 or (flat and longer < 2.5) else axis


def _depth(down: FloatArray, share: float) -> float:
    """The usual extent across the axis, pixels; ``share``: pixels that each point stands for."""
    counts = np.bincount(np.floor(down - down.min()).astype(int)) * share
    return max(float(np.percentile(counts[counts > 0], 65)), 1.0)


def _bins(
    down: FloatArray, aside: FloatArray, size: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means of the pixels in slices of the column, and how many they are."""
    index = np.floor((down - down.min()) / size).astype(int)
    counts = np.bincount(index)
    full = counts > 0
    means = [np.bincount(index, values)[full] / counts[full] for values in (down, aside)]
    return means[0], means[1], counts[full].astype(float)


def _curve(
    knots: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    frame: tuple[FloatArray, FloatArray, FloatArray],
    depth: float,
    ends: tuple[float, float],
) -> SpineCurve:
    """A polynomial through the knots, straight beyond the outermost, sampled at equal steps."""
    middle, axis, across = frame
    low, high = float(knots.min()), float(knots.max())
    degree = next(degree for limit, degree in DEGREES if (high - low) / depth < limit)
    degree = min(degree, len(knots) - 1)
    if high - low < 1e-6:
        degree = 0
    fitted = np.polynomial.Polynomial.fit(knots, values, degree, w=np.sqrt(weights))
    t = np.linspace(*ends, 400)
    inside = np.clip(t, low, high)
    aside = fitted(inside) + fitted.deriv()(inside) * (t - inside)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(t), np.diff(aside)))])
    step = depth / PER_DEPTH
    at = np.arange(0.0, length[-1] + step, step)
    t, aside = np.interp(at, length, t), np.interp(at, length, aside)
    points = middle + t[:, None] * axis + aside[:, None] * across
    tangents = np.gradient(points, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    return SpineCurve(points, tangents, step, depth)
