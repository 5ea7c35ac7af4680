"""Disc spaces: heights in millimetres, area, indices that need no scale, and narrowing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.disc_region import disc_region, hexagon_area, polygon_area
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.reference import reference_mean
from spinemorph.types import FloatArray, LabeledSpine, Measurement, Radiograph, Region

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
AREA: Final = Quantity(
    "disc_area",
    "mm2",
    "between the contours of the two bodies, moved onto their corners and middles (at S1: the curve "
    "through these), inside the lines that join the facing rim corners",
    (1.0, 1500.0),
    1,
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
NEIGHBOURS: Final = Quantity(
    "disc_narrowing_neighbours",
    "%",
    "loss of the disc height index against the mean of the discs above and below (normal discs differ "
    "from their neighbours too: a description, no sign of disease)",
    (-400, 200),
)
REFERENCE: Final = Quantity(
    "disc_narrowing_reference",
    "%",
    "loss of the height after Dabbs against the published mean of the level for films with "
    "millimetres at the detector",
    (-200, 200),
)


@dataclass(frozen=True, eq=False)
class Space:
    """Draws (1 + DRAWS,) of one disc space and its region in anatomical axes; None where there is none."""

    levels: tuple[str, str]
    anterior: FloatArray
    middle: FloatArray
    posterior: FloatArray
    index: FloatArray
    area: FloatArray
    region: FloatArray | None


class DiscSpaces:
    """Every disc space between two bodies that the film could show."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``; provides ``disc_spaces``, a mapping from levels to :class:`Space`."""
        del radiograph
        marks: Landmarks = provided["landmarks"]
        spaces = {levels: _space(marks, *levels) for levels in marks.motion_segments()}
        caged = {item.levels for item in spine.implants if item.instance.category == "cage"}
        found: list[Measurement] = []
        regions: list[Region] = []
        for levels, space in spaces.items():
            found += _measurements(marks, space)
            found.append(_against_neighbours(marks, space, spaces, caged))
            found.append(_against_reference(marks, space))
            if space.region is not None:
                regions.append(Region("disc_space", levels, marks.to_film(space.region)))
        return Findings(tuple(found), {"disc_spaces": spaces}, regions=tuple(regions))


def _space(marks: Landmarks, upper: str, lower: str) -> Space:
    above, below = marks.corners(upper), marks.corners(lower)
    over, under = marks.middles(upper)[:, 1], marks.middles(lower)[:, 0]
    anterior, posterior = geometry.disc_heights(above, below)
    middle = geometry.disc_height_middle(above, below, over, under)
    superior, inferior = geometry.vertebral_depths(below)
    lower_depth = superior if lower == "S1" else (superior + inferior) / 2
    depth = (np.mean(geometry.vertebral_depths(above), axis=0) + lower_depth) / 2
    index = (anterior + middle + posterior) / 3 / depth
    region, area = _region(marks, upper, lower), np.full(len(index), np.nan)
    if region is not None:
        hexagon = hexagon_area(above, below, over, under)
        area = hexagon - hexagon[0] + polygon_area(region)
    return Space((upper, lower), anterior, middle, posterior, index, area, region)


def _region(marks: Landmarks, upper: str, lower: str) -> FloatArray | None:
    above, below = marks.at(upper), marks.at(lower)
    if above is None or below is None:
        return None
    contours = [marks.to_anatomical(body.contour) for body in (above, below)]
    return disc_region(
        marks.corners(upper)[0],
        marks.corners(lower)[0],
        contours[0],
        None if lower == "S1" else contours[1],
        (marks.middles(upper)[0, 1], marks.middles(lower)[0, 0]),
    )


def _measurements(marks: Landmarks, space: Space) -> list[Measurement]:
    levels = space.levels
    above, below = (marks.corners(level) for level in levels)
    both = space.anterior + space.posterior
    area = AREA.measured(marks, levels, space.area)
    if space.region is None and area.reason == "corner_uncertain" and np.isfinite(both[0]):
        area = AREA.missing(marks, levels, "no_disc_space")
    frobin = FROBIN.missing(marks, levels, "no_mid_plane")
    if levels[1] != "S1":
        frobin = FROBIN.measured(
            marks, levels, geometry.disc_height_frobin(above, below), flags=("uncorrected_angle",)
        )
    return [
        ANTERIOR.measured(marks, levels, space.anterior),
        MIDDLE.measured(marks, levels, space.middle),
        POSTERIOR.measured(marks, levels, space.posterior),
        area,
        INDEX.measured(marks, levels, space.index),
        DABBS.measured(marks, levels, both / 2),
        FARFAN.measured(marks, levels, both / geometry.vertebral_depths(below)[0]),
        frobin,
    ]


def _against_neighbours(
    marks: Landmarks,
    space: Space,
    spaces: Mapping[tuple[str, str], Space],
    caged: Collection[tuple[str, ...]],
) -> Measurement:
    """Against the discs directly above and below, as far as they were measured and hold no cage."""
    order = list(spaces)
    at = order.index(space.levels)
    beside = [order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)]
    found = [spaces[levels].index for levels in beside if levels not in caged]
    known = [index for index in found if np.isfinite(index[0]) and index[0] > 0]
    loss = np.full_like(space.index, np.nan)
    if known:
        loss = 100 * (1 - space.index / np.mean(known, axis=0))
    elif np.isfinite(space.index[0]):
        return NEIGHBOURS.missing(marks, space.levels, "no_neighbour")
    return NEIGHBOURS.measured(marks, space.levels, loss)


def _against_reference(marks: Landmarks, space: Space) -> Measurement:
    """Only where the published films had the same kind of millimetres."""
    scale = None if marks.spacing is None else marks.spacing.basis
    known = reference_mean(DABBS.name, space.levels, scale)
    if known is None:
        # a film without a scale has no height to compare
        reason = "no_pixel_spacing" if scale is None else "no_matching_reference"
        return REFERENCE.missing(marks, space.levels, reason)
    loss = 100 * (1 - (space.anterior + space.posterior) / 2 / known.mean)
    return REFERENCE.measured(marks, space.levels, loss)
