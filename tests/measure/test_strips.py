"""Corners from masks and film: where strips lie, what they show, and how far the film may move a corner."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.measure.endplates import EndplatesAndCorners, upward
from spinemorph.measure.mask_corners import mask_shapes
from spinemorph.measure.outline import contour_of
from spinemorph.measure.strips import (
    ACROSS,
    COLUMNS,
    FARTHEST,
    ROWS,
    pictures,
    seen_on_film,
    strips_along,
)
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, LabeledSpine, LabeledVertebra, Numbering


def told(instances, facing, aspect=1.0):
    """Shapes from the masks alone, and the way up of each body."""
    ups = upward([contour_of(item) for item in instances], aspect)
    side = -1.0 if facing == "left" else 1.0
    forwards = [np.array([-up[1], up[0]]) * side for up in ups]
    return mask_shapes(instances, ups, forwards, aspect), ups


def bare(phantom):
    return [replace(item, corners=None, covariance=None) for item in phantom.instances]


@pytest.mark.parametrize("facing", ["left", "right"])
def test_strips_lie_along_the_endplates_and_look_into_the_body(facing):
    phantom = draw_phantom(facing=facing)
    shapes, ups = told(bare(phantom), facing)
    strips = strips_along(shapes, bare(phantom), ups, 1.0)
    assert [strip.kind for strip in strips] == [0, 1] * 6 + [2]
    for strip in strips:
        corners = phantom.instances[strip.body].corners
        ends = corners[2 * strip.plate : 2 * strip.plate + 2]
        assert strip.forward @ (ends[0] - ends[1]) > 0.99 * np.linalg.norm(ends[0] - ends[1])
        assert np.linalg.norm(strip.middle - ends.mean(axis=0)) < 0.06 * strip.length
        centre = contour_of(phantom.instances[strip.body]).mean(axis=0)
        assert strip.inward @ (centre - strip.middle) > 0
        centre_of_strip = strip.affine(1.0) @ [(COLUMNS - 1) / 2, (ROWS - 1) / 2, 1.0]
        assert np.allclose(centre_of_strip, strip.middle)


def test_a_strip_shows_its_body_below_and_the_neighbour_above():
    phantom = draw_phantom()
    shapes, ups = told(bare(phantom), phantom.facing)
    strips = strips_along(shapes, bare(phantom), ups, 1.0)
    seen = pictures(phantom.radiograph.pixels, strips, bare(phantom), 1.0)
    assert seen.shape == (len(strips), 4, ROWS, COLUMNS)
    middle = seen[:, :, :, COLUMNS // 2]
    deep, outside = int(ROWS * (0.5 + 0.1 / ACROSS / 2)), int(ROWS * (0.5 - 0.08 / ACROSS / 2))
    assert (middle[:, 2, deep] > 0.99).all()
    assert (middle[:, 2, outside] < 0.01).all()
    assert (middle[:, 0, deep] > middle[:, 0, outside] + 0.5).all()
    # the top of the uppermost body has no neighbour, every other endplate looks at one across the disc
    assert middle[0, 3].max() == 0
    assert (middle[1:, 3, 0] > 0.99).all()


@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_finer_film_shows_the_same(times):
    rough, fine = draw_phantom(600, 400), draw_phantom(600 * times, 400 * times)
    found = []
    for phantom in (rough, fine):
        shapes, ups = told(bare(phantom), phantom.facing)
        strips = strips_along(shapes, bare(phantom), ups, 1.0)
        found.append(pictures(phantom.radiograph.pixels, strips, bare(phantom), 1.0))
    for channel in (0, 2, 3):
        assert np.abs(found[0] - found[1])[:, channel].mean() < 0.03


def test_a_film_that_shows_nothing_changes_nothing():
    phantom = draw_phantom()
    shapes, ups = told(bare(phantom), phantom.facing)
    for value in (0.0, 0.7):
        empty = np.full_like(phantom.radiograph.pixels, value)
        after = seen_on_film(shapes, bare(phantom), ups, empty, 1.0)
        assert all(a is b for a, b in zip(after, shapes, strict=True))
    assert seen_on_film([], [], [], phantom.radiograph.pixels, 1.0) == ()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), facing=st.sampled_from(["left", "right"]))
def test_no_film_moves_a_corner_or_a_middle_far_and_every_spread_is_one(seed, facing):
    rng = np.random.default_rng(seed)
    phantom = draw_phantom(500, 300, facing=facing)
    grain = cv2.GaussianBlur(rng.normal(0.5, 1, (500, 300)), (0, 0), rng.uniform(0.3, 8))
    film = np.clip(grain * rng.uniform(0.1, 9), 0, 1).astype(np.float32)
    shapes, ups = told(bare(phantom), facing)
    for before, after in zip(
        shapes, seen_on_film(shapes, bare(phantom), ups, film, 1.0), strict=True
    ):
        ends = 2 if np.isnan(before.corners[2:]).any() else 4
        length = max(
            float(np.linalg.norm(before.corners[k] - before.corners[k + 1]))
            for k in range(0, ends, 2)
        )
        moved = np.linalg.norm(after.corners - before.corners, axis=1)[:ends]
        assert (moved <= np.sqrt(2) * FARTHEST * length + 1e-6).all()
        assert (np.abs(after.sunk - before.sunk)[: ends // 2] <= FARTHEST * length + 1e-6).all()
        assert (np.linalg.eigvalsh(after.covariance[:ends]) > 0).all()
        assert (after.sunk_sd[: ends // 2] > 0).all()
        assert np.array_equal(np.isnan(after.corners), np.isnan(before.corners))
        assert np.array_equal(after.spurs, before.spurs, equal_nan=True)


def test_pixels_need_not_be_square():
    phantom = draw_phantom(900, 600)
    film = phantom.radiograph.pixels
    flat = cv2.resize(film, (600, 450), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((900, 600), np.uint8)
    low = []
    for item in bare(phantom):
        canvas[:] = 0
        canvas[item.box.slices] = item.mask
        small = canvas[::2]
        rows, columns = np.nonzero(small)
        box = Box(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        low.append(Instance(item.category, 1.0, small[box.slices].astype(bool), box))
    results = []
    for instances, pixels, aspect in ((bare(phantom), film, 1.0), (low, flat, 2.0)):
        shapes, ups = told(instances, phantom.facing, aspect)
        after = seen_on_film(shapes, instances, ups, pixels, aspect)
        results.append(np.stack([shape.corners for shape in after]) * [1.0, aspect])
    assert np.nanmax(np.abs(results[0] - results[1])) < 2.5


def test_corners_of_a_model_are_left_alone():
    phantom = draw_phantom()
    bodies = [
        LabeledVertebra(item, level)
        for item, level in zip(phantom.instances, phantom.levels, strict=True)
    ]
    spine = LabeledSpine(tuple(bodies), (), Numbering(1.0), phantom.facing)
    marks = EndplatesAndCorners().process(phantom.radiograph, spine, {}).provided["landmarks"]
    for body, item in zip(marks.bodies, phantom.instances, strict=True):
        assert body.route == "model"
        assert np.array_equal(body.corners, item.corners, equal_nan=True)


@pytest.mark.parametrize(
    ("shape", "boxes"),
    [
        ((1, 1), [(0, 0, 1, 1)]),
        ((2, 900), [(0, 0, 2, 900)]),
        ((900, 2), [(0, 0, 900, 2)]),
        ((1200, 1000), [(0, 0, 600, 1000), (600, 0, 1200, 1000)]),
        ((300, 300), [(10, 10, 150, 300), (10, 10, 150, 300)]),
    ],
)
def test_masks_of_any_size_give_finite_corners(shape, boxes):
    film = np.random.default_rng(0).random(shape).astype(np.float32)
    bodies = [
        Instance("lumbar", 1.0, np.ones((bottom - top, right - left), bool), Box(*box))
        for box in boxes
        for top, left, bottom, right in [box]
    ]
    shapes, ups = told(bodies, "left")
    for shape_of_one in seen_on_film(shapes, bodies, ups, film, 1.0):
        assert np.isfinite(shape_of_one.corners).all()


@pytest.fixture(scope="module")
def simulated():
    pytest.importorskip("numba")
    from spinemorph.simulate.anatomy_source import load_anatomy
    from spinemorph.simulate.film import simulate_film
    from spinemorph.simulate.settings import Settings

    bones = load_anatomy(None)
    return [simulate_film(bones, Settings(), seed) for seed in range(900, 924)]


def depths(body):
    """How far the middles lie inside the line between the corners, in pixels."""
    across = body.corners[[0, 2]] - body.corners[[1, 3]]
    normal = np.stack([-across[:, 1], across[:, 0]], axis=1)
    normal /= np.linalg.norm(across, axis=1, keepdims=True)
    rows, columns = np.nonzero(body.mask)
    centre = np.array([columns.mean() + body.box.left, rows.mean() + body.box.top])
    lines = (body.corners[[0, 2]] + body.corners[[1, 3]]) / 2
    inward = np.sign(((centre - lines) * normal).sum(axis=1, keepdims=True))
    return ((body.middles - lines) * normal * inward).sum(axis=1)


def test_simulated_films_show_more_than_their_masks(simulated):
    errors, middles = [], []
    for film in simulated:
        bodies = [body for body in film.truth.bodies if body.visible > 0.98 and not body.replaced]
        if film.truth.view != "lateral" or not bodies:
            continue
        instances = [Instance(body.category, 1.0, body.mask, body.box) for body in bodies]
        shapes, ups = told(instances, film.truth.facing)
        after = seen_on_film(shapes, instances, ups, film.pixels, 1.0)
        for body, mask, both in zip(bodies, shapes, after, strict=True):
            ends = 2 if body.level == "S1" else 4
            away = [
                np.linalg.norm((shape.corners - body.corners)[:ends], axis=1)
                * film.truth.spacing_mm
                for shape in (mask, both)
            ]
            errors += np.stack(away, axis=1).tolist()
            middles += [
                np.abs(shape.sunk - depths(body))[: ends // 2] * film.truth.spacing_mm
                for shape in (mask, both)
            ]
    mask_alone, with_film = np.mean(errors, axis=0)
    assert len(errors) > 300
    assert with_film < 0.92 * mask_alone
    mask_alone, with_film = (np.concatenate(middles[k::2]).mean() for k in (0, 1))
    assert with_film < 0.8 * mask_alone
