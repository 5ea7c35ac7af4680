"""Osteophytes: what the outline of a body has beyond the outline that it would have without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import shapely

from spinemorph.anatomy import CORNERS
from spinemorph.hookspecs import Findings
from spinemorph.measure.landmarks import DRAWS, SEED, BodyLandmarks, Landmarks
from spinemorph.measure.mask_corners import MaskShape
from spinemorph.measure.values import Quantity
from spinemorph.types import FloatArray, LabeledSpine, Measurement, Radiograph, Region

_HOW = "the outline beyond that without osteophytes, nearest to this corner"
AREA: Final = Quantity("osteophyte_area", "mm2", f"area of {_HOW}", (0.0, 500.0), least=0.0)
LENGTH: Final = Quantity(
    "osteophyte_length", "mm", f"greatest reach of {_HOW}", (0.0, 40.0), least=0.0
)
SHARE: Final = Quantity(
    "osteophyte_area_percent",
    "%",
    f"area of {_HOW}, over the area of the body",
    (0.0, 60.0),
    least=0.0,
)
GRADE: Final = Quantity(
    "osteophyte_grade",
    "1",
    "0 none, 1 small, 2 moderate, 3 large: from 0.6, 2 and 5 % of the area of the body (our own bounds)",
)
#: Percent of the area of the body from which each grade counts.
BOUNDS: Final = (0.6, 2.0, 5.0)
#: Percent of the body below which the outline is not searched for what to draw.
_DOUBTFUL: Final = 0.3
_POINTS: Final = 240
#: Slivers thinner than this part of the depth of a body are no osteophyte to draw.
_THIN: Final = 0.012


class Osteophytes:
    """Four corners of every numbered body above S1; needs ``landmarks`` and ``mask_shapes``."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Regions ``osteophyte`` where the grade is above 0."""
        del radiograph, spine
        marks: Landmarks = provided["landmarks"]
        shapes: tuple[MaskShape, ...] = provided["mask_shapes"]
        found: list[Measurement] = []
        regions: list[Region] = []
        for body, shape in zip(marks.bodies, shapes, strict=True):
            if body.level is not None and body.category == "lumbar":
                measured, drawn = _body(marks, body, shape)
                found += measured
                regions += drawn
        return Findings(tuple(found), regions=tuple(regions))


def _body(
    marks: Landmarks, body: BodyLandmarks, shape: MaskShape
) -> tuple[list[Measurement], list[Region]]:
    assert body.level is not None  # noqa: S101  narrows the type
    at = (body.level,)
    pixel = marks.spacing.column if marks.spacing is not None else 1.0
    square = np.array([1.0, marks.aspect])
    ring = body.contour * square
    whole = _area(ring)
    parts = [shapely.Polygon()] * 4
    if (100 * shape.spurs / whole > _DOUBTFUL).any():
        # no finer than what is drawn
        outline = shapely.Polygon(ring[:: max(len(ring) // _POINTS, 1)]).buffer(0)
        parts = beyond(outline, body.corners * square, shape.bare * square)
    reached = [reach(part, shape.bare * square) for part in parts]
    noise = np.random.default_rng(SEED).standard_normal((DRAWS // 2, 4))
    noise = np.concatenate([np.zeros((1, 4)), noise, -noise])
    areas = shape.spurs + noise * shape.spurs_sd
    found: list[Measurement] = []
    regions: list[Region] = []
    for k, site in enumerate(CORNERS):
        # a spur that is twice as large is about as much longer as its root
        relative = np.sqrt(np.clip(areas[:, k] / max(shape.spurs[k], 1e-9), 0.0, 9.0))
        lengths = reached[k] * relative * pixel if reached[k] > 0 else np.zeros(1 + DRAWS)
        share = SHARE.measured(marks, at, 100 * areas[:, k] / whole, site=site)
        grade = graded(share)
        found += [
            AREA.measured(marks, at, areas[:, k] * pixel**2, site=site),
            LENGTH.measured(marks, at, lengths, site=site),
            share,
            grade,
        ]
        if grade.value is not None and grade.value > 0 and not parts[k].is_empty:
            largest = max(shapely.get_parts(parts[k]), key=lambda part: float(part.area))
            drawn = np.array(largest.exterior.coords)[:-1] / square
            regions.append(Region("osteophyte", at, drawn, site))
    return found, regions


def graded(share: Measurement) -> Measurement:
    """The grade of an area in percent of the body's."""
    value = label = None
    if share.value is not None:
        grade = int(np.searchsorted(BOUNDS, share.value, side="right"))
        value, label = float(grade), ("none", "small", "moderate", "large")[grade]
    return replace(
        share,
        name=GRADE.name,
        unit=GRADE.unit,
        definition=GRADE.definition,
        value=value,
        label=label,
        interval95=None,
    )


def beyond(
    outline: shapely.Geometry, corners: FloatArray, bare: FloatArray
) -> list[shapely.Geometry]:
    """Parts of an outline outside the ring ``bare`` (n, 2) that are nearest to each corner (4, 2)."""
    depth = float(np.linalg.norm(corners[0] - corners[1]))
    if len(bare) < 3 or not np.isfinite(corners).all():
        return [shapely.Polygon()] * 4
    thin = _THIN * depth
    rest = outline.difference(shapely.Polygon(bare).buffer(0)).buffer(-thin).buffer(thin)
    rest = rest.intersection(outline)
    parts: list[list[shapely.Geometry]] = [[], [], [], []]
    for part in shapely.get_parts(rest):
        if isinstance(part, shapely.Polygon) and part.area > thin * thin * 4:
            centre = np.array(part.centroid.coords[0])
            nearest = int(np.linalg.norm(corners - centre, axis=1).argmin())
            parts[nearest].append(part)
    return [shapely.unary_union(own) if own else shapely.Polygon() for own in parts]


def reach(part: shapely.Geometry, bare: FloatArray) -> float:
    """Greatest distance of a part from the ring it lies outside of; 0 for an empty one."""
    if part.is_empty:
        return 0.0
    points = shapely.points(shapely.get_coordinates(part))
    return float(shapely.distance(points, shapely.Polygon(bare).buffer(0)).max())


def _area(ring: FloatArray) -> float:
    following = np.roll(ring, -1, axis=0)
    cross = ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]
    return max(float(abs(cross.sum()) / 2), 1e-9)
