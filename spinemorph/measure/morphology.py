"""Corners from a mask alone: erosion, dilation, subtraction (figure 10 of the paper) and line fits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray, Instance

#: Radius of the opening that takes osteophytes off, as part of the body's height.
OPENING = 0.22
#: Part of an endplate, from its middle outward, that the line is fitted to: rims are rounded.
FITTED = 0.80
#: Endplate points farther from the line than this part of the height are left out (concave middle).
OUTLIER = 0.05


def contour_of(instance: Instance) -> FloatArray:
    """Outer contour (n, 2) x, y of an instance in pixels, along the edge between pixels."""
    padded = np.pad(instance.mask.astype(np.uint8), 1)
    contours, _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(contours, key=len).reshape(-1, 2).astype(np.float64) - 1
    middle = points.mean(axis=0)
    # centres of border pixels lie half a pixel inside the silhouette
    away = points - middle
    points = points + 0.5 * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    return points + [instance.box.left, instance.box.top]


def mask_corners(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> FloatArray:
    """The four corners (4, 2) in pixels of the film, from the mask.

    ``up`` and ``forward``: unit vectors (2,) toward the head and the front, in square pixels. The mask
    is opened to take osteophytes off; a robust line through each endplate is cut with the walls.
    NaN where an endplate has too few points.
    """
    mask, origin, scale = _square(instance, aspect)
    height = _extent(mask, up)
    opened = _opened(mask, OPENING * height)
    ring = opened & ~_eroded(opened, 1)
    rows, columns = np.nonzero(ring)
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    middle = points.mean(axis=0)
    axes = _own_axes(points - middle, up, forward)
    local = (points - middle) @ axes.T  # forward, up
    corners = _corners(local)
    film = corners @ axes + middle
    film = film + 0.5 * np.sign(corners) @ axes  # half a pixel from centre to edge
    return film / scale + origin


def sacral_corners(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> FloatArray:
    """The two superior corners of S1 (4, 2), inferior ones NaN; ``up`` points to L5."""
    full = mask_corners(instance, up, forward, aspect)
    full[2:] = np.nan
    return full


def _square(instance: Instance, aspect: float) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
    """The mask with square pixels and a margin; origin and scale bring points back."""
    mask = instance.mask.astype(np.uint8)
    if abs(aspect - 1) > 1e-6:
        rows = max(round(mask.shape[0] * aspect), 1)
        mask = cv2.resize(mask, (mask.shape[1], rows), interpolation=cv2.INTER_NEAREST)
    margin = max(mask.shape) // 3 + 2
    mask = np.pad(mask, margin)
    scale = np.array([1.0, mask.shape[0] / (instance.mask.shape[0] + 2 * margin / aspect)])
    scale[1] = aspect
    origin = np.array([instance.box.left - margin, instance.box.top - margin / aspect])
    return mask.astype(bool), origin, scale


def _extent(mask: NDArray[np.bool_], direction: FloatArray) -> float:
    rows, columns = np.nonzero(mask)
    along = columns * direction[0] + rows * direction[1]
    low, high = np.percentile(along, (2, 98))
    return float(high - low)


def _disk(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(round(radius), 1) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8)


def _opened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disk(radius))
    return opened.astype(bool) if opened.any() else mask


def _eroded(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), _disk(radius)).astype(bool)


def _own_axes(points: FloatArray, up: FloatArray, forward: FloatArray) -> FloatArray:
    """Rows forward and up of the body itself: its endplates decide, the given axes start."""
    axes = np.stack([forward, up])
    for _ in range(3):
        local = points @ axes.T
        slopes = [s for side in (1, -1) if (s := _endplate(local, side)) is not None]
        if not slopes:
            return axes
        turn = float(np.mean([np.arctan(slope) for slope, _ in slopes]))
        cos, sin = np.cos(turn), np.sin(turn)
        axes = np.array([[cos, sin], [-sin, cos]]) @ axes
    return axes


def _endplate(local: FloatArray, side: int) -> tuple[float, float] | None:
    """Slope and intercept of one endplate: superior ``side`` 1, inferior -1.

    Points of the outline that lie outermost along up in their column, without the rounded ends; lines
    by iterated least squares that leaves out what sinks in.
    """
    x, y = local[:, 0], local[:, 1] * side
    low, high = np.percentile(x, (1, 99))
    half, centre = (high - low) / 2, (high + low) / 2
    if half <= 2:
        return None
    columns = np.round(x).astype(int)
    first = columns.min()
    tops = np.full(columns.max() - first + 1, -np.inf)
    np.maximum.at(tops, columns - first, y)
    at = np.arange(len(tops)) + first
    use = np.isfinite(tops) & (np.abs(at - centre) < FITTED * half)
    if use.sum() < 5:
        return None
    px, py = at[use].astype(float), tops[use]
    keep = np.ones(len(px), bool)
    height = float(np.ptp(local[:, 1]))
    slope, intercept = 0.0, 0.0
    for _ in range(6):
        slope, intercept = np.polyfit(px[keep], py[keep], 1)
        residual = py - slope * px - intercept
        fresh = residual > -OUTLIER * height
        if fresh.sum() < max(5, 0.3 * len(px)) or (fresh == keep).all():
            break
        keep = fresh
    return float(slope) * side, float(intercept) * side


def _corners(local: FloatArray) -> FloatArray:
    """Corners (4, 2) forward, up: the endplate lines cut where the outline turns into the walls."""
    result = np.full((4, 2), np.nan)
    for row, side in ((0, 1), (2, -1)):
        line = _endplate(local, side)
        if line is None:
            continue
        slope, intercept = line
        height = float(np.ptp(local[:, 1]))
        gap = (slope * local[:, 0] + intercept - local[:, 1]) * side
        near = local[(gap < 0.13 * height)]
        for column, end in ((0, 1), (1, -1)):
            if len(near) == 0:
                continue
            reach = near[:, 0] * end
            x = end * float(np.percentile(reach, 99.5))
            result[row + column] = [x, slope * x + intercept]
    return result
