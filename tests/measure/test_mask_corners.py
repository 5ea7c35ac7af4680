"""Corners from a mask alone: drawn shapes, and bodies of simulated films that calibration never saw."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.measure.geometry import lordosis
from spinemorph.measure.mask_corners import mask_shapes
from spinemorph.measure.outline import POINTS, contour_of, outlines, ring
from spinemorph.types import Box, Instance

UP, FORWARD = np.array([0.0, -1.0]), np.array([-1.0, 0.0])
#: A body of 180 x 130 pixels that faces left, a little wedged and tilted.
QUAD = np.array([[110.0, 118.0], [288.0, 96.0], [102.0, 246.0], [292.0, 232.0]])
HEIGHT = 132.0


def instance(points, category="lumbar", shape=(400, 420), change=None):
    canvas = np.zeros(shape, np.uint8)
    ring = np.asarray(points)[[0, 1, 3, 2]]
    cv2.fillPoly(canvas, [np.rint(ring * 256).astype(np.int32)], 1, shift=8)
    if change is not None:
        change(canvas)
    rows, columns = np.nonzero(canvas)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    return Instance(category, 1.0, canvas[box.slices].astype(bool), box)


def alone(item, up, forward, aspect):
    """Corners and covariance of the only body of a film."""
    (shape,) = mask_shapes([item], [up], [forward], aspect)
    return shape.corners, shape.covariance


def away(found, points):
    return np.linalg.norm(found - points, axis=1) / HEIGHT * 100


def test_a_quadrilateral_has_its_corners():
    corners, covariance = alone(instance(QUAD), UP, FORWARD, 1.0)
    assert away(corners, QUAD).max() < 4
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_the_sacrum_has_two():
    corners, covariance = alone(instance(QUAD, "sacrum"), UP, FORWARD, 1.0)
    assert away(corners[:2], QUAD[:2]).max() < 6
    assert np.isnan(corners[2:]).all()
    assert np.isnan(covariance[2:]).all()
    assert np.isfinite(covariance[:2]).all()


def test_a_beak_is_an_osteophyte_and_no_corner():
    def beak(canvas):
        base = [QUAD[0], QUAD[0] + [-30, 2], QUAD[0] + [-2, 20]]
        cv2.fillPoly(canvas, [np.rint(base).astype(np.int32)], 1)

    corners, _ = alone(instance(QUAD, change=beak), UP, FORWARD, 1.0)
    assert away(corners, QUAD).max() < 9


def test_hollow_endplates_keep_their_rims():
    def hollow(canvas):
        for a, b in ((0, 1), (2, 3)):
            middle = tuple(int(v) for v in (QUAD[a] + QUAD[b]) / 2)
            cv2.ellipse(canvas, middle, (62, 14), -7, 0, 360, 0, -1)

    corners, _ = alone(instance(QUAD, change=hollow), UP, FORWARD, 1.0)
    assert away(corners, QUAD).max() < 7


@settings(max_examples=25)
@given(x=st.integers(-60, 60), y=st.integers(-60, 60))
def test_a_body_moved_by_whole_pixels_has_corners_moved_by_as_much(x, y):
    here, spread = alone(instance(QUAD), UP, FORWARD, 1.0)
    there, same = alone(instance(QUAD + [x, y]), UP, FORWARD, 1.0)
    assert there == pytest.approx(here + [x, y], abs=1e-6)
    assert same == pytest.approx(spread)


def test_a_mirrored_body_has_mirrored_corners():
    here, _ = alone(instance(QUAD), UP, FORWARD, 1.0)
    mirrored = instance(QUAD * [-1, 1] + [400, 0])
    there, _ = alone(mirrored, UP, -FORWARD, 1.0)
    assert there * [-1, 1] + [400, 0] == pytest.approx(here, abs=1.0)


@settings(max_examples=25)
@given(degrees=st.floats(-30, 30), scale=st.floats(0.35, 1.0))
def test_turned_and_scaled_bodies_have_turned_and_scaled_corners(degrees, scale):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, sin], [-sin, cos]])
    points = (QUAD - 190) @ turn * scale + 205
    corners, _ = alone(instance(points), UP @ turn, FORWARD @ turn, 1.0)
    assert (away(corners, points) / scale).max() < 6


@pytest.mark.parametrize("wrong", [-20, -8, 8, 20])
def test_the_direction_that_is_given_need_not_be_exact(wrong):
    cos, sin = np.cos(np.radians(wrong)), np.sin(np.radians(wrong))
    turn = np.array([[cos, sin], [-sin, cos]])
    right, _ = alone(instance(QUAD), UP, FORWARD, 1.0)
    found, _ = alone(instance(QUAD), UP @ turn, FORWARD @ turn, 1.0)
    assert away(found, right).max() < 1.5


@pytest.mark.parametrize("aspect", [0.6, 1.6])
def test_pixels_that_are_not_square(aspect):
    squeezed = QUAD / [1, aspect]
    found, covariance = alone(
        instance(squeezed, shape=(round(400 / aspect), 420)), UP, FORWARD, aspect
    )
    assert away(found * [1, aspect], QUAD).max() < 5
    ratio = covariance[:, 1, 1] / covariance[:, 0, 0]
    plain = alone(instance(QUAD), UP, FORWARD, 1.0)[1]
    assert ratio * aspect**2 == pytest.approx(plain[:, 1, 1] / plain[:, 0, 0], rel=0.2)


def test_a_tiny_body_still_has_corners():
    corners, _ = alone(instance(QUAD / 20), UP, FORWARD, 1.0)
    assert np.isfinite(corners).all()
    assert (away(corners, QUAD / 20) * 20).max() < 50  # it is seven pixels high


def test_the_contour_runs_along_the_edge_of_the_mask():
    disc = np.hypot(*np.mgrid[-50:51, -50:51]) <= 40.3
    rows, columns = np.nonzero(disc)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    points = contour_of(Instance("lumbar", 1.0, disc[box.slices], box))
    radius = np.linalg.norm(points - 50, axis=1)
    assert radius.mean() == pytest.approx(40.3, abs=0.15)
    assert radius.std() < 0.3


def test_a_ring_has_equal_steps_and_begins_in_front():
    angles = np.linspace(0.3, 0.3 - 2 * np.pi, 500, endpoint=False)  # downward in front
    found = ring(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    wanted = np.arange(POINTS) / POINTS * 2 * np.pi
    assert found == pytest.approx(np.stack([np.cos(wanted), np.sin(wanted)], axis=1), abs=1e-3)


def test_no_bodies_have_no_shapes():
    assert mask_shapes([], [], [], 1.0) == ()


def test_outlines_of_large_masks_stay_in_place():
    # both are looked at with 64 pixels of height: half of one of these is one of the small film
    small, _ = outlines(instance(QUAD), 1.0)
    large, _ = outlines(instance(QUAD * 4 + 1.5, shape=(1600, 1700)), 1.0)
    assert (large.max(axis=0) - 1.5) / 4 == pytest.approx(small.max(axis=0), abs=1.0)
    assert (large.min(axis=0) - 1.5) / 4 == pytest.approx(small.min(axis=0), abs=1.0)


@pytest.fixture(scope="module")
def films():
    pytest.importorskip("numba")
    from spinemorph.simulate.anatomy_source import load_anatomy
    from spinemorph.simulate.film import film_geometry
    from spinemorph.simulate.settings import Settings

    bones = load_anatomy(None)
    return [film_geometry(bones, Settings(), seed) for seed in range(900, 940)]


def test_simulated_bodies_give_their_true_corners_and_lordosis(films):
    distances, inside, angles = [], [], []
    for truth in films:
        side = -1.0 if truth.facing == "left" else 1.0
        bodies = [body for body in truth.bodies if body.visible > 0.98]
        if len(bodies) < 2:
            continue
        centres = [np.array([body.box.left, body.box.top], float) for body in bodies]
        last = len(bodies) - 1
        steps = [centres[max(i - 1, 0)] - centres[min(i + 1, last)] for i in range(last + 1)]
        ups = [step / np.linalg.norm(step) for step in steps]
        forwards = [np.array([-up[1], up[0]]) * side for up in ups]
        masks = [Instance(body.category, 1.0, body.mask, body.box) for body in bodies]
        found = {}
        for body, shape in zip(bodies, mask_shapes(masks, ups, forwards, 1.0), strict=True):
            ends = 2 if body.level == "S1" else 4
            error = (shape.corners - body.corners)[:ends]
            distances += (np.linalg.norm(error, axis=1) * truth.spacing_mm).tolist()
            inverse = np.linalg.inv(shape.covariance[:ends])
            inside += (np.einsum("ni,nij,nj->n", error, inverse, error) < 5.99).tolist()
            found[body.level] = (shape.corners * [side, -1], body.corners * [side, -1])
        if {"L1", "S1"} <= set(found):
            pair = zip(found["L1"], found["S1"], strict=True)
            angles.append(float(np.subtract(*[lordosis(upper, lower) for upper, lower in pair])))
    assert len(angles) > 20
    assert np.median(distances) < 0.9
    assert np.mean(np.abs(angles)) < 1.6
    assert abs(np.mean(angles)) < 1.0
    assert np.mean(inside) > 0.88
