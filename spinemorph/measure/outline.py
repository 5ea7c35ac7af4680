"""The outline of one body, with and without what opening takes off, in its own axes."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray, Instance

#: Bodies are looked at with this many pixels of height at most; finer than that adds only time.
HEIGHT_PX: Final = 64.0
#: Radius of the opening that takes osteophytes off, as part of the body's height.
OPENING: Final = 0.12
#: Quarters in the order of the corners: signs of forward and up.
QUARTERS: Final = ((1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
#: Points of the ring that describes an outline.
POINTS: Final = 160
#: A support point is the mean of the outline within this part of half the extent from the farthest.
_NEAR: Final = 0.02
#: Axes are turned so often at most, and until they are level to this angle in radians.
_ROUNDS, _LEVEL = 4, 1e-6
#: The Gaussian that smooths a contour, of 1.5 pixels, and how far it reaches.
_WIDE: Final = 5
_BELL: Final = np.exp(-0.5 * (np.arange(-_WIDE, _WIDE + 1) / 1.5) ** 2)


def contour_of(instance: Instance) -> FloatArray:
    """Outer contour (n, 2) x, y of an instance in pixels of the film, along the edge of the mask."""
    return contour(instance.mask) + [instance.box.left, instance.box.top]


def contour(mask: NDArray[Any]) -> FloatArray:
    """Longest outer contour (n, 2) x, y of a mask (bool or 0 and 1), sub-pixel.

    The chain of border pixels is smoothed by a Gaussian of 1.5 pixels and moved outward by half a pixel
    along its larger component: border pixels of a straight edge lie that far inside on average.
    """
    framed = _framed(mask.astype(np.uint8), 1)
    chains, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(chains, key=len).reshape(-1, 2).astype(np.float64) - 1
    if len(points) < 16:
        return points
    around = np.concatenate([points[-_WIDE - 2 :], points, points[: _WIDE + 2]])
    bell = _BELL / _BELL.sum()
    smooth = np.stack([np.convolve(around[:, k], bell, "valid") for k in (0, 1)], axis=1)
    tangent = smooth[4:] - smooth[:-4]
    smooth, following = smooth[2:-2], smooth[3:-1]
    area = smooth[:, 0] @ following[:, 1] - smooth[:, 1] @ following[:, 0]
    length = np.sqrt((tangent * tangent).sum(axis=1, keepdims=True))
    outward = tangent[:, ::-1] * [1.0, -1.0] / np.maximum(length, 1e-9)
    half = 0.5 if area > 0 else -0.5
    return np.asarray(smooth + half * outward * np.abs(outward).max(axis=1, keepdims=True))


def _framed(mask: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """With a frame of 0, ``edge`` pixels wide."""
    framed = cv2.copyMakeBorder(mask, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(framed, np.uint8)


def outlines(instance: Instance, aspect: float) -> tuple[FloatArray, FloatArray]:
    """Contours (n, 2), (m, 2) of a body in square pixels of the film: as it is, and opened.

    Opening (erosion, then dilation) takes off what is thinner than the kernel; the body less its opening
    is what osteophytes are sought in (figure 10 of the paper).
    """
    mask = instance.mask.astype(np.uint8)
    height = float(np.sqrt(cv2.countNonZero(mask) * aspect / 1.25))
    shrink = min(1.0, HEIGHT_PX / max(height, 1.0))
    rows = max(round(mask.shape[0] * aspect * shrink), 1)
    columns = max(round(mask.shape[1] * shrink), 1)
    step = np.array([mask.shape[1] / columns, mask.shape[0] * aspect / rows])
    if (rows, columns) != mask.shape:
        sized = cv2.resize(mask * np.uint8(255), (columns, rows), interpolation=cv2.INTER_AREA)
        mask = (sized > 127).astype(np.uint8)
        if not mask.any():
            mask = np.ones_like(mask)
    size = 2 * max(round(OPENING * height * shrink), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    edge = size + 1
    opened = cv2.morphologyEx(_framed(mask, edge), cv2.MORPH_OPEN, kernel)[edge:-edge, edge:-edge]
    origin = np.array([instance.box.left, instance.box.top * aspect])
    corner = np.array([0.5, 0.5 * aspect])  # pixel centres are whole numbers, their edges are not
    whole, smooth = (
        (contour(part) + 0.5) * step - corner + origin
        for part in (mask, opened if opened.any() else mask)
    )
    return whole, smooth


def own_axes(
    points: FloatArray, forward: FloatArray, up: FloatArray, *, top_only: bool
) -> FloatArray:
    """Rows forward and up (2, 2) of the body itself, from an outline and axes to start from.

    Turned until the lines through its own support corners are level: those of both endplates, or
    ``top_only`` (S1) of the upper one.
    """
    axes = np.stack([forward, up])
    diagonals = np.array(QUARTERS) / np.sqrt(2)
    for _ in range(_ROUNDS):
        unit, _, half = in_box(points @ axes.T)
        ends = support(unit, diagonals) * half
        across = ends[0] - ends[1]
        if not top_only:
            across = across + ends[2] - ends[3]
        angle = float(np.arctan2(across[1], across[0]))
        if abs(angle) < _LEVEL:
            break
        cos, sin = np.cos(angle), np.sin(angle)
        axes = np.array([[cos, sin], [-sin, cos]]) @ axes
    return axes


def in_box(points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points (n, 2) in their own box, -1 to 1; its centre (2,) and half its size (2,)."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2, 1e-9)
    centre = (high + low) / 2
    return (points - centre) / half, centre, half


def support(points: FloatArray, directions: FloatArray) -> FloatArray:
    """Support points (k, 2) of an outline (n, 2) in unit ``directions`` (k, 2)."""
    reach = points @ directions.T
    near = (reach >= reach.max(axis=0) - _NEAR).astype(np.float64)
    return np.asarray((near.T @ points) / near.sum(axis=0)[:, None])


def ring(points: FloatArray) -> FloatArray:
    """POINTS points (POINTS, 2) in equal steps along an outline (n, 2) that is given in a box: from the
    middle of the front upward, over the back.
    """
    following = np.roll(points, -1, axis=0)
    if (points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum() < 0:
        points = points[::-1]
    front = int(np.abs(np.arctan2(points[:, 1], points[:, 0])).argmin())
    closed = np.concatenate([points[front:], points[: front + 1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    whole = max(float(along[-1]), 1e-9)
    # the wall runs upward there: its point at height 0 lies that far before the nearest of the outline
    at = (np.arange(POINTS) / POINTS * whole - closed[0, 1]) % whole
    return np.stack([np.interp(at, along, closed[:, k]) for k in (0, 1)], axis=1)
