"""Quality control of a film, before any number: what it shows of the column, and what that forbids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from spinemorph.anatomy import LUMBAR_LEVELS
from spinemorph.hookspecs import Findings
from spinemorph.measure import film_quality
from spinemorph.measure.implant_levels import covered_corners, held_segments
from spinemorph.measure.landmarks import Landmarks
from spinemorph.types import LabeledSpine, Radiograph
from spinemorph.withhold import LevelFlags

#: Each limit is drawn where the errors on simulated films grow (benchmarks/quality.py, docs/quality.md).
CLIPPED: Final = 0.4
GREY_RANGE: Final = 0.05
EDGE_WIDTH: Final = 0.1
ROLL: Final = 8.0
COVERED_CORNERS: Final = 2
_FRONTAL: Final = ("AP", "PA")


class FilmQuality:
    """Flags of the film and of single levels; measures nothing itself."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``; provides ``level_flags``, which the core withholds values by."""
        marks: Landmarks = provided["landmarks"]
        levels = level_flags(marks, spine)
        flags = [*_view(radiograph), *_field(marks), *_picture(radiograph, marks)]
        rolled = [flags for (name, *_), flags in levels.items() if "double_contour" in flags]
        bodies = sum(body.category == "lumbar" for body in marks.bodies)
        if rolled and 2 * len(rolled) > bodies:
            flags.append("oblique_projection")
        if spine.implants:
            flags.append("implants_present")
        return Findings(provided={"level_flags": levels}, flags=tuple(flags))


def level_flags(marks: Landmarks, spine: LabeledSpine) -> LevelFlags:
    """Flags of every body and segment that has any, by its levels."""
    found: dict[tuple[str, ...], list[str]] = {}
    for body in marks.bodies:
        if body.level is None:
            continue
        own = [flag for flag in body.flags if flag == "cut_by_edge"]
        roll = film_quality.obliquity(body, marks.aspect)
        if body.category == "lumbar" and roll is not None and roll > ROLL:
            own.append("double_contour")
        if own:
            found[(body.level,)] = own
    for level, corners in covered_corners(marks, spine.implants).items():
        if corners >= COVERED_CORNERS:
            found.setdefault((level,), []).append("implant_hides")
    for segment in held_segments(marks, spine.implants):
        found.setdefault(segment, []).append("fused_segment")
    for implant in spine.implants:
        if implant.instance.category == "body_replacement":
            for level in implant.levels:
                found.setdefault((level,), []).append("body_replaced")
    return {levels: tuple(flags) for levels, flags in found.items()}


def _view(radiograph: Radiograph) -> list[str]:
    view = (radiograph.source.view_position or "").strip().upper()
    return ["view_disagrees"] if view in _FRONTAL else []


def _field(marks: Landmarks) -> list[str]:
    """Whether the whole lumbar column lies on the film."""
    flags = []
    if marks.numbered and any(marks.at(level) is None for level in (*LUMBAR_LEVELS, "S1")):
        flags.append("column_incomplete")
    lumbar = [body for body in marks.bodies if body.level in (*LUMBAR_LEVELS, "S1", None)]
    if any("cut_by_edge" in body.flags for body in lumbar):
        flags.append("column_cut")
    return flags


def _picture(radiograph: Radiograph, marks: Landmarks) -> list[str]:
    """Exposure, contrast and sharpness of the column."""
    values = film_quality.column_pixels(radiograph.pixels, marks)
    checks = (
        ("washed_out", film_quality.clipped_share(values), CLIPPED, 1),
        ("low_contrast", film_quality.grey_range(values), GREY_RANGE, -1),
        ("blurred", film_quality.edge_width(radiograph.pixels, marks), EDGE_WIDTH, 1),
    )
    return [
        flag
        for flag, seen, limit, side in checks
        if seen is not None and np.sign(seen - limit) == side
    ]
