"""Whether two films give one body one name: the shapes of the bodies against each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from spinemorph.anatomy import level_above
from spinemorph.compare.bodies import Body, lengths, moved
from spinemorph.compare.renumber import remeasured
from spinemorph.types import FloatArray, Study

#: Another numbering has to explain the shapes better by this much (difference of chi-square).
EVIDENCE: Final = 12.0
#: Relative error of a length that positioning adds to that of the landmarks.
POSITIONING: Final = 0.02
#: Squared standardised differences are cut here: one bad corner or fracture must not decide.
_CUT: Final = 9.0
_FEWEST: Final = 3
SHIFTS: Final = (0, 1, -1)


def shift_of(
    before: Mapping[str, Body], after: Mapping[str, Body], operated: Collection[str] = ()
) -> int:
    """Steps upward that the levels of ``after`` have to move to fit those of ``before``; mostly 0.

    Depths and heights of the bodies are compared relative to each other, so that no scale is
    needed, and their order must be better explained by far: doubt leaves the numbers as they are.
    """
    costs = {shift: misfit(before, moved(dict(after), shift)) for shift in SHIFTS}
    stay = costs[0]
    if stay is None:
        return 0
    better = {
        shift: cost for shift, cost in costs.items() if shift and cost is not None and cost < stay
    }
    if not better:
        return 0
    best = min(better, key=lambda shift: better[shift])
    del operated
    return best if stay - better[best] > EVIDENCE else 0


def misfit(before: Mapping[str, Body], after: Mapping[str, Body]) -> float | None:
    """Mean cut chi-square a length times the number of lengths that the plain numbering has; None
    with fewer than three bodies in common.
    """
    levels = [level for level in before if level in after and level != "S1"]
    if len(levels) < _FEWEST:
        return None
    logs, variances = [], []
    for level in levels:
        (one, spread_one), (two, spread_two) = lengths(before[level]), lengths(after[level])
        logs.append(np.log(one / two))
        variances.append(np.nan_to_num(spread_one + spread_two) + 2 * POSITIONING**2)
    away, spread = np.array(logs).ravel(), np.array(variances).ravel()
    known = np.isfinite(away)
    if known.sum() < 2 * _FEWEST:
        return None
    away, spread = away[known], spread[known]
    return _chi(away, spread) / known.sum() * 4 * len(before)


def _chi(away: FloatArray, spread: FloatArray) -> float:
    """Cut chi-square about the common scale that fits best."""
    candidates = np.quantile(away, np.linspace(0.1, 0.9, 17))
    costs = [float(np.minimum((away - c) ** 2 / spread, _CUT).sum()) for c in candidates]
    return min(costs)


def renumbered(study: Study, shift: int) -> Study:
    """The study with every level moved ``shift`` steps upward, its measures taken along or again."""
    vertebrae = tuple(
        replace(v, level=None if v.level is None else level_above(v.level, shift))
        for v in study.vertebrae
    )
    implants = tuple(
        replace(
            item,
            levels=tuple(
                name for level in item.levels if (name := level_above(level, shift)) is not None
            ),
        )
        for item in study.implants
    )
    flags = tuple(dict.fromkeys((*study.flags, "renumbered")))
    changed = replace(study, vertebrae=vertebrae, implants=implants, flags=flags)
    return replace(changed, measurements=remeasured(study, changed, shift))
