"""Heights of the disc spaces in millimetres, and the indices that need no scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import LabeledSpine, Measurement, Radiograph

_NORMAL = "along the normal of the bisector of the two endplates"
_POSSIBLE = (-8.0, 40.0)
ANTERIOR: Final = Quantity(
    "disc_height_anterior", "mm", f"facing anterior corners, {_NORMAL}", _POSSIBLE
)
MIDDLE: Final = Quantity(
    "disc_height_middle",
    "mm",
    f"middles of the facing endplates on the contour, {_NORMAL}",
    _POSSIBLE,
)
POSTERIOR: Final = Quantity(
    "disc_height_posterior", "mm", f"facing posterior corners, {_NORMAL}", _POSSIBLE
)
INDEX: Final = Quantity(
    "disc_height_index",
    "1",
    "mean of anterior, middle and posterior height over the mean depth of the two bodies",
    (-0.5, 1.5),
    3,
)
DABBS: Final = Quantity("disc_height_dabbs", "mm", "(anterior + posterior height) / 2", _POSSIBLE)
FARFAN: Final = Quantity(
    "disc_height_farfan",
    "1",
    "(anterior + posterior height) over the superior depth of the lower body",
    (-0.5, 2.0),
    3,
)
FROBIN: Final = Quantity(
    "disc_height_frobin",
    "1",
    "ventral height perpendicular to the bisector of the mid-planes over the mean depth of the "
    "upper body (Frobin 1997), not corrected for the angle",
    (-0.5, 1.5),
    3,
)


class DiscSpaces:
    """Every disc space between two bodies that the film could show."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``."""
        del radiograph, spine
        marks: Landmarks = provided["landmarks"]
        found: list[Measurement] = []
        for upper, lower in marks.motion_segments():
            found += _space(marks, upper, lower)
        return Findings(tuple(found))


def _space(marks: Landmarks, upper: str, lower: str) -> list[Measurement]:
    levels = (upper, lower)
    above, below = marks.corners(upper), marks.corners(lower)
    anterior, posterior = geometry.disc_heights(above, below)
    middle = geometry.disc_height_middle(
        above, below, marks.middles(upper)[:, 1], marks.middles(lower)[:, 0]
    )
    upper_depth = np.mean(geometry.vertebral_depths(above), axis=0)
    superior, inferior = geometry.vertebral_depths(below)
    lower_depth = superior if lower == "S1" else (superior + inferior) / 2
    mean = (anterior + middle + posterior) / 3
    found = [
        ANTERIOR.measured(marks, levels, anterior),
        MIDDLE.measured(marks, levels, middle),
        POSTERIOR.measured(marks, levels, posterior),
        INDEX.measured(marks, levels, mean / ((upper_depth + lower_depth) / 2)),
        DABBS.measured(marks, levels, (anterior + posterior) / 2),
        FARFAN.measured(marks, levels, (anterior + posterior) / superior),
    ]
    if lower != "S1":  # the mid-plane of S1 is not known
        frobin = geometry.disc_height_frobin(above, below)
        found.append(FROBIN.measured(marks, levels, frobin, flags=("uncorrected_angle",)))
    return found
