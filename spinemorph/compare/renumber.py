"""The measurements of a film whose levels were moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from spinemorph.anatomy import level_above
from spinemorph.compare.bodies import Body, bodies_of
from spinemorph.types import FloatArray, Measurement, Study

#: Measures that belong to fixed levels: which endplates they run between (level, 0 superior, 1 inferior).
_ANGLES: Final = {
    "lumbar_lordosis": (("L1", 0), ("S1", 0)),
    "lumbar_lordosis_l1_l5": (("L1", 0), ("L5", 1)),
    "lower_lordosis": (("L4", 0), ("S1", 0)),
}
#: Measures of fixed levels that are withheld: they would have to be made from the film again.
_FIXED: Final = ("lordosis_distribution_index", "sacral_slope")


def remeasured(study: Study, moved: Study, shift: int) -> tuple[Measurement, ...]:
    """Measures of one body or segment take their new level; angles of fixed levels are measured again
    from the corners, and everything else that names S1 or a fixed level is withheld.
    """
    bodies = bodies_of(moved)
    found = []
    for item in study.measurements:
        if item.name in _ANGLES:
            found.append(_angle(item, bodies))
        elif item.name in _FIXED or "S1" in item.levels or len(item.levels) > 2:
            found.append(_withheld(item))
        else:
            levels = tuple(level_above(level, shift) for level in item.levels)
            if None not in levels and ("S1" not in levels):
                found.append(replace(item, levels=tuple(str(level) for level in levels)))
    return tuple(found)


def _withheld(item: Measurement) -> Measurement:
    return replace(item, value=None, label=None, interval95=None, reason="renumbered")


def _angle(item: Measurement, bodies: dict[str, Body]) -> Measurement:
    (upper, first), (lower, second) = _ANGLES[item.name]
    if upper not in bodies or lower not in bodies:
        return replace(_withheld(item), reason="level_not_found")
    one, two = (
        _endplate(bodies[level], which) for level, which in ((upper, first), (lower, second))
    )
    value = float(np.degrees(one[0] - two[0]))
    if not np.isfinite(value):
        return replace(_withheld(item), reason="corner_uncertain")
    half = 1.96 * float(np.degrees(np.sqrt(one[1] + two[1])))
    interval = (value - half, value + half) if np.isfinite(half) else None
    return replace(item, value=value, interval95=interval, label=None, reason=None)


def _endplate(body: Body, which: int) -> tuple[float, float]:
    """Direction of an endplate in radians from the anterior axis, and its variance."""
    front, back = body.corners[2 * which], body.corners[2 * which + 1]
    step: FloatArray = front - back
    length = float(np.hypot(*step))
    normal = np.array([-step[1], step[0]]) / max(length, 1e-12)
    spread = normal @ (body.covariance[2 * which] + body.covariance[2 * which + 1]) @ normal
    return float(np.arctan2(step[1], step[0])), float(spread) / max(length, 1e-12) ** 2
