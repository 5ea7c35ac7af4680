"""Disc spaces of known shape, and narrowing against neighbours and published means."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure.disc_region import disc_region, polygon_area
from spinemorph.measure.discs import DiscSpaces
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.reference import reference_mean
from spinemorph.testing import draw_phantom
from spinemorph.types import PixelSpacing, Segmentation


def body(y, depth=36.0, height=28.0, tilt=0.0):
    """Corners (4, 2) of an upright body whose inferior endplate lies at ``y``."""
    x = depth / 2
    cos, sin = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    corners = np.array([[x, height], [-x, height], [x, 0], [-x, 0]], float)
    return corners @ np.array([[cos, sin], [-sin, cos]]) + [0, y]


def ring(corners, sag=0.0):
    """Contour with straight sides; the endplates sink by ``sag`` (a parabola, 60 points each)."""
    sides = []
    for start, end, inward in ((0, 1, -1), (1, 3, 0), (3, 2, 1), (2, 0, 0)):
        t = np.linspace(0, 1, 60, endpoint=False)[:, None]
        up = (corners[:2].mean(0) - corners[2:].mean(0)) / np.linalg.norm(
            corners[:2].mean(0) - corners[2:].mean(0)
        )
        line = corners[start] + t * (corners[end] - corners[start])
        sides.append(line + inward * sag * 4 * t * (1 - t) * up)
    return np.concatenate(sides)


@settings(max_examples=30)
@given(
    gap=st.floats(2, 16), sag=st.floats(0, 3), turn=st.floats(-180, 180), scale=st.floats(0.2, 9)
)
def test_area_is_that_of_the_gap_and_of_the_hollows(gap, sag, turn, scale):
    upper, lower = body(gap), body(-28.0)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    move = scale * np.array([[cos, sin], [-sin, cos]])
    found = disc_region(
        upper @ move, lower @ move, ring(upper, sag) @ move, ring(lower, sag) @ move
    )
    hollow = 2 * sag * 36 * 2 / 3
    assert polygon_area(found) == pytest.approx((36 * gap + hollow) * scale**2, rel=0.01)


def test_the_space_lies_outside_both_bodies_and_inside_the_rim():
    upper, lower = body(9.0, tilt=12), body(-28.0)
    rings = ring(upper, 1.5), ring(lower, 1.0)
    space = shapely.Polygon(disc_region(upper, lower, *rings))
    for each in rings:
        assert space.intersection(shapely.Polygon(each)).area < 0.01 * space.area
    hull = shapely.MultiPoint([*upper, *lower]).convex_hull
    assert space.difference(hull.buffer(0.1)).area == pytest.approx(0, abs=0.01)


def test_an_osteophyte_in_the_space_takes_its_area_away():
    upper, lower = body(9.0), body(-28.0)
    plain = polygon_area(disc_region(upper, lower, ring(upper), ring(lower)))
    spur = shapely.Polygon(ring(lower)).union(shapely.box(12, -1, 18, 4))
    beside = disc_region(upper, lower, ring(upper), np.array(spur.exterior.coords))
    assert plain - polygon_area(beside) == pytest.approx(24, abs=2)


def test_bodies_that_overlap_leave_no_space():
    upper, lower = body(-3.0), body(-28.0)
    assert disc_region(upper, lower, ring(upper), ring(lower)) is None


def test_the_endplate_line_bounds_the_space_over_s1():
    upper, sacrum = body(10.0), body(-28.0)
    sacrum[2:] = np.nan
    found = disc_region(upper, sacrum, ring(upper), None)
    assert polygon_area(found) == pytest.approx(360, rel=0.01)


def test_the_dome_of_s1_takes_its_area_away():
    upper, sacrum = body(10.0), body(-28.0)
    sacrum[2:] = np.nan
    domed = np.array([0.0, 3.0])
    found = disc_region(upper, sacrum, ring(upper), None, (np.array([0.0, 10.0]), domed))
    t = np.linspace(0, 1, 1001)
    dome = 36 * 3 * float(np.mean((4 * t * (1 - t)) ** 0.6))  # steeper at its rims than a parabola
    assert polygon_area(found) == pytest.approx(360 - dome, rel=0.01)


@pytest.mark.parametrize("outside", [0.0, 1.5])
def test_an_outline_that_runs_outside_is_moved_onto_corners_and_middles(outside):
    """As of a rolled body: straight outlines outside the mid-line, hollows that they hide. Next to rounded
    rims an endplate stands above its line by 1 % of its length.
    """
    upper, lower = body(9.0), body(-28.0)
    wide = [ring(upper) - [0, outside], ring(lower) + [0, outside]]
    plain = disc_region(upper, lower, *wide)
    raised = min(outside, 0.36)
    assert polygon_area(plain) == pytest.approx(36 * (9 - 2 * raised), rel=0.01)
    middles = np.array([0.0, 11.0]), np.array([0.0, -2.0])
    hollow = disc_region(upper, lower, *wide, middles)
    assert polygon_area(hollow) == pytest.approx(
        36 * (9 - 2 * raised + (4 + 2 * raised) * 16 / 35), rel=0.02
    )
    heights = hollow[np.abs(hollow[:, 0]) < 2, 1]
    assert heights.max() == pytest.approx(11, abs=0.1)
    assert heights.min() == pytest.approx(-2, abs=0.1)


def test_unknown_corners_leave_no_region():
    upper, lower = body(9.0), body(-28.0)
    rings = ring(upper), ring(lower)
    upper[2] = np.nan
    assert disc_region(upper, lower, *rings) is None


def measured(basis="user", move=None, **options):
    """(name, levels) -> measurement on a drawn film, and its regions."""
    phantom = draw_phantom(1400, 900, **options)
    film = phantom.radiograph
    object.__setattr__(film, "spacing", PixelSpacing(0.2, 0.2, basis) if basis else None)
    spine = SacrumFirstLabeler().label(film, Segmentation(phantom.instances, phantom.facing))
    provided = EndplatesAndCorners().process(film, spine, {}).provided
    found = DiscSpaces().process(film, spine, provided)
    return {(item.name, item.levels): item for item in found.measurements}, found


def test_equal_discs_are_not_narrowed_against_each_other():
    found, _ = measured()
    for levels in (("L2", "L3"), ("L4", "L5")):
        assert found["disc_narrowing_neighbours", levels].value == pytest.approx(0, abs=1.0)


def test_published_means_are_used_on_their_own_kind_of_millimetres_only():
    levels = ("L4", "L5")
    detector, _ = measured("detector")
    mean = reference_mean("disc_height_dabbs", levels, "detector").mean
    height = detector["disc_height_dabbs", levels].value
    loss = detector["disc_narrowing_reference", levels]
    assert loss.value == pytest.approx(100 * (1 - height / mean), abs=0.1)
    for basis in ("user", "calibrated", "estimated", "unknown"):
        found, _ = measured(basis)
        assert found["disc_narrowing_reference", levels].reason == "no_matching_reference"
    bare, _ = measured(None)
    assert bare["disc_narrowing_reference", levels].reason == "no_pixel_spacing"


@pytest.mark.parametrize("facing", ["left", "right"])
def test_regions_lie_between_their_bodies_on_the_film(facing):
    phantom = draw_phantom(1400, 900, facing=facing)
    _, found = measured("user", facing=facing)
    assert [region.levels for region in found.regions] == list(
        zip(phantom.levels[:-1], phantom.levels[1:], strict=True)
    )
    corners = dict(zip(phantom.levels, (b.corners for b in phantom.instances), strict=True))
    for region in found.regions:
        upper, lower = (corners[level] for level in region.levels)
        middle = (upper[2:].mean(0) + lower[:2].mean(0)) / 2
        assert region.name == "disc_space"
        assert shapely.Polygon(region.contour).contains(shapely.Point(*middle))
