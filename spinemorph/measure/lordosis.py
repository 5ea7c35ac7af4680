"""Lordosis of the whole, of its lower part and of every segment; disc angles, wedges, sacral slope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import FloatArray, LabeledSpine, Measurement, Radiograph

LORDOSIS: Final = Quantity(
    "lumbar_lordosis",
    "deg",
    "superior endplate of L1 to superior endplate of S1 (Cobb on endplates)",
    (-60, 130),
)
L1_L5: Final = Quantity(
    "lumbar_lordosis_l1_l5", "deg", "superior endplate of L1 to inferior endplate of L5", (-60, 120)
)
LOWER: Final = Quantity(
    "lower_lordosis", "deg", "superior endplate of L4 to superior endplate of S1", (-50, 100)
)
INDEX: Final = Quantity(
    "lordosis_distribution_index",
    "%",
    "lower lordosis (L4-S1) over lumbar lordosis (L1-S1) (Yilgor 2017)",
)
SEGMENT: Final = Quantity(
    "segmental_lordosis",
    "deg",
    "superior endplate of the upper to inferior endplate of the lower body; at L5/S1 to the endplate of S1",
    (-50, 70),
)
UNIT: Final = Quantity(
    "segmental_lordosis_unit",
    "deg",
    "superior endplate of the upper to superior endplate of the lower body: a body with the disc "
    "below it; the units from L1 to S1 add up to the lumbar lordosis",
    (-50, 70),
)
DISC: Final = Quantity("disc_angle", "deg", "the two endplates that face the disc", (-40, 50))
WEDGE: Final = Quantity(
    "vertebral_wedge",
    "deg",
    "superior to inferior endplate of one body, positive when taller in front",
    (-45, 45),
)
SLOPE: Final = Quantity(
    "sacral_slope", "deg", "endplate of S1 to the horizontal of the image (Legaye 1998)", (-30, 95)
)
#: Yilgor 2017: lower bounds of the classes of the index, half-open.
CLASSES: Final = (
    (80.0, "hyperlordotic maldistribution"),
    (50.0, "aligned"),
    (40.0, "moderate hypolordotic maldistribution"),
    (-np.inf, "severe hypolordotic maldistribution"),
)
LEAST_LORDOSIS: Final = 10.0


class Lordosis:
    """All angles between endplates."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``."""
        del radiograph, spine
        marks: Landmarks = provided["landmarks"]
        l1, l4, l5, s1 = (marks.corners(level) for level in ("L1", "L4", "L5", "S1"))
        whole, lower = geometry.lordosis(l1, s1), geometry.lordosis(l4, s1)
        found = [
            LORDOSIS.measured(marks, ("L1", "S1"), whole),
            L1_L5.measured(marks, ("L1", "L5"), geometry.lordosis_to_inferior(l1, l5)),
            LOWER.measured(marks, ("L4", "S1"), lower),
            distribution_index(marks, whole, lower),
            SLOPE.measured(
                marks, ("S1",), geometry.sacral_slope(s1), flags=("vertical_untrusted",)
            ),
        ]
        for upper, below in marks.motion_segments():
            above, under = marks.corners(upper), marks.corners(below)
            angle = (
                geometry.lordosis(above, under)
                if below == "S1"
                else geometry.lordosis_to_inferior(above, under)
            )
            found.append(SEGMENT.measured(marks, (upper, below), angle))
            found.append(UNIT.measured(marks, (upper, below), geometry.lordosis(above, under)))
            found.append(DISC.measured(marks, (upper, below), geometry.disc_angle(above, under)))
        for level in marks.levels():
            if level != "S1":
                wedge = geometry.wedge_angle(marks.corners(level))
                found.append(WEDGE.measured(marks, (level,), wedge))
        return Findings(tuple(found))


def distribution_index(marks: Landmarks, whole: FloatArray, lower: FloatArray) -> Measurement:
    """The index with its class; none when there is hardly any lordosis to distribute."""
    levels = ("L1", "L4", "S1")
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where(np.abs(whole) < LEAST_LORDOSIS / 2, np.nan, 100 * lower / whole)
    if np.isfinite(whole[0]) and whole[0] < LEAST_LORDOSIS:
        return Measurement(
            INDEX.name, levels, None, INDEX.unit, INDEX.definition, reason="lordosis_too_small"
        )
    found = INDEX.measured(marks, levels, draws)
    if found.value is None:
        return found
    return replace(found, label=distribution_class(found.value))


def distribution_class(index: float) -> str:
    """Class of a lordosis distribution index in percent."""
    if index == CLASSES[0][0]:  # exactly 80 is still aligned
        return CLASSES[1][1]
    return next(name for bound, name in CLASSES if index >= bound)
