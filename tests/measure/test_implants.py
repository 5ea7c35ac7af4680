"""Implants of known geometry, drawn onto drawn films."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure import geometry
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.implant_shape import bend, straight_axis
from spinemorph.measure.implants import Implants, tip_depth
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, LabeledImplant, Segmentation


def scene(facing="left", **options):
    """A drawn film of 1600 x 1000 pixels at 0.2 mm, its spine and landmarks."""
    phantom = draw_phantom(1600, 1000, facing=facing, spacing=0.2, **options)
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, Segmentation(phantom.instances, facing))
    marks = EndplatesAndCorners().process(film, spine, {}).provided["landmarks"]
    return film, spine, marks


def instance(film, marks, category, ring):
    """An instance of a ring (n, 2) in anatomical millimetres."""
    canvas = np.zeros(film.pixels.shape, np.uint8)
    cv2.fillPoly(canvas, [np.rint(marks.to_film(ring) * 256).astype(np.int32)], 1, shift=8)
    rows, columns = np.nonzero(canvas)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    return Instance(category, 0.9, canvas[box.slices].astype(bool), box)


def bar(start, end, width):
    """A straight bar from ``start`` to ``end``, (4, 2)."""
    side = geometry.perpendicular(geometry.unit(end - start)) * width / 2
    return np.array([start + side, end + side, end - side, start - side])


def measured(film, spine, marks, *implants):
    spine = replace(spine, implants=tuple(implants))
    found = Implants().process(film, spine, {"landmarks": marks})
    return {(item.name, item.instance, item.site): item for item in found.measurements}, found.flags


def disc_frame(marks, upper, lower):
    """Corners of both bodies, and the axes of the lower endplate with its length."""
    above, below = marks.corners(upper)[0], marks.corners(lower)[0]
    along = below[0] - below[1]
    length = float(np.linalg.norm(along))
    return above, below, along / length, geometry.perpendicular(along / length), length


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize(("start", "end"), [(0.2, 0.7), (0.1, 0.5), (0.4, 0.95)])
def test_a_cage_stands_where_it_was_drawn(facing, start, end):
    film, spine, marks = scene(facing)
    _, below, along, up, length = disc_frame(marks, "L4", "L5")
    low, high = below[1] + start * length * along, below[1] + end * length * along
    # sunk 1.5 mm into L5, and 4 mm high
    ring = np.array([low - 1.5 * up, high - 1.5 * up, high + 4 * up, low + 4 * up])
    cage = LabeledImplant("cage-1", instance(film, marks, "cage", ring), ("L4", "L5"))
    found, flags = measured(film, spine, marks, cage)
    position = found["cage_position", "cage-1", None]
    assert position.value == pytest.approx((start + end) / 2, abs=0.01)
    assert position.interval95[0] < position.value < position.interval95[1]
    assert found["cage_posterior_gap", "cage-1", None].value == pytest.approx(start, abs=0.015)
    sunk = found["cage_endplate_penetration", "cage-1", "superior_endplate"]
    assert sunk.value == pytest.approx(1.5, abs=0.35)
    assert found["cage_count", None, None].value == 1
    assert flags == ()


def test_the_distance_of_a_cage_to_both_endplates_is_negative_where_it_does_not_touch():
    film, spine, marks = scene()
    above, below, along, _, length = disc_frame(marks, "L3", "L4")
    middle = np.array([(above[2] + below[0]) / 2, (above[3] + below[1]) / 2])
    inward = 0.3 * length * along
    ring = bar(middle[1] + inward, middle[0] - inward, 2.0)
    cage = LabeledImplant("cage-1", instance(film, marks, "cage", ring), ("L3", "L4"))
    found, _ = measured(film, spine, marks, cage)
    gap = float(np.linalg.norm(above[2:].mean(0) - below[:2].mean(0))) / 2 - 1.0
    for site in ("inferior_endplate", "superior_endplate"):
        value = found["cage_endplate_penetration", "cage-1", site].value
        assert value < 0
        assert value == pytest.approx(-gap, abs=0.9)  # the disc is a wedge


def test_a_cage_that_stands_out_of_its_disc_is_flagged():
    film, spine, marks = scene()
    _, below, along, up, length = disc_frame(marks, "L4", "L5")
    low, high = below[1] + 0.75 * length * along, below[1] + 1.25 * length * along
    ring = np.array([low, high, high + 4 * up, low + 4 * up])
    cage = LabeledImplant("cage-1", instance(film, marks, "cage", ring), ("L4", "L5"))
    found, flags = measured(film, spine, marks, cage)
    assert flags == ("cage_outside_disc",)
    assert "cage_outside_disc" in found["cage_position", "cage-1", None].flags


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize(("angle", "depth"), [(0.0, 0.8), (12.0, 0.6), (-15.0, 0.9), (5.0, 0.45)])
def test_a_screw_lies_as_it_was_drawn(facing, angle, depth):
    film, spine, marks = scene(facing)
    corners = marks.corners("L4")[0]
    _, _, along, up, length = disc_frame(marks, "L3", "L4")
    tip = corners[1] + depth * length * along - 9 * up
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    axis = cos * along + sin * up
    ring = bar(tip - 45 * axis, tip, 6.0)
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), ("L4",))
    found, flags = measured(film, spine, marks, screw)
    tilt = found["screw_endplate_angle", "screw-1", None]
    assert tilt.value == pytest.approx(angle, abs=0.6)
    assert tilt.interval95[0] < tilt.value < tilt.interval95[1]
    true = 100 * float(tip_depth(tip, corners)[0])
    assert found["screw_tip_depth", "screw-1", None].value == pytest.approx(true, abs=3.0)
    left = found["screw_tip_distance", "screw-1", None].value
    assert left == pytest.approx((100 - true) / 100 * length, abs=1.5)
    assert found["screw_count", None, None].levels == ("L4",)
    assert flags == ()


def test_the_head_of_a_screw_does_not_turn_its_axis():
    film, spine, marks = scene()
    corners = marks.corners("L3")[0]
    _, _, along, up, length = disc_frame(marks, "L2", "L3")
    tip = corners[1] + 0.8 * length * along - 9 * up
    canvas = [
        bar(tip - 45 * along, tip, 6.0),
        bar(tip - 52 * along + 2 * up, tip - 42 * along, 13.0),
    ]
    masks = [instance(film, marks, "screw", ring) for ring in canvas]
    whole = np.zeros(film.pixels.shape, bool)
    for part in masks:
        whole[part.box.slices] |= part.mask
    rows, columns = np.nonzero(whole)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    body = Instance("screw", 0.9, whole[box.slices], box)
    found, _ = measured(film, spine, marks, LabeledImplant("screw-1", body, ("L3",)))
    assert found["screw_endplate_angle", "screw-1", None].value == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize(("forward", "down"), [(1.25, 9.0), (0.8, -4.0)])
def test_a_tip_outside_the_body_is_flagged(forward, down):
    film, spine, marks = scene()
    corners = marks.corners("L4")[0]
    _, _, along, up, length = disc_frame(marks, "L3", "L4")
    tip = corners[1] + forward * length * along - down * up
    ring = bar(tip - 50 * along, tip, 5.0)
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), ("L4",))
    _, flags = measured(film, spine, marks, screw)
    assert flags == ("screw_outside_body",)


@pytest.mark.parametrize("level", ["L4", "S1"])
def test_a_screw_whose_head_alone_is_seen_is_not_measured(level):
    film, spine, marks = scene()
    corners = marks.corners(level)[0]
    along = geometry.unit(corners[0] - corners[1])
    tip = corners[1] - 3 * along - 9 * geometry.perpendicular(along)
    ring = bar(tip - 15 * along, tip, 6.0)
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), (level,))
    found, _ = measured(film, spine, marks, screw)
    for name in ("screw_endplate_angle", "screw_tip_depth", "screw_tip_distance"):
        item = found[name, "screw-1", None]
        assert (item.value, item.reason) == (None, "implant_unclear")


def test_a_screw_in_the_sacrum_has_an_angle_and_no_depth():
    film, spine, marks = scene()
    corners = marks.corners("S1")[0]
    along = geometry.unit(corners[0] - corners[1])
    tip = corners[1] + 20 * along - 9 * geometry.perpendicular(along)
    ring = bar(tip - 40 * along, tip, 6.0)
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), ("S1",))
    found, _ = measured(film, spine, marks, screw)
    assert found["screw_endplate_angle", "screw-1", None].value == pytest.approx(0, abs=0.6)
    assert found["screw_tip_depth", "screw-1", None].reason == "no_walls"


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize("angle", [-20.0, 0.0, 25.0, 40.0])
def test_a_rod_is_bent_as_it_was_drawn(facing, angle):
    film, spine, marks = scene(facing)
    turn = np.radians(np.linspace(-angle / 2, angle / 2, 60)) + np.pi / 2
    steps = 1.3 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    line = np.cumsum(steps, axis=0) + marks.corners("L5")[0].mean(axis=0) + [-45, 0]
    side = np.stack([-steps[:, 1], steps[:, 0]], axis=1) * 2.1
    ring = np.concatenate([line + side, (line - side)[::-1]])
    rod = LabeledImplant("rod-1", instance(film, marks, "rod", ring), ("L3", "L4", "L5"))
    found, _ = measured(film, spine, marks, rod)
    item = found["rod_angle", "rod-1", None]
    assert item.value == pytest.approx(angle, abs=2.0)
    assert item.interval95[0] < angle < item.interval95[1]
    assert {key[0] for key in found} == {"rod_angle", "rod_count"}


def test_a_lump_has_no_axis_and_the_reason_is_said():
    rng = np.random.default_rng(1)
    lump = rng.standard_normal((500, 2))
    assert straight_axis(lump, np.array([1.0, 0.0])) is None
    assert bend(lump, np.array([0.0, 1.0])) is None
    film, spine, marks = scene()
    middle = marks.corners("L4")[0].mean(axis=0)
    ring = middle + 5 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), ("L4",))
    found, _ = measured(film, spine, marks, screw)
    assert {item.reason for item in found.values()} == {"implant_unclear", None}


def test_without_a_scale_angles_and_ratios_remain():
    phantom = draw_phantom(1600, 1000, spacing=None)
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, Segmentation(phantom.instances, "left"))
    marks = EndplatesAndCorners().process(film, spine, {}).provided["landmarks"]
    corners = marks.corners("L4")[0]
    _, _, along, up, length = disc_frame(marks, "L3", "L4")
    tip = corners[1] + 0.7 * length * along - 0.3 * length * up
    ring = bar(tip - 1.2 * length * along, tip, 0.15 * length)
    screw = LabeledImplant("screw-1", instance(film, marks, "screw", ring), ("L4",))
    found, _ = measured(film, spine, marks, screw)
    assert found["screw_endplate_angle", "screw-1", None].value == pytest.approx(0, abs=0.6)
    assert found["screw_tip_distance", "screw-1", None].reason == "no_pixel_spacing"
