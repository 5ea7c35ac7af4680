"""Where a column laid out straight is cut between its bodies.

The cuts are the cheapest way through the column: a cut costs more the more bone lies on it (the width
profile along the curve, at the best tilt of a disc), a body costs more the less its height is like that of
its neighbours, and a gap inside a body costs as much as bone is missing. Lengths are in depths of a body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

#: Tilt of a disc against the normal of the curve, tangents.
TILTS: Final = np.tan(np.radians(np.arange(-30, 31, 6)))
#: How much longer an oblique cut counts than it is, times the square of its tilt.
OBLIQUE: Final = 0.35
#: Heights of a body (with its share of closed discs) over its depth that are tried, the most likely one,
#: and the spread of films about it and of the bodies of a film about theirs, as deviations of a logarithm.
HEIGHTS: Final = tuple(np.geomspace(0.55, 1.15, 10).tolist())
HEIGHT: Final = 0.75
FILMS: Final = 0.1
BODIES: Final = 0.17
#: Cost of a cut through bone without any notch, and through the clearest notch in units of it; how much a
#: notch counts beside the width of the bone; the longest notch that is a disc and not a body's waist, in
#: depths.
BONE: Final = 1.0
REWARD: Final = -2.0
NOTCH: Final = 18.0
LONGEST_NOTCH: Final = 0.35
#: Bone on less than this part of the usual width is none; on less than this part it counts as missing.
OPEN: Final = 0.35
HOLLOW: Final = 0.6
#: Cost of bone missing inside a body, per depth.
MISSING: Final = 20.0
#: A body that is too short costs at most so much at an end of the column, where the film may cut it off.
END_LIMIT: Final = 1.5
#: The longest that one body can be, in depths.
LONGEST: Final = 2.4


@dataclass(frozen=True)
class Cut:
    """A line across the straightened column: position in steps at its middle, and tangent of its tilt."""

    at: float
    tilt: float


def disc_cuts(column: FloatArray, per_depth: int) -> tuple[Cut, ...]:
    """The cuts of a straightened column (along, across) of bone from 0 to 1, from its first row on.

    ``per_depth``: samples for the usual depth of a body. A cut in an open disc lies in its middle.
    """
    chords = _chords(column)
    upright = chords[:, len(TILTS) // 2]
    width = _local_width(upright, per_depth)
    bone = np.clip(upright / width, 0, 1)
    there = bone > OPEN
    if not there.any():
        return ()
    price = _price(np.clip(chords.min(axis=1) / width, 0, 1), per_depth)
    depths = np.concatenate([[0.0], np.cumsum(1 / width)])
    pieces = _Pieces(bone, there, depths, round(LONGEST * per_depth))
    found = [_cheapest(pieces, price, height) for height in HEIGHTS]
    edges = min(found, key=lambda each: each[0])[1]
    best = chords.argmin(axis=1)
    return tuple(Cut(float(at), float(TILTS[best[at]])) for at in pieces.cuts(edges))


def _chords(column: FloatArray) -> FloatArray:
    """Bone on a line across the column at every row and tilt (along, tilts)."""
    along, across = column.shape
    offsets = np.arange(across) - across // 2
    rows = np.arange(along)[:, None, None] + offsets[None, None] * TILTS[None, :, None]
    low = np.floor(rows).astype(int)
    part = rows - low
    places = np.broadcast_to(np.arange(across), rows.shape)
    padded = np.pad(column, ((across, across + 2), (0, 0)))
    first = padded[low + across, places]
    second = padded[low + across + 1, places]
    bone: FloatArray = (first * (1 - part) + second * part).sum(-1)
    return bone * (1 + OBLIQUE * TILTS**2)


def _local_width(upright: FloatArray, per_depth: int) -> FloatArray:
    """The width that whole bodies have around every row: a straight line through the column's."""
    from scipy import ndimage

    widest = ndimage.percentile_filter(upright, 80, per_depth | 1)
    rows = np.flatnonzero(upright > 0.4 * np.percentile(upright, 90))
    usual = float(np.median(widest[rows])) if len(rows) else 1.0
    if len(rows) < 2 * per_depth:
        return np.full(len(upright), max(usual, 1.0))
    line = np.polynomial.Polynomial.fit(rows, widest[rows], 1)
    for _ in range(3):
        rest = np.abs(widest[rows] - line(rows))
        line = np.polynomial.Polynomial.fit(
            rows, widest[rows], 1, w=1 / np.sqrt(rest + 0.03 * usual)
        )
    return np.clip(line(np.arange(len(upright))), 0.7 * usual, 1.3 * usual)


def _price(relative: FloatArray, per_depth: int) -> FloatArray:
    """Cost of a cut at every row: a narrow notch invites one, a wide waist does not."""
    from scipy import ndimage

    size = max(3, round(LONGEST_NOTCH * per_depth))
    notch = ndimage.grey_closing(relative, size) - relative
    return BONE * np.clip(relative - NOTCH * notch, REWARD, 1)


class _Pieces:
    """Every stretch of the column that may be one body: its height in depths, and what it lacks.

    ``depths``: the place of every row and of the end, in depths of a body.
    """

    def __init__(
        self, bone: FloatArray, there: NDArray[np.bool_], depths: FloatArray, reach: int
    ) -> None:
        rows = len(bone)
        self.there, self.reach, self.rows = there, reach, rows
        self.following = _next(there)
        self.before = rows - _next(there[::-1])[::-1]
        ends = np.arange(rows + 1)[:, None]
        starts = ends - np.arange(reach, 0, -1)[None]
        top, bottom = self.following[np.maximum(starts, 0)], self.before[ends]
        self.impossible, self.empty = starts < 0, top >= bottom
        self.at_end = (top <= self.following[0]) | (bottom >= self.before[rows])
        self.size = np.log(np.maximum(depths[np.maximum(bottom, top)] - depths[top], 1e-3))
        lost = np.concatenate([[0.0], np.cumsum(np.clip(HOLLOW - bone, 0, 1) * np.diff(depths))])
        self.missing = MISSING * (lost[np.maximum(bottom, top)] - lost[top])

    def costs(self, height: float) -> FloatArray:
        """Cost of the stretch as one body (ends, starts from far to near); nothing without bone."""
        off = self.size - np.log(height)
        body = off**2 / (2 * BODIES**2)
        body = np.where(self.at_end & (off < 0), np.minimum(body, END_LIMIT), body) + self.missing
        return np.where(self.impossible, np.inf, np.where(self.empty, 0.0, body))

    def cuts(self, edges: Sequence[int]) -> list[int]:
        """The cuts between the bodies that lie between ``edges``, in the middle of open discs."""
        spans = [(a, b) for a, b in pairwise(edges) if self.following[a] < self.before[b]]
        return [self._centred(above[1], below[0]) for above, below in pairwise(spans)]

    def _centred(self, above: int, below: int) -> int:
        top, bottom = above, max(below, above)
        if self.there[min(top, self.rows - 1)] and bottom == top:
            return top
        while top > 0 and not self.there[top - 1]:
            top -= 1
        while bottom < self.rows and not self.there[bottom]:
            bottom += 1
        return (top + bottom) // 2


def _cheapest(pieces: _Pieces, price: FloatArray, height: float) -> tuple[float, list[int]]:
    """The least cost for bodies of about this height, and the ends of the stretches that cost it."""
    rows, reach, costs = pieces.rows, pieces.reach, pieces.costs(height)
    prices = [*price.tolist(), 0.0]
    cost = np.full(rows + reach + 1, np.inf)
    cost[reach] = 0.0
    came = np.zeros(rows + 1, int)
    for end in range(1, rows + 1):
        total = cost[end : end + reach] + costs[end]
        came[end] = pick = int(total.argmin())
        cost[end + reach] = total[pick] + prices[end]
    edges = [rows]
    while edges[-1] > 0:
        edges.append(edges[-1] - reach + int(came[edges[-1]]))
    off = np.log(height / HEIGHT)
    return float(cost[-1] + off**2 / (2 * FILMS**2)), edges[::-1]


def _next(there: NDArray[np.bool_]) -> FloatArray:
    """For every row and the end: the first row from there on that has bone, or the end."""
    rows = len(there)
    places = np.where(there, np.arange(rows), rows)
    found = np.minimum.accumulate(places[::-1])[::-1]
    return np.concatenate([found, [rows]])
