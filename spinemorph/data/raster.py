"""Outlines to masks and back, exactly: a traced mask fills to the same mask again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import Box, FloatArray

Mask = NDArray[np.bool_]
Edge = tuple[int, int, int, int]


def rasterize(
    rings: Sequence[FloatArray], size: tuple[int, int] | None = None
) -> tuple[Mask, Box] | None:
    """Pixels whose centre lies in any of the rings (n, 2) of x, y; None where there is none.

    Each ring is filled by the non-zero winding rule; a centre on a left or upper edge is inside,
    on a right or lower edge outside. The mask is cropped to its box, which lies inside an image of
    ``size`` (rows, columns), or where the size is unknown at rows and columns from 0 upward.
    """
    points = np.concatenate(rings)
    left, top = np.maximum(np.ceil(points.min(axis=0)), 0).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    if size is not None:
        bottom, right = min(bottom, size[0]), min(right, size[1])
    if top >= bottom or left >= right:
        return None
    mask = np.zeros((bottom - top, right - left), bool)
    for ring in rings:
        mask |= _filled(ring - (left, top), mask.shape)
    return bounded(mask, Box(int(top), int(left), int(bottom), int(right)), size)


def _filled(ring: FloatArray, shape: tuple[int, int]) -> Mask:
    start, end = ring, np.roll(ring, -1, axis=0)
    down = start[:, 1] < end[:, 1]
    # Each edge is taken from its upper end, so that an edge and its way back cancel exactly.
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    first = np.clip(np.ceil(upper[:, 1]), 0, shape[0]).astype(int)
    count = np.clip(np.ceil(lower[:, 1]), 0, shape[0]).astype(int) - first
    edge = np.repeat(np.arange(len(ring)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    rise = np.where(count > 0, lower[:, 1] - upper[:, 1], 1.0)
    slope = (lower[:, 0] - upper[:, 0]) / np.where(rise > 0, rise, 1.0)
    crossing = upper[edge, 0] + (row - upper[edge, 1]) * slope[edge]
    column = np.clip(np.ceil(crossing), 0, shape[1]).astype(int)
    width = shape[1] + 1
    turns = np.bincount(
        row * width + column, weights=np.where(down, 1, -1)[edge], minlength=shape[0] * width
    )
    winding = np.cumsum(turns.reshape(shape[0], width), axis=1)[:, :-1]
    return np.asarray(np.abs(winding) > 0.5)


def bounded(mask: Mask, box: Box, size: tuple[int, int] | None = None) -> tuple[Mask, Box] | None:
    """The mask cropped tightly and clipped to an image of ``size``; None where nothing is left."""
    if size is not None:
        mask = mask[: max(size[0] - box.top, 0), : max(size[1] - box.left, 0)]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    tight = Box(box.top + top, box.left + left, box.top + bottom, box.left + right)
    return mask[top:bottom, left:right], tight


def outline(mask: Mask, box: Box) -> FloatArray:
    """One ring (n, 2) of x, y that fills to exactly this mask.

    It runs along the edges of the pixels. Holes and further parts are joined to it by seams of no
    width: a way there and the same way back.
    """
    rings = _edge_rings(mask)
    return joined(rings) + (box.left - 0.5, box.top - 0.5)


def single_ring(rings: Sequence[FloatArray]) -> FloatArray:
    """One ring that covers the union of several; each is turned the same way round first."""
    return joined([ring if _signed_area(ring) >= 0 else ring[::-1] for ring in rings])


def joined(rings: Sequence[FloatArray]) -> FloatArray:
    """Rings spliced into one at their nearest vertices."""
    whole = rings[0]
    for ring in rings[1:]:
        distance = np.square(whole[:, None] - ring[None]).sum(axis=2)
        here, there = np.unravel_index(int(distance.argmin()), distance.shape)
        detour = np.concatenate([ring[there:], ring[: there + 1]])
        whole = np.concatenate([whole[: here + 1], detour, whole[here:]])
    return whole


def _signed_area(ring: FloatArray) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _edge_rings(mask: Mask) -> list[FloatArray]:
    """Closed ways along pixel edges with the mask on the right hand, corners only.

    Outer ways turn clockwise on the screen, holes the other way. Coordinates count from the
    corner of the mask's first pixel.
    """
    framed = np.pad(mask, 1)
    inside = framed[1:-1, 1:-1]
    above, below = framed[:-2, 1:-1], framed[2:, 1:-1]
    before, after = framed[1:-1, :-2], framed[1:-1, 2:]
    edges: set[Edge] = set()
    for outside, start, step in (
        (above, (0, 0), (1, 0)),
        (after, (1, 0), (0, 1)),
        (below, (1, 1), (-1, 0)),
        (before, (0, 1), (0, -1)),
    ):
        rows, columns = np.nonzero(inside & ~outside)
        xs, ys = (columns + start[0]).tolist(), (rows + start[1]).tolist()
        edges.update((x, y, *step) for x, y in zip(xs, ys, strict=True))
    rings = []
    while edges:
        rings.append(_walk(edges))
    return rings


def _walk(edges: set[Edge]) -> FloatArray:
    """Take the closed way of one edge out of ``edges``."""
    x, y, dx, dy = min(edges)
    corners: list[tuple[int, int]] = []
    while (x, y, dx, dy) in edges:
        edges.remove((x, y, dx, dy))
        x, y = x + dx, y + dy
        # Right before straight before left: where two pixels touch at a corner, stay with the one.
        for turn in ((-dy, dx), (dx, dy), (dy, -dx)):
            if (x, y, *turn) in edges:
                if turn != (dx, dy):
                    corners.append((x, y))
                dx, dy = turn
                break
    return np.array([*corners, (x, y)], dtype=np.float64)
