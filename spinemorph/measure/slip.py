"""Slip of a body on the one below: millimetres, percent and grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import LabeledSpine, Measurement, Radiograph

_HOW = "offset of the posteroinferior corner along the superior endplate of the lower body"
SLIP: Final = Quantity("slip", "mm", f"{_HOW}; positive when the upper body is anterior", (-40, 60))
PERCENT: Final = Quantity(
    "slip_percent", "%", f"{_HOW}, over that endplate's length (Taillard)", (-90, 160)
)
GRADE: Final = Quantity(
    "slip_grade",
    "1",
    "grade after Meyerding of the forward slip in percent; 0 below 5 % or when the interval holds 0",
)
DISPLACEMENT: Final = Quantity(
    "displacement_frobin",
    "1",
    "distance of the centres of the two bodies along the bisector of their mid-planes over the mean "
    "depth of the upper body (Frobin 1997), not corrected for the angle",
    (-0.9, 1.6),
    3,
)
LEAST_PERCENT: Final = 5.0
_GRADES: Final = ((25.0, 1, "I"), (50.0, 2, "II"), (75.0, 3, "III"), (100.0, 4, "IV"))


class Slip:
    """Every motion segment that the film could show."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``."""
        del radiograph, spine
        marks: Landmarks = provided["landmarks"]
        found: list[Measurement] = []
        for upper, lower in marks.motion_segments():
            levels = (upper, lower)
            offset, percent = geometry.slip(marks.corners(upper), marks.corners(lower))
            share = PERCENT.measured(marks, levels, percent)
            found += [SLIP.measured(marks, levels, offset), share, grade(share)]
            found.append(_displacement(marks, levels))
        return Findings(tuple(found))


def _displacement(marks: Landmarks, levels: tuple[str, str]) -> Measurement:
    """After Frobin; the mid-plane of S1 is not known."""
    if levels[1] == "S1":
        return DISPLACEMENT.missing(marks, levels, "no_mid_plane")
    above, below = (marks.corners(level) for level in levels)
    displacement = geometry.displacement_frobin(above, below)
    return DISPLACEMENT.measured(marks, levels, displacement, flags=("uncorrected_angle",))


def grade(percent: Measurement) -> Measurement:
    """The Meyerding grade of a slip in percent; a backward slip has none."""
    result = replace(
        percent, name=GRADE.name, unit=GRADE.unit, definition=GRADE.definition, interval95=None
    )
    if percent.value is None:
        return result
    low, high = percent.interval95 or (percent.value, percent.value)
    if abs(percent.value) < LEAST_PERCENT or low <= 0 <= high:
        return replace(result, value=0.0, label="0")
    if percent.value < 0:
        return replace(
            result, value=None, label="retrolisthesis", reason="backward_slip_has_no_grade"
        )
    for bound, number, name in _GRADES:
        if percent.value <= bound:
            return replace(result, value=float(number), label=name)
    return replace(result, value=5.0, label="V")
