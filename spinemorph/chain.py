"""The spine as a path: which of several candidates form one column, from the sacrum upward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray, frozen_array

#: Distance of neighbouring centres over their mean height: disc and body of the lumbar spine.
PITCH_OVER_HEIGHT = 1.32
#: A step longer than this many pitches passes over a body.
GAP = 1.55
#: So many bodies beside a column are another column.
ANOTHER = 3
_FORBIDDEN = 1e6


@dataclass(frozen=True, eq=False)
class Nodes:
    """Candidates: ``centres`` (n, 2), ``ups`` (n, 2) unit vectors toward the head, ``heights`` (n,),
    ``scores`` (n,) 0 to 1, ``sacrum`` (n,) bool. Square pixels, x right, y down.
    """

    centres: FloatArray
    ups: FloatArray
    heights: FloatArray
    scores: FloatArray
    sacrum: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.centres)
        for name, shape, kind in (
            ("centres", (n, 2), np.float64),
            ("ups", (n, 2), np.float64),
            ("heights", (n,), np.float64),
            ("scores", (n,), np.float64),
            ("sacrum", (n,), bool),
        ):
            object.__setattr__(self, name, frozen_array(getattr(self, name), kind, shape, name))


def best_path(
    nodes: Nodes, neutral: float = 0.12, sacrum: int | None = None
) -> tuple[list[int], float]:
    """Indices of the best column from below upward, and its value.

    A node gains the logarithm of its score over ``neutral``; a step costs what spacing and direction
    lack. At most one S1, only at the lower end. ``sacrum``: the S1 the path has to start from.
    """
    n = len(nodes.centres)
    if n == 0:
        return [], 0.0
    gain = np.log(np.maximum(nodes.scores, 1e-3) / neutral) * np.where(nodes.sacrum, 1.2, 1.0)
    best, before = gain.copy(), np.full(n, -1)
    if sacrum is not None:
        best = np.where(np.arange(n) == sacrum, gain, -_FORBIDDEN)
    weights = np.where(nodes.sacrum, 0.0, nodes.scores)
    up = (nodes.ups * weights[:, None]).sum(axis=0)
    if not up.any():
        up = np.array([0.0, -1.0])
    order = np.argsort(nodes.centres @ up)
    cost = misfit(nodes)
    for place, i in enumerate(order):
        if nodes.sacrum[i]:
            continue
        for j in order[:place]:
            value = best[j] + gain[i] - cost[j, i]
            if value > best[i]:
                best[i], before[i] = value, j
    if sacrum is not None and not np.any(best > -_FORBIDDEN / 2):
        return [], 0.0
    at = int(np.argmax(best))
    value, path = float(best[at]), []
    while at >= 0:
        path.append(at)
        at = int(before[at])
    return path[::-1], value


def misfit(nodes: Nodes) -> FloatArray:
    """Cost (n, n) of going from ``lower`` (first axis) to ``upper``: 0 where it fits well."""
    step = nodes.centres[None, :, :] - nodes.centres[:, None, :]
    distance = np.maximum(np.linalg.norm(step, axis=2), 1e-9)
    ratio = distance / pitches(nodes)
    along = np.einsum("ijk,jk->ij", step, nodes.ups) / distance
    # Past a gap the step is judged as two; from S1 it is not, or S2 would be taken for S1.
    over = (ratio > GAP) & ~nodes.sacrum[:, None]
    cost = 6 * np.log(np.where(over, ratio / 2, ratio)) ** 2 + 5 * (1 - along) + 1.5 * (ratio > GAP)
    impossible = (along < 0.35) | (ratio < 0.45) | (ratio > 2.8)
    return np.where(impossible, _FORBIDDEN, cost)


def pitches(nodes: Nodes) -> FloatArray:
    """Expected distance (n, n) of the centres of two neighbours; from S1 the upper body decides."""
    mean = (nodes.heights[:, None] + nodes.heights[None, :]) / 2
    size = np.where(nodes.sacrum[:, None], 0.95 * nodes.heights[None, :], mean)
    return np.maximum(PITCH_OVER_HEIGHT * size, 1e-9)


def another_beside(column: FloatArray, others: FloatArray) -> bool:
    """Whether a second column stands beside a column: both given by the centres (n, 2) of their bodies, those
    of the column in its order. Beside it is what lies between its ends and farther than its usual step away.
    """
    if len(column) < ANOTHER or len(others) < ANOTHER:
        return False
    way = column[-1] - column[0]
    along = (others - column[0]) @ way / max(float(way @ way), 1e-9)
    step = float(np.median(np.linalg.norm(np.diff(column, axis=0), axis=1)))
    away = np.linalg.norm(others[:, None] - column[None], axis=2).min(axis=1)
    return int(((along >= 0) & (along <= 1) & (away > step)).sum()) >= ANOTHER
