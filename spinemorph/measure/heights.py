"""Heights and depths of the bodies, and their ratios; a ratio is a description, not a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import LabeledSpine, Measurement, Radiograph

_MM = (2.0, 80.0)
ANTERIOR: Final = Quantity(
    "vertebral_height_anterior", "mm", "superior to inferior anterior corner", _MM
)
MIDDLE: Final = Quantity(
    "vertebral_height_middle",
    "mm",
    "middle of the superior to middle of the inferior endplate on the contour",
    _MM,
)
POSTERIOR: Final = Quantity(
    "vertebral_height_posterior", "mm", "superior to inferior posterior corner", _MM
)
SUPERIOR: Final = Quantity(
    "vertebral_depth_superior", "mm", "length of the superior endplate line", _MM
)
INFERIOR: Final = Quantity(
    "vertebral_depth_inferior", "mm", "length of the inferior endplate line", _MM
)
WEDGE: Final = Quantity(
    "height_ratio_wedge", "1", "anterior over posterior height (Ha/Hp)", (0.1, 4.0), 3
)
BICONCAVE: Final = Quantity(
    "height_ratio_biconcave", "1", "middle over posterior height (Hm/Hp)", (0.1, 4.0), 3
)
CRUSH: Final = Quantity(
    "height_ratio_crush",
    "1",
    "posterior height over the mean posterior height of the lumbar neighbours",
    (0.1, 4.0),
    3,
)


class VertebralHeights:
    """Every numbered body above S1."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``."""
        del radiograph, spine
        marks: Landmarks = provided["landmarks"]
        found: list[Measurement] = []
        levels = [level for level in marks.levels() if level != "S1"]
        for index, level in enumerate(levels):
            beside = [levels[i] for i in (index - 1, index + 1) if 0 <= i < len(levels)]
            found += _body(marks, level, beside)
        return Findings(tuple(found))


def _body(marks: Landmarks, level: str, beside: list[str]) -> list[Measurement]:
    corners, middles = marks.corners(level), marks.middles(level)
    anterior, posterior = geometry.vertebral_heights(corners)
    middle = geometry.distance(middles[:, 0], middles[:, 1])
    superior, inferior = geometry.vertebral_depths(corners)
    at = (level,)
    found = [
        ANTERIOR.measured(marks, at, anterior),
        MIDDLE.measured(marks, at, middle),
        POSTERIOR.measured(marks, at, posterior),
        SUPERIOR.measured(marks, at, superior),
        INFERIOR.measured(marks, at, inferior),
        WEDGE.measured(marks, at, anterior / posterior),
        BICONCAVE.measured(marks, at, middle / posterior),
    ]
    if beside:
        others = [geometry.vertebral_heights(marks.corners(other))[1] for other in beside]
        found.append(CRUSH.measured(marks, at, posterior / (sum(others) / len(others))))
    return found
