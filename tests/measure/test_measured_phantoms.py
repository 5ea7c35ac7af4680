"""All postprocessors on drawn films: the mask route, mirrors, aspect, scale, osteophytes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure.disc_region import polygon_area
from spinemorph.measure.discs import DiscSpaces
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.heights import VertebralHeights
from spinemorph.measure.lordosis import Lordosis
from spinemorph.measure.slip import Slip
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, PixelSpacing, Radiograph, Segmentation, Source

MEASURES = (Lordosis, DiscSpaces, VertebralHeights, Slip)
#: Without a number on every film of these tests: S1 has no mid-plane, the scale is the user's.
ALWAYS_MISSING = {
    ("disc_height_frobin", ("L5", "S1")): "no_mid_plane",
    ("displacement_frobin", ("L5", "S1")): "no_mid_plane",
}


def measure(film, instances, facing=None):
    """(name, levels) -> Measurement, and the landmarks."""
    spine = SacrumFirstLabeler().label(film, Segmentation(tuple(instances), facing))
    provided = EndplatesAndCorners().process(film, spine, {}).provided
    found = {}
    for make in MEASURES:
        for item in make().process(film, spine, provided).measurements:
            assert (item.name, item.levels) not in found, "the same measure twice"
            found[item.name, item.levels] = item
    return found, provided["landmarks"]


def expected_reason(item):
    """Why there is no value on a whole drawn film with a scale of the user's; None: there is one."""
    if item.name == "disc_narrowing_reference":
        return "no_matching_reference"
    return ALWAYS_MISSING.get((item.name, item.levels))


def without_corners(instances):
    return [replace(item, corners=None, covariance=None) for item in instances]


def true_corners(phantom):
    return dict(zip(phantom.levels, (body.corners for body in phantom.instances), strict=True))


def corner_errors(marks, truth):
    """Distance of every known corner in percent of the mean height of the bodies."""
    heights = [np.linalg.norm(c[:2] - c[2:], axis=1).mean() for k, c in truth.items() if k != "S1"]
    errors = []
    for level, corners in truth.items():
        distance = np.linalg.norm(marks.at(level).corners - corners, axis=1)
        errors += list(distance[np.isfinite(distance)])
    return 100 * np.array(errors) / np.mean(heights)


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(900, 600, lordosis=48.0, spacing=0.25)


@pytest.fixture(scope="module")
def exact(phantom):
    return measure(phantom.radiograph, phantom.instances)[0]


def test_the_true_corners_give_the_true_lordosis(phantom, exact):
    whole = exact["lumbar_lordosis", ("L1", "S1")]
    assert whole.value == pytest.approx(48.0, abs=0.01)
    low, high = whole.interval95
    assert low < 48 < high
    parts = [
        exact["disc_angle", (a, b)].value
        for a, b in zip(phantom.levels[1:-1], phantom.levels[2:], strict=True)
    ]
    parts += [exact["vertebral_wedge", (level,)].value for level in phantom.levels[1:-1]]
    assert sum(parts) == pytest.approx(48.0, abs=0.05)


def test_the_sum_of_the_segments_is_the_whole(exact):
    """L1-L5 segments run superior to inferior, so bodies are counted twice but in pairs."""
    assert exact["lumbar_lordosis_l1_l5", ("L1", "L5")].value == pytest.approx(
        exact["lumbar_lordosis", ("L1", "S1")].value - exact["disc_angle", ("L5", "S1")].value,
        abs=0.01,
    )
    assert exact["lower_lordosis", ("L4", "S1")].value == pytest.approx(
        exact["segmental_lordosis", ("L4", "L5")].value + exact["disc_angle", ("L5", "S1")].value,
        abs=0.01,
    )


def test_the_slope_of_the_sacrum_is_flagged_as_long_as_the_vertical_is_not_known(exact):
    slope = exact["sacral_slope", ("S1",)]
    assert slope.value == pytest.approx(38.0, abs=0.01)
    assert "vertical_untrusted" in slope.flags


def test_every_measure_of_every_level_is_there_with_unit_and_definition(exact):
    names = {name for name, _ in exact}
    assert {"lumbar_lordosis", "disc_height_middle", "height_ratio_crush", "slip_grade"} <= names
    for item in exact.values():
        assert item.unit in ("deg", "mm", "mm2", "%", "1")
        assert item.definition
        assert item.reason == expected_reason(item)


def test_millimetres_follow_the_spacing_and_ratios_do_not(phantom, exact):
    double = replace(phantom.radiograph, spacing=PixelSpacing(0.5, 0.5, "user"))
    found, _ = measure(double, phantom.instances)
    for key, item in found.items():
        factor = {"mm": 2, "mm2": 4}.get(item.unit, 1)
        wanted = exact[key].value
        assert item.value == (
            None if wanted is None else pytest.approx(factor * wanted, rel=1e-3, abs=0.01)
        )


def test_without_a_scale_lengths_have_a_reason_and_the_rest_stays(phantom, exact):
    bare = replace(phantom.radiograph, spacing=None)
    found, _ = measure(bare, phantom.instances)
    for key, item in found.items():
        if item.unit in ("mm", "mm2") or item.name == "disc_narrowing_reference":
            assert item.value is None
            assert item.reason == "no_pixel_spacing"
        else:
            wanted = exact[key].value
            assert item.value == (None if wanted is None else pytest.approx(wanted, abs=0.01))


def test_a_mirrored_film_gives_the_same_values():
    left = draw_phantom(900, 600, facing="left", spacing=0.25)
    right = draw_phantom(900, 600, facing="right", spacing=0.25)
    one, _ = measure(left.radiograph, left.instances)
    other, _ = measure(right.radiograph, right.instances)
    for key, item in one.items():
        if item.value is None:
            assert other[key].reason == item.reason
        else:
            assert other[key].value == pytest.approx(item.value, rel=5e-3, abs=0.02), key


def test_the_same_film_gives_the_same_intervals_twice(phantom, exact):
    again, _ = measure(phantom.radiograph, phantom.instances)
    assert {key: item.interval95 for key, item in again.items()} == {
        key: item.interval95 for key, item in exact.items()
    }


@pytest.mark.parametrize("facing", ["left", "right"])
def test_masks_alone_give_corners_near_the_true_ones(facing):
    phantom = draw_phantom(1400, 900, facing=facing, lordosis=48.0)
    found, marks = measure(phantom.radiograph, without_corners(phantom.instances))
    errors = corner_errors(marks, true_corners(phantom))
    # The drawn bodies have sharp corners, which no body has: opening rounds them off.
    assert np.median(errors) < 6.0
    assert np.percentile(errors, 90) < 9.0
    whole = found["lumbar_lordosis", ("L1", "S1")]
    assert whole.value == pytest.approx(48.0, abs=1.5)
    assert whole.interval95[0] < 48 < whole.interval95[1]


@pytest.mark.parametrize("aspect", [0.7, 1.5])
def test_masks_with_pixels_that_are_not_square(aspect):
    phantom = draw_phantom(1400, 900, lordosis=48.0)
    rows = round(1400 / aspect)
    instances = []
    for body in phantom.instances:
        whole = np.zeros((1400, 900), np.uint8)
        whole[body.box.slices] = body.mask
        small = cv2.resize(whole, (900, rows), interpolation=cv2.INTER_NEAREST)
        instances.append(instance_from(small > 0, body.category))
    film = Radiograph(
        np.zeros((rows, 900), np.float32), Source("drawn.png", "0" * 64), aspect=1400 / rows
    )
    found, marks = measure(film, instances)
    assert found["lumbar_lordosis", ("L1", "S1")].value == pytest.approx(48.0, abs=2.0)
    scaled = {k: c * [1, rows / 1400] for k, c in true_corners(phantom).items()}
    assert np.median(corner_errors(marks, scaled)) < 6.0


def instance_from(mask, category):
    rows, columns = np.nonzero(mask)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    return Instance(category, 0.95, mask[box.slices], box)


def painted(phantom, change):
    """The phantom's instances without corners, each mask changed by ``change(canvas, corners)``."""
    changed = []
    for body in phantom.instances:
        canvas = np.zeros(phantom.radiograph.pixels.shape, np.uint8)
        canvas[body.box.slices] = body.mask
        if body.category == "lumbar":
            change(canvas, np.array(body.corners))
        changed.append(instance_from(canvas > 0, body.category))
    return changed


def test_osteophytes_do_not_move_the_corners_much():
    phantom = draw_phantom(1400, 900, lordosis=48.0)

    def beak(canvas, corners):
        forward = corners[0] - corners[1]
        down = corners[2] - corners[0]
        tip = corners[0] + 0.16 * forward + 0.02 * down
        base = [corners[0], tip, corners[0] + 0.18 * down]
        cv2.fillPoly(canvas, [np.rint(base).astype(np.int32)], 1)

    _, plain = measure(phantom.radiograph, without_corners(phantom.instances))
    found, marks = measure(phantom.radiograph, painted(phantom, beak))
    truth = true_corners(phantom)
    assert np.percentile(corner_errors(marks, truth), 90) < 12.0
    assert found["lumbar_lordosis", ("L1", "S1")].value == pytest.approx(48.0, abs=3.0)
    contour = marks.at("L3").contour
    assert np.ptp(contour[:, 0]) > np.ptp(plain.at("L3").contour[:, 0])  # the outline keeps them


def test_concave_endplates_keep_their_rims_and_their_middles_sink():
    phantom = draw_phantom(1400, 900, lordosis=48.0)

    def hollow(canvas, corners):
        height = np.linalg.norm(corners[0] - corners[2])
        for a, b in ((0, 1), (2, 3)):
            middle, axis = (corners[a] + corners[b]) / 2, corners[a] - corners[b]
            angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
            size = (round(0.34 * float(np.linalg.norm(axis))), round(0.08 * height))
            centre = tuple(int(v) for v in np.rint(middle))
            cv2.ellipse(canvas, centre, size, angle, 0, 360, 0, -1)

    found, marks = measure(phantom.radiograph, painted(phantom, hollow))
    assert np.median(corner_errors(marks, true_corners(phantom))) < 9.0
    assert found["lumbar_lordosis", ("L1", "S1")].value == pytest.approx(48.0, abs=3.0)
    for level in ("L2", "L3", "L4"):
        assert found["height_ratio_biconcave", (level,)].value < 0.95


def sunken(instance, depths, sd):
    """The instance with middles that lie ``depths`` pixels inside its endplates."""
    corners = instance.corners
    middles = np.full((2, 2), np.nan)
    for k, depth in enumerate(depths):
        a, b = corners[2 * k], corners[2 * k + 1]
        normal = np.array([-(a - b)[1], (a - b)[0]]) / np.linalg.norm(a - b)
        inward = np.nanmean(corners, axis=0) - (a + b) / 2
        middles[k] = (a + b) / 2 + depth * normal * np.sign(normal @ inward)
    covariance = np.tile(np.eye(2) * sd**2, (2, 1, 1))
    return replace(instance, middles=middles, middle_covariance=covariance)


@pytest.mark.parametrize("facing", ["left", "right"])
def test_middles_of_a_model_are_believed(facing):
    phantom = draw_phantom(facing=facing)
    given = [
        sunken(item, (4.0, 7.0), 0.5) if item.category == "lumbar" else item
        for item in phantom.instances
    ]
    found, _ = measure(phantom.radiograph, given, facing)
    for level in ("L2", "L3", "L4"):
        upright = [
            found[f"vertebral_height_{at}", (level,)].value for at in ("anterior", "posterior")
        ]
        middle = found["vertebral_height_middle", (level,)]
        assert middle.value == pytest.approx(np.mean(upright) - 11 * 0.25, abs=0.15)
    unsure = [
        sunken(item, (4.0, 7.0), 3.0) if item.category == "lumbar" else item for item in given
    ]
    wider, _ = measure(phantom.radiograph, unsure, facing)
    one, other = (each["vertebral_height_middle", ("L3",)].interval95 for each in (found, wider))
    assert other[1] - other[0] > 1.5 * (one[1] - one[0])


def test_a_body_at_the_edge_of_the_film_is_flagged():
    phantom = draw_phantom(900, 600)
    top = phantom.instances[0].box.top
    film = replace(phantom.radiograph, pixels=phantom.radiograph.pixels[top:])
    moved = [
        replace(
            item,
            box=Box(item.box.top - top, item.box.left, item.box.bottom - top, item.box.right),
            corners=np.array(item.corners) - [0, top],
        )
        for item in phantom.instances
    ]
    _, marks = measure(film, moved)
    assert "cut_by_edge" in marks.at("T12").flags
    assert "cut_by_edge" not in marks.at("L3").flags


def test_corners_of_which_the_model_is_unsure_are_flagged_and_widen_the_interval(phantom, exact):
    def unsure(item):
        return replace(item, covariance=np.tile(np.eye(2) * 400.0, (4, 1, 1)))

    blurred = [
        unsure(b) if k == "L1" else b
        for k, b in zip(phantom.levels, phantom.instances, strict=True)
    ]
    found, marks = measure(phantom.radiograph, blurred)
    assert "corner_uncertain" in marks.at("L1").flags
    whole, before = (each["lumbar_lordosis", ("L1", "S1")] for each in (found, exact))
    assert "corner_uncertain" in whole.flags
    assert np.ptp(whole.interval95) > 3 * np.ptp(before.interval95)


def test_nothing_is_measured_without_bodies():
    film = Radiograph(np.zeros((50, 50), np.float32), Source("drawn.png", "0" * 64))
    found, marks = measure(film, [])
    assert marks.bodies == ()
    assert {item.reason for item in found.values()} == {"no_sacrum"}


def test_the_space_between_drawn_bodies_has_the_area_of_its_corners():
    """Drawn bodies have straight sides, so the region is the quadrilateral of the facing corners."""
    phantom = draw_phantom(1800, 1100, lordosis=48.0, spacing=0.15)
    found, marks = measure(phantom.radiograph, phantom.instances)
    for upper, lower in (("L2", "L3"), ("L4", "L5"), ("L5", "S1")):
        above, below = marks.corners(upper)[0], marks.corners(lower)[0]
        quad = np.array([above[2], above[3], below[1], below[0]])
        item = found["disc_area", (upper, lower)]
        assert item.value == pytest.approx(float(polygon_area(quad)), rel=0.03)
        assert item.interval95[0] < item.value < item.interval95[1]


def test_the_outline_of_a_sacrum_says_nothing_without_l5():
    """Its endplate is told from its front by the way to L5 alone: to a body further up that is another."""
    phantom = draw_phantom()
    spine = SacrumFirstLabeler().label(
        phantom.radiograph, Segmentation(tuple(without_corners(phantom.instances)), phantom.facing)
    )
    gone = replace(spine, vertebrae=tuple(v for v in spine.vertebrae if v.level != "L5"))
    for given, known in ((spine, True), (gone, False)):
        provided = EndplatesAndCorners().process(phantom.radiograph, given, {}).provided
        assert np.isfinite(provided["landmarks"].at("S1").corners[:2]).all() == known
        found = {
            (item.name, item.levels): item
            for item in Lordosis().process(phantom.radiograph, given, provided).measurements
        }
        lordosis = found["lumbar_lordosis", ("L1", "S1")]
        assert (lordosis.value is not None) == known
        assert lordosis.reason == (None if known else "corner_uncertain")


@pytest.mark.parametrize(
    ("score", "sd", "believed"), [(0.5, 0.08, False), (0.8, 0.08, True), (0.5, 0.02, True)]
)
def test_the_endplate_of_an_s1_that_is_neither_strong_nor_sharp_is_not_believed(
    score, sd, believed
):
    phantom = draw_phantom()
    *above, s1 = phantom.instances
    length = np.linalg.norm(s1.corners[0] - s1.corners[1])
    spread = np.tile(np.eye(2) * (sd * length) ** 2, (4, 1, 1))
    spread[2:] = np.nan
    found, marks = measure(
        phantom.radiograph, [*above, replace(s1, score=score, covariance=spread)], phantom.facing
    )
    lordosis, disc = found["lumbar_lordosis", ("L1", "S1")], found["disc_angle", ("L5", "S1")]
    for item in (lordosis, disc):
        assert item.reason == (None if believed else "corner_uncertain")
    assert found["lumbar_lordosis_l1_l5", ("L1", "L5")].value is not None
    if not believed:
        assert "corner_uncertain" in marks.at("S1").flags
