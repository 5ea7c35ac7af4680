"""Corners from a mask alone: erosion, opening, subtraction (figure 10 of the paper)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.rim import rim_corners
from spinemorph.types import FloatArray, Instance

#: Radius of the opening that takes osteophytes off, as part of the body's height.
OPENING = 0.12
#: Turns until a body stands upright in its own axes.
ROUNDS = 4

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
    """The four corners (4, 2) in pixels of the film, from the mask; S1's inferior ones NaN.

    ``up`` and ``forward``: unit vectors (2,) toward the head and the front, in square pixels.
    """
    mask, origin = _square(instance, aspect)
    axes = np.stack([forward, up])
    if instance.category == "sacrum":
        corners = np.vstack([_sacral_corners(mask, axes), np.full((2, 2), np.nan)])
    else:
        corners = _body_corners(mask, axes)
    return corners / [1.0, aspect] + origin


def _body_corners(mask: NDArray[np.bool_], axes: FloatArray) -> FloatArray:
    """The mask is opened to take osteophytes off (figure 10 of the paper); its rim, the mask less its
    erosion, is turned upright until the lines through its own corners are level.
    """
    opened = _opened(mask, OPENING * _extent(mask, axes[1]))
    rows, columns = np.nonzero(opened & ~_eroded(opened, 1))
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    middle = points.mean(axis=0)
    corners = np.zeros((4, 2))
    for _ in range(ROUNDS):
        corners = rim_corners((points - middle) @ axes.T)
        across = corners[0] - corners[1] + corners[2] - corners[3]
        turn = float(np.arctan2(across[1], across[0]))
        cos, sin = np.cos(turn), np.sin(turn)
        axes = np.array([[cos, sin], [-sin, cos]]) @ axes
        corners = corners @ np.array([[cos, -sin], [sin, cos]])
    # from pixel centres to their edges
    return np.asarray((corners + 0.5 * np.sign(corners)) @ axes + middle)


def _sacral_corners(mask: NDArray[np.bool_], axes: FloatArray) -> FloatArray:
    """Ends of the endplate, anterior then posterior.

    S1 is a quadrilateral with a curved top: the smallest one around its hull; of its sides the one
    that looks most toward the head, its ends brought back onto the outline.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=len)
    around = cv2.approxPolyN(cv2.convexHull(outline), 4, ensure_convex=True)
    ring = outline.reshape(-1, 2).astype(np.float64)
    ends = around.reshape(-1, 2).astype(np.float64)
    if len(ends) != 4:
        return np.full((2, 2), np.nan)
    sides = [(ends[i], ends[(i + 1) % 4]) for i in range(4)]
    middle = ring.mean(axis=0)

    def upward(side: tuple[FloatArray, FloatArray]) -> float:
        along = (side[1] - side[0]) / max(float(np.linalg.norm(side[1] - side[0])), 1e-9)
        normal = np.array([-along[1], along[0]])
        return float(abs(normal @ axes[1]) * np.sign(((side[0] + side[1]) / 2 - middle) @ axes[1]))

    first, second = max(sides, key=upward)
    if (first - second) @ axes[0] < 0:
        first, second = second, first
    return np.array([ring[np.argmin(np.linalg.norm(ring - end, axis=1))] for end in (first, second)])


def _square(instance: Instance, aspect: float) -> tuple[NDArray[np.bool_], FloatArray]:
    """The mask with square pixels and a margin, and where its first pixel lies on the film."""
    mask = instance.mask.astype(np.uint8)
    if abs(aspect - 1) > 1e-6:
        rows = max(round(mask.shape[0] * aspect), 1)
        mask = cv2.resize(mask, (mask.shape[1], rows), interpolation=cv2.INTER_NEAREST)
    margin = max(mask.shape) // 3 + 2
    origin = np.array([instance.box.left - margin, instance.box.top - margin / aspect])
    return np.pad(mask, margin).astype(bool), origin


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
