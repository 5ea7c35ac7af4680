"""Quality control on drawn films: each fault brings out its own flag and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure import film_quality
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.implant_levels import covered_corners, held_segments
from spinemorph.measure.quality import CLIPPED, EDGE_WIDTH, GREY_RANGE, ROLL, FilmQuality
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, LabeledImplant, LabeledSpine, Segmentation, Source


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(1200, 800)


def judged(phantom, *, change=None, instances=None, implants=(), source=None):
    """Flags of the film, flags of its levels, and the landmarks."""
    film = phantom.radiograph
    if change is not None:
        film = replace(film, pixels=np.clip(change(np.array(film.pixels)), 0, 1))
    if source is not None:
        film = replace(film, source=source)
    found = phantom.instances if instances is None else instances
    spine = SacrumFirstLabeler().label(film, Segmentation(tuple(found), phantom.facing))
    spine = replace(spine, implants=tuple(implants))
    marks = EndplatesAndCorners().process(film, spine, {}).provided["landmarks"]
    findings = FilmQuality().process(film, spine, {"landmarks": marks})
    return set(findings.flags), findings.provided["level_flags"], marks


def test_a_good_film_raises_nothing(phantom):
    flags, levels, _ = judged(phantom)
    assert flags == set()
    assert levels == {}


def test_a_frontal_view_in_the_header_is_said(phantom):
    for view, said in (
        ("AP", True),
        ("PA", True),
        ("LL", False),
        ("LATERAL", False),
        (None, False),
    ):
        flags, _, _ = judged(phantom, source=Source("f", "", view_position=view))
        assert ("view_disagrees" in flags) is said


def test_a_missing_level_makes_the_column_incomplete(phantom):
    flags, _, _ = judged(phantom, instances=phantom.instances[2:])  # without T12 and L1
    assert flags == {"column_incomplete"}


def test_a_column_that_runs_off_the_picture_is_cut(phantom):
    top = phantom.instances[1].box.top + 20
    film = replace(phantom.radiograph, pixels=phantom.radiograph.pixels[top:])
    moved = [
        replace(
            item,
            mask=item.mask[max(top - item.box.top, 0) :],
            box=Box(
                max(item.box.top - top, 0), item.box.left, item.box.bottom - top, item.box.right
            ),
            corners=np.array(item.corners) - [0, top],
        )
        for item in phantom.instances[1:]
    ]
    flags, levels, _ = judged(replace(phantom, radiograph=film), instances=moved)
    assert "column_cut" in flags
    assert levels["L1",] == ("cut_by_edge",)


def test_a_burnt_out_column_is_said_and_a_burnt_out_background_is_not(phantom):
    assert "washed_out" in judged(phantom, change=lambda p: 4 * p - 0.4)[0]

    def background(pixels):
        pixels[:, :40] = 0.0
        pixels[:100] = 1.0
        return pixels

    assert "washed_out" not in judged(phantom, change=background)[0]


def test_hardly_any_contrast_is_said(phantom):
    assert "low_contrast" in judged(phantom, change=lambda p: 0.5 + 0.02 * p)[0]


@pytest.mark.parametrize(
    ("blur", "said"), [(0.005, False), (0.01, False), (0.06, True), (0.1, True)]
)
def test_blur_is_said(phantom, blur, said):
    tall = 90.0
    flags, _, marks = judged(phantom, change=lambda p: cv2.GaussianBlur(p, (0, 0), blur * tall))
    assert film_quality.body_height(marks) == pytest.approx(tall, rel=0.5)
    assert ("blurred" in flags) is said


@pytest.mark.parametrize("scale", [1, 2])
def test_edge_width_does_not_depend_on_the_size_of_the_film(scale):
    phantom = draw_phantom(1200 * scale, 800 * scale)
    tall = film_quality.body_height(judged(phantom)[2])
    film = cv2.GaussianBlur(np.array(phantom.radiograph.pixels), (0, 0), 0.04 * tall)
    width = film_quality.edge_width(film, judged(phantom)[2])
    # a step under a Gaussian of sd s rises over sqrt(2 pi) s by its steepest slope
    assert width == pytest.approx(np.sqrt(2 * np.pi) * 0.04, rel=0.1)


def outgrown(phantom, mm):
    """Masks that run ``mm`` (0.25 mm a pixel) outside the endplates, corners as they were."""
    size = 2 * round(mm / 0.25) + 1
    kernel = np.ones((size, 1), np.uint8)
    grown = []
    for body in phantom.instances:
        canvas = np.zeros(phantom.radiograph.pixels.shape, np.uint8)
        canvas[body.box.slices] = body.mask
        canvas = cv2.dilate(canvas, kernel)
        rows, columns = np.nonzero(canvas)
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        grown.append(replace(body, mask=canvas[box.slices] > 0, box=box))
    return grown


def test_a_rolled_spine_shows_more_of_its_bodies_than_the_mid_line():
    phantom = draw_phantom(1200, 800, lordosis=20.0, sacral_slope=15.0)
    seen = []
    for mm in (0.0, 1.0, 2.0, 3.0, 4.5):
        flags, levels, marks = judged(phantom, instances=outgrown(phantom, mm))
        body = marks.at("L3")
        depth = float(np.linalg.norm(body.corners[0] - body.corners[1])) * 0.25
        angle = film_quality.obliquity(body, 1.0)
        expected = np.degrees(np.arcsin(mm / (0.5 * 1.35 * depth)))
        assert angle == pytest.approx(expected, abs=1.5)
        seen.append(angle)
        assert (levels.get(("L3",)) == ("double_contour",)) is (angle > ROLL)
        assert ("oblique_projection" in flags) is (angle > ROLL)
    assert seen == sorted(seen)


def square(corner, size, category="screw"):
    box = Box(
        int(corner[1] - size), int(corner[0] - size), int(corner[1] + size), int(corner[0] + size)
    )
    return Instance(category, 0.9, np.ones(box.shape, bool), box)


def test_implants_over_corners_hide_their_body(phantom):
    l4 = dict(zip(phantom.levels, phantom.instances, strict=True))["L4"].corners
    implants = [LabeledImplant(f"screw-{k}", square(l4[k], 12), ("L4",)) for k in (1, 3)]
    flags, levels, marks = judged(phantom, implants=implants[:1])
    assert flags == {"implants_present"}
    assert covered_corners(marks, implants[:1]) == {"L4": 1}
    assert levels == {}
    flags, levels, marks = judged(phantom, implants=implants)
    assert covered_corners(marks, implants) == {"L4": 2}
    assert levels == {("L4",): ("implant_hides",)}


def test_segments_that_implants_hold_are_fused(phantom):
    screw = square((400, 600), 5)
    rod, cage = square((300, 600), 5, "rod"), square((400, 700), 5, "cage")
    _, _, marks = judged(phantom)
    screws = [LabeledImplant(f"screw-{level}", screw, (level,)) for level in ("L3", "L5")]
    long = LabeledImplant("rod-1", rod, ("L2", "L3", "L4", "L5", "S1"))
    assert held_segments(marks, [long]) == {}
    assert held_segments(marks, [*screws, long]) == {("L3", "L4"): "rod", ("L4", "L5"): "rod"}
    alone = LabeledImplant("cage-1", cage, ("L5", "S1"))
    assert held_segments(marks, [alone]) == {("L5", "S1"): "cage"}
    plate = LabeledImplant("plate-1", square((1, 1), 1, "plate"), ("L1", "L2"))
    assert held_segments(marks, [plate]) == {("L1", "L2"): "plate"}
    _, levels, _ = judged(phantom, implants=[alone])
    assert levels == {("L5", "S1"): ("fused_segment",)}


def test_a_replaced_body_is_marked(phantom):
    new = LabeledImplant("body_replacement-1", square((400, 600), 5, "body_replacement"), ("L3",))
    _, levels, _ = judged(phantom, implants=[new])
    assert levels["L3",] == ("body_replaced",)


def test_nothing_is_said_of_a_film_without_bodies(phantom):
    film = phantom.radiograph
    marks = EndplatesAndCorners().process(film, LabeledSpine(()), {}).provided["landmarks"]
    findings = FilmQuality().process(film, LabeledSpine(()), {"landmarks": marks})
    assert findings.flags == ()
    assert film_quality.clipped_share(np.zeros(0, np.float32)) is None
    assert film_quality.grey_range(np.zeros(0, np.float32)) is None
    assert film_quality.edge_width(film.pixels, marks) is None


def test_limits_are_what_the_documentation_says():
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    limits = (f"{100 * CLIPPED:.0f} %", f"{100 * EDGE_WIDTH:.0f} %", f"{ROLL:.0f} degrees")
    assert all(f"above {limit}" in page for limit in limits)
    assert f"less than {100 * GREY_RANGE:.0f} %" in page
