"""Osteophytes of drawn bodies, with and without a scale, and what is drawn of them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import shapely

from spinemorph.anatomy import CORNERS
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.osteophytes import BOUNDS, Osteophytes, beyond, graded, reach
from spinemorph.testing import draw_phantom
from spinemorph.types import (
    Box,
    Instance,
    LabeledSpine,
    LabeledVertebra,
    Measurement,
    Numbering,
    Radiograph,
)


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(900, 600, lordosis=48.0, spacing=0.25)


def with_beak(instance, k, out, tall):
    """The same body with a beak at corner ``k``: parts of its depth and height."""
    points = instance.corners
    grown = np.zeros((900, 600), np.uint8)
    grown[instance.box.slices] = instance.mask
    forward, down = points[k] - points[k ^ 1], points[k ^ 2] - points[k]
    start = points[k] - 0.15 * forward
    ring = [start, points[k] + out * forward, points[k] + 0.3 * tall * down, start + tall * down]
    cv2.fillPoly(grown, [np.rint(np.array(ring) * 16).astype(np.int32)], 1, shift=4)
    rows, columns = np.nonzero(grown)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    mask = grown[box.slices].astype(bool)
    return replace(instance, mask=mask, box=box), int(mask.sum() - instance.mask.sum())


def found_on(phantom, instances, film=None):
    bodies = tuple(
        LabeledVertebra(replace(item, corners=None, covariance=None), level)
        for item, level in zip(instances, phantom.levels, strict=True)
    )
    film = phantom.radiograph if film is None else film
    spine = LabeledSpine(bodies, (), Numbering(1.0), "left")
    provided = EndplatesAndCorners().process(film, spine, {}).provided
    findings = Osteophytes().process(film, spine, provided)
    items = {(item.name, item.levels[0], item.site): item for item in findings.measurements}
    return items, findings.regions


def test_a_body_without_has_none(phantom):
    items, regions = found_on(phantom, phantom.instances)
    assert regions == ()
    grades = [item.value for (name, _, _), item in items.items() if name == "osteophyte_grade"]
    assert len(grades) == 4 * (len(phantom.levels) - 1)
    assert not any(grades)


@pytest.mark.parametrize("k", [0, 2])
def test_a_beak_is_found_at_its_corner_and_drawn(phantom, k):
    place = phantom.levels.index("L3")
    instances = list(phantom.instances)
    instances[place], pixels = with_beak(instances[place], k, 0.2, 0.4)
    items, regions = found_on(phantom, instances)
    area = items["osteophyte_area", "L3", CORNERS[k]]
    true = pixels * 0.25**2
    assert area.value == pytest.approx(true, rel=0.5)
    assert items["osteophyte_grade", "L3", CORNERS[k]].value >= 1
    others = [items["osteophyte_area", "L3", site].value for site in CORNERS if site != CORNERS[k]]
    assert max(others) < 0.35 * area.value
    drawn = [region for region in regions if region.levels == ("L3",)]
    assert [region.site for region in drawn] == [CORNERS[k]]
    shape = shapely.Polygon(drawn[0].contour)
    assert shape.distance(shapely.Point(instances[place].corners[k])) < 12
    assert 0.3 < shape.area / pixels < 1.7
    length = items["osteophyte_length", "L3", CORNERS[k]]
    assert 1.5 < length.value < 14


def test_without_a_scale_there_are_shares_and_grades(phantom):
    film = Radiograph(phantom.radiograph.pixels, phantom.radiograph.source)
    items, _ = found_on(phantom, phantom.instances, film)
    assert items["osteophyte_area", "L3", CORNERS[0]].reason == "no_pixel_spacing"
    assert items["osteophyte_length", "L3", CORNERS[0]].reason == "no_pixel_spacing"
    assert items["osteophyte_area_percent", "L3", CORNERS[0]].value is not None
    assert items["osteophyte_grade", "L3", CORNERS[0]].value is not None


def test_intervals_do_not_go_below_zero(phantom):
    items, _ = found_on(phantom, phantom.instances)
    for item in items.values():
        if item.interval95 is not None:
            assert 0 <= item.interval95[0] <= item.interval95[1]


def share(value, low):
    interval = (low, value + 1)
    return Measurement("share", ("L3",), value, "%", "d", CORNERS[0], interval95=interval)


@pytest.mark.parametrize(
    ("value", "grade", "label"),
    [
        (0.1, 0, "none"),
        (BOUNDS[0], 1, "small"),
        (1.9, 1, "small"),
        (BOUNDS[1], 2, "moderate"),
        (BOUNDS[2], 3, "large"),
        (20.0, 3, "large"),
    ],
)
def test_grades_by_the_share_of_the_body(value, grade, label):
    item = graded(share(value, 0.0))
    assert (item.value, item.label, item.site) == (grade, label, CORNERS[0])


def test_a_share_that_is_missing_has_no_grade():
    missing = Measurement("share", ("L3",), None, "%", "d", reason="facing_unknown")
    assert graded(missing).value is None
    assert graded(missing).reason == "facing_unknown"


SQUARE = np.array([[0.0, 0], [100, 0], [100, 80], [0, 80]])
CORNERS_OF_IT = np.array([[100.0, 0], [0, 0], [100, 80], [0, 80]])


def test_what_lies_beyond_belongs_to_the_nearest_corner():
    outline = shapely.unary_union([shapely.Polygon(SQUARE), shapely.box(95, 0, 112, 20)])
    parts = beyond(outline, CORNERS_OF_IT, SQUARE)
    assert [part.is_empty for part in parts] == [False, True, True, True]
    assert parts[0].area == pytest.approx(240, rel=0.05)
    assert reach(parts[0], SQUARE) == pytest.approx(12, abs=0.2)
    assert reach(parts[1], SQUARE) == 0


def test_slivers_are_no_osteophytes():
    outline = shapely.Polygon(SQUARE).buffer(1.0)
    assert all(part.is_empty for part in beyond(outline, CORNERS_OF_IT, SQUARE))


def test_an_unknown_outline_has_nothing_beyond():
    outline = shapely.Polygon(SQUARE).buffer(10)
    assert all(part.is_empty for part in beyond(outline, CORNERS_OF_IT, np.empty((0, 2))))
    unknown = np.full((4, 2), np.nan)
    assert all(part.is_empty for part in beyond(outline, unknown, SQUARE))


def test_a_mask_is_enough(phantom):
    bare = [Instance(item.category, item.score, item.mask, item.box) for item in phantom.instances]
    items, _ = found_on(phantom, bare)
    assert {name for name, _, _ in items} == {
        "osteophyte_area",
        "osteophyte_length",
        "osteophyte_area_percent",
        "osteophyte_grade",
    }
