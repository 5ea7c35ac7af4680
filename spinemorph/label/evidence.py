"""What speaks for a numbering and against it: the model's words, rivals of S1, gaps, the count itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.label.bodies import ACCEPTED, Body
from spinemorph.types import FloatArray

#: Neighbouring bodies tell much the same of their level: their joint evidence counts this much.
TEMPER: Final = 0.5
#: No model is surer against a level than this.
FLOOR: Final = 0.01
#: Numberings that are weighed: every level moved this many steps upward.
SHIFTS: Final = (-2, -1, 0, 1, 2)
#: Odds of a score are not believed beyond these.
SCORES: Final = (0.05, 0.98)


def shifted(level: str | None, shift: int) -> str | None:
    """The level ``shift`` steps upward; below S1 there is none."""
    if level is None:
        return None
    index = LEVELS_UPWARD.index(level) + shift
    return LEVELS_UPWARD[index] if 0 <= index < len(LEVELS_UPWARD) else None


def belief(body: Body, level: str | None) -> float:
    """Probability that the model gives a level; its highest class means 'and above'."""
    words = body.instance.level_probabilities
    if level is None:
        return 0.0
    known = [LEVELS_UPWARD.index(name) for name in words if name in LEVELS_UPWARD]
    if known and LEVELS_UPWARD.index(level) > max(known):
        level = LEVELS_UPWARD[max(known)]
    return float(words.get(level, 0.0))


def level_evidence(path: Sequence[Body], levels: Sequence[str | None], shift: int = 0) -> float:
    """Logarithm of what the model's words on levels say for this numbering, tempered; 0 without any."""
    terms = [
        np.log(max(belief(body, shifted(level, shift)), FLOOR))
        for body, level in zip(path, levels, strict=True)
        if body.instance.level_probabilities
    ]
    return TEMPER * float(sum(terms))


def sacrum_odds(path: Sequence[Body], others: Sequence[Body]) -> FloatArray:
    """Odds of each of ``SHIFTS`` from the sacrum alone, (5,).

    The odds of S1 stand for the count from it, those of every other candidate for the sacrum in line
    with the column for the count from there; that none is the sacrum has odds of 1, shared by
    the shifts without a candidate. An accepted body in line below S1 speaks against any count that
    does not reach below it, as strongly as its score.
    """
    base = 1.0 / (len(SHIFTS) - 1)
    odds = np.full(len(SHIFTS), base)
    odds[SHIFTS.index(0)] = _odds(path[0].score)
    reach = np.array(SHIFTS)
    for other in others:
        steps = _steps_below(other, path)
        if steps is None or steps not in SHIFTS or steps == 0:
            continue
        if other.sacrum:
            at = SHIFTS.index(steps)
            odds[at] = max(odds[at], _odds(other.score))
        elif steps > 0 and other.score >= ACCEPTED:
            odds = odds * np.where(reach >= steps, 1.0, 1 - min(other.score, SCORES[1]))
    return odds


def body_below(path: Sequence[Body], others: Sequence[Body]) -> bool:
    """Whether an accepted lumbar body lies in line below S1."""
    return any(
        not other.sacrum and other.score >= ACCEPTED and (_steps_below(other, path) or 0) > 0
        for other in others
    )


def _odds(score: float) -> float:
    score = float(np.clip(score, *SCORES))
    return score / (1 - score)


def _steps_below(other: Body, path: Sequence[Body]) -> int | None:
    """By how many levels a candidate in line with the column lies below S1 (negative: above)."""
    centres = np.array([body.centre for body in path])
    height = float(np.median([body.height for body in path[1:]]))
    away = np.linalg.norm(centres - other.centre, axis=1)
    nearest = int(np.argmin(away))
    if away[nearest] < 0.5 * height:
        return -nearest
    if nearest > 1:
        return None
    down = centres[0] - centres[1]
    pitch = float(np.linalg.norm(down))
    local = other.centre - centres[0]
    along = float(local @ down) / pitch
    beside = abs(float(down[0] * local[1] - down[1] * local[0])) / pitch
    if along < 0.6 * pitch or beside > along:
        return None
    return round(along / pitch)


def gap_weights(
    path: Sequence[Body], levels: Sequence[str | None], gaps: Sequence[int]
) -> FloatArray:
    """Probabilities (3,) that the bodies above the gaps belong one level lower, as counted, higher.

    By spacing alone the count over a gap is right in half of the cases and one off else; the
    model's words on the bodies above tell more.
    """
    if not gaps:
        return np.array([0.0, 1.0, 0.0])
    first = gaps[0] + 1
    above, names = path[first:], levels[first:]
    logs = np.log([0.25, 0.5, 0.25]) + [level_evidence(above, names, s) for s in (-1, 0, 1)]
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def transitional(path: Sequence[Body], levels: Sequence[str | None]) -> str | None:
    """``possible_l6`` or ``possible_four_lumbar`` where the lower bodies agree with the count from
    below and the upper ones, the first that bear ribs among them, are one level off.
    """
    lower = [i for i, level in enumerate(levels) if level in ("S1", "L5", "L4")]
    upper = [i for i, level in enumerate(levels) if level in ("L1", "T12", "T11")]
    if len(lower) < 2 or len(upper) < 2:
        return None

    def mean(indices: list[int], shift: int) -> float:
        values = [
            belief(path[i], shifted(levels[i], shift))
            for i in indices
            if path[i].instance.level_probabilities
        ]
        return float(np.mean(values)) if values else 0.0

    if mean(lower, 0) > 0.5:
        if mean(upper, -1) > 0.6:
            return "possible_l6"
        if mean(upper, 1) > 0.6:
            return "possible_four_lumbar"
    return None
