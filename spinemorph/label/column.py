"""The column among the candidates, the gaps in it, and the names that follow from the sacrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.chain import GAP, best_path, pitches
from spinemorph.label.bodies import Body, nodes_of
from spinemorph.label.evidence import level_evidence
from spinemorph.types import Facing, FloatArray

#: Score from which on a candidate is worth more in the column than out of it.
NEUTRAL: Final = 0.25
#: The model's words on levels count half beside the fit of the column when S1 is chosen.
WORDS_AGAINST_FIT: Final = 0.5


@dataclass(frozen=True, eq=False)
class Column:
    """``path``: bodies from below upward, S1 first where there is one.

    ``missing`` (len(path) - 1): bodies stepped over above each; ``replaced``: how many of these an
    implant stands for.
    """

    path: tuple[Body, ...]
    missing: tuple[int, ...] = ()
    replaced: tuple[int, ...] = ()

    @property
    def numbered(self) -> bool:
        return len(self.path) > 1 and self.path[0].sacrum

    @property
    def gaps(self) -> tuple[int, ...]:
        """Places in the path above which bodies are missing without an implant in their stead."""
        return tuple(
            i
            for i, (lost, known) in enumerate(zip(self.missing, self.replaced, strict=True))
            if lost > known
        )

    def levels(self) -> list[str | None]:
        """Names from S1 upward, missing bodies counted; None for all without S1."""
        if not self.numbered:
            return [None] * len(self.path)
        places = np.concatenate([[0], np.cumsum(np.array(self.missing, dtype=int) + 1)])
        return [LEVELS_UPWARD[i] if i < len(LEVELS_UPWARD) else None for i in places.tolist()]


def find_column(
    lumbar: Sequence[Body], sacra: Sequence[Body], replacements: Sequence[FloatArray] = ()
) -> Column:
    """The best column; each S1 is tried and judged by the whole column that stands on it.

    ``replacements``: centres of implants that stand for a body, in square pixels.
    """
    everything = [*sacra, *lumbar]
    nodes = nodes_of(everything)
    tried: list[tuple[float, Column]] = []
    for index in range(len(sacra)):
        path, value = best_path(nodes, neutral=NEUTRAL, sacrum=index)
        column = _column([everything[i] for i in path], replacements)
        if column.numbered:
            words = level_evidence(column.path, column.levels())
            tried.append((value + WORDS_AGAINST_FIT * words, column))
    if tried:
        return max(tried, key=lambda item: item[0])[1]
    free, _ = best_path(nodes, neutral=NEUTRAL)
    return _column([everything[i] for i in free if not everything[i].sacrum], replacements)


def _column(path: Sequence[Body], replacements: Sequence[FloatArray]) -> Column:
    strong = [i for i, body in enumerate(path) if not body.weak]
    kept = tuple(path[strong[0] : strong[-1] + 1]) if strong else ()
    if len(kept) < 2:
        return Column(kept)
    expected = pitches(nodes_of(kept))
    missing, replaced = [], []
    for i, (lower, upper) in enumerate(zip(kept[:-1], kept[1:], strict=True)):
        step = upper.centre - lower.centre
        ratio = float(np.linalg.norm(step)) / expected[i, i + 1]
        lost = round(ratio) - 1 if ratio > GAP else 0
        missing.append(lost)
        between = sum(_between(point, lower.centre, step, upper.height) for point in replacements)
        replaced.append(min(lost, between))
    return Column(kept, tuple(missing), tuple(replaced))


def _between(point: FloatArray, start: FloatArray, step: FloatArray, height: float) -> bool:
    """Whether a point lies on the way from ``start`` along ``step``, at most a height beside it."""
    length = float(np.linalg.norm(step))
    away = point - start
    along = float(away @ step) / length**2
    beside = abs(float(step[0] * away[1] - step[1] * away[0])) / length
    return 0.15 < along < 0.85 and beside < height


def facing_of(path: Sequence[Body]) -> Facing | None:
    """The side that the front points to: from the names of the corners, else from the bend of the
    column at its foot, where S1 lies behind the line that the bodies above it continue.
    """
    votes = [
        float(np.sign((c := body.instance.corners)[0, 0] - c[1, 0]))
        for body in path
        if body.instance.corners is not None and np.isfinite(body.instance.corners[:2]).all()
    ]
    if votes and sum(votes) != 0:
        return "left" if sum(votes) < 0 else "right"
    if len(path) > 2 and path[0].sacrum:
        down = path[1].centre - path[min(3, len(path) - 1)].centre
        away = path[0].centre - path[1].centre
        turn = float(down[0] * away[1] - down[1] * away[0])  # negative: to the right of the image
        if abs(turn) > 0.05 * np.linalg.norm(down) * np.linalg.norm(away):
            return "left" if turn < 0 else "right"
    return None
