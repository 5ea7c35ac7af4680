import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.simulate.texture import (
    add_blob,
    add_lines,
    chance,
    clutter,
    coarse_camera,
    draw,
    enlarge,
    low_pass,
    smoothstep,
    streaks,
)

ROUND = np.zeros((0, 2))


@given(seed=st.integers(0, 2**32 - 1), low=st.floats(-5, 5), span=st.floats(0, 5))
def test_a_drawn_number_lies_in_its_range(seed, low, span):
    assert low <= draw(np.random.default_rng(seed), (low, low + span)) <= low + span


def test_a_certain_event_happens_and_an_impossible_one_does_not():
    rng = np.random.default_rng(0)
    assert all(chance(rng, 1.0) for _ in range(50))
    assert not any(chance(rng, 0.0) for _ in range(50))


@given(factor=st.integers(1, 6), x=st.floats(0, 191), y=st.floats(0, 255))
def test_a_coarse_camera_sees_what_resizing_shows(camera, factor, x, y):
    film = camera()
    world = np.array([[-(x - 96) * 1.5, 0.0, -(y - 120) * 1.5]])
    fine, coarse = film.project(world)[0], coarse_camera(film, factor).project(world)[0]
    assert fine[:2] == pytest.approx((x, y))
    assert coarse[:2] == pytest.approx((fine[:2] + 0.5) / factor - 0.5)


def test_smoothstep_joins_its_ends():
    values = smoothstep(np.array([-1, 0, 0.5, 1, 2], np.float32))
    assert values == pytest.approx([0, 0, 0.5, 1, 1])


def test_clutter_is_standardised_and_has_more_power_in_coarse_grains():
    rng = np.random.default_rng(3)
    steep = [clutter(rng, (128, 96), 48, 2, 1.2) for _ in range(24)]
    flat = [clutter(rng, (128, 96), 48, 2, 0.2) for _ in range(24)]
    assert np.std(steep) == pytest.approx(1, abs=0.35)
    assert np.std(flat) == pytest.approx(1, abs=0.35)
    assert abs(np.mean(steep)) < 0.3

    def roughness(images):
        return np.mean([np.abs(np.diff(image, axis=0)).mean() for image in images])

    assert roughness(flat) > 2 * roughness(steep)


def test_fibres_run_along_their_angle():
    image = streaks(np.random.default_rng(1), (160, 160), 0.0, 60, 3)
    along, across = (np.abs(np.diff(image, axis=axis)).mean() for axis in (1, 0))
    assert across > 4 * along


@settings(max_examples=25)
@given(sigma=st.floats(0.5, 20))
def test_a_low_pass_keeps_a_constant_and_calms_noise(sigma):
    noise = np.random.default_rng(5).standard_normal((90, 70)).astype(np.float32)
    assert np.allclose(low_pass(np.full((90, 70), 0.7, np.float32), sigma), 0.7, atol=1e-4)
    assert low_pass(noise, sigma).std() < noise.std()


def test_enlarging_keeps_the_mean():
    small = np.random.default_rng(2).random((20, 15)).astype(np.float32)
    assert enlarge(small, (200, 150)).mean() == pytest.approx(small.mean(), abs=0.02)


def test_a_blob_is_the_chord_of_an_ellipsoid():
    image = np.zeros((80, 80), np.float32)
    add_blob(image, (40, 30), (12, 6), 0.0, 5.0, ROUND)
    assert image[30, 40] == pytest.approx(5)
    assert image[30, 52] == pytest.approx(0, abs=0.5)
    assert image[37, 40] == 0
    # volume of half an ellipsoid of height 5: 2/3 pi a b h
    assert image.sum() == pytest.approx(2 / 3 * np.pi * 12 * 6 * 5, rel=0.03)


@given(x=st.floats(-60, 120), y=st.floats(-60, 120))
def test_a_blob_may_lie_across_the_border_or_beyond_it(x, y):
    image = np.zeros((40, 50), np.float32)
    add_blob(image, (x, y), (9, 15), 0.6, 2.0, np.array([[0.2, 1.0], [0.1, 2.0]]))
    assert image.min() >= 0
    assert image.max() <= 2 + 1e-5
    assert (image.sum() == 0) or (-30 < x < 80 and -30 < y < 70)


def test_lines_add_with_their_sign_where_they_run():
    image = np.zeros((60, 60), np.float32)
    add_lines(
        image,
        [
            (np.array([[5.0, 10.0], [55.0, 10.0]]), 3.0, 4.0),
            (np.array([[5.0, 40.0], [55.0, 40.0]]), 3.0, -2.0),
        ],
        0.0,
    )
    assert image[10, 30] == pytest.approx(4)
    assert image[40, 30] == pytest.approx(-2)
    assert not image[25].any()
