"""Signs, invariances and exact cases of the pure geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.measure import geometry

ANGLES = st.floats(-60, 60)
LENGTHS = st.floats(5, 60)


def endplate(middle, angle, length):
    """Anterior and posterior end of a line that rises toward the front by ``angle`` degrees."""
    half = length / 2 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    return [np.asarray(middle) + half, np.asarray(middle) - half]


def body(superior=0.0, inferior=0.0, *, at=(0.0, 0.0), depth=35.0, height=28.0):
    """Corners (4, 2) in anatomical axes: x anterior, y cranial."""
    at = np.array(at)
    up, down = at + [0, height / 2], at - [0, height / 2]
    return np.array([*endplate(up, superior, depth), *endplate(down, inferior, depth)])


def moved(corners, turn, scale, shift):
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return scale * corners @ np.array([[cos, sin], [-sin, cos]]) + shift


@given(upper=ANGLES, lower=ANGLES)
def test_lordosis_is_the_difference_of_the_two_slopes(upper, lower):
    found = geometry.lordosis(body(upper), body(lower, at=(0, -150)))
    assert found == pytest.approx(upper - lower)


def test_open_in_front_is_positive():
    """L1 looks up in front, S1 looks down in front: the curve is hollow behind."""
    assert geometry.lordosis(body(20.0), body(-35.0)) == pytest.approx(55)
    assert geometry.lordosis_to_inferior(body(20.0), body(0, -15.0)) == pytest.approx(35)
    assert geometry.disc_angle(body(0, 8.0), body(-6.0)) == pytest.approx(14)
    assert geometry.wedge_angle(body(3.0, -4.0)) == pytest.approx(7)
    assert geometry.sacral_slope(body(-38.0)) == pytest.approx(38)


def test_taller_in_front_is_a_positive_wedge():
    corners = body(5.0, -5.0)
    anterior, posterior = geometry.vertebral_heights(corners)
    assert anterior > posterior
    assert geometry.wedge_angle(corners) > 0


@given(turn=st.floats(-180, 180), scale=st.floats(0.1, 10), x=st.floats(-1e3, 1e3))
def test_angles_and_ratios_do_not_depend_on_pose_or_scale(turn, scale, x):
    upper, lower = body(10, -3, at=(4, 40)), body(-4, 2)
    shift = np.array([x, -x / 2])
    others = moved(upper, turn, scale, shift), moved(lower, turn, scale, shift)
    for measure in (
        geometry.lordosis,
        geometry.lordosis_to_inferior,
        geometry.disc_angle,
        geometry.disc_height_frobin,
        lambda a, b: geometry.slip(a, b)[1],
    ):
        assert measure(*others) == pytest.approx(measure(upper, lower), abs=1e-6)
    assert geometry.wedge_angle(others[0]) == pytest.approx(geometry.wedge_angle(upper), abs=1e-6)


@given(turn=st.floats(-180, 180), scale=st.floats(0.1, 10))
def test_lengths_grow_with_the_scale_and_nothing_else(turn, scale):
    upper, lower = body(10, -3, at=(4, 40)), body(-4, 2)
    a, b = moved(upper, turn, scale, [3, -7]), moved(lower, turn, scale, [3, -7])
    pairs = [
        (geometry.disc_heights(a, b), geometry.disc_heights(upper, lower)),
        (geometry.vertebral_heights(a), geometry.vertebral_heights(upper)),
        (geometry.vertebral_depths(a), geometry.vertebral_depths(upper)),
        ((geometry.slip(a, b)[0],), (geometry.slip(upper, lower)[0],)),
    ]
    for found, expected in pairs:
        assert np.array(found) == pytest.approx(scale * np.array(expected), rel=1e-6, abs=1e-6)


@given(forward=st.floats(-20, 20), gap=st.floats(3, 15), turn=st.floats(-60, 60))
def test_slip_and_height_of_a_disc_are_independent(forward, gap, turn):
    lower = body()
    upper = body(at=(forward, 28 + gap))
    upper, lower = moved(upper, turn, 1, [0, 0]), moved(lower, turn, 1, [0, 0])
    offset, percent = geometry.slip(upper, lower)
    assert offset == pytest.approx(forward, abs=1e-9)
    assert percent == pytest.approx(100 * forward / 35, abs=1e-9)
    for height in geometry.disc_heights(upper, lower):
        assert height == pytest.approx(gap, abs=1e-9)
    assert geometry.disc_height_frobin(upper, lower) == pytest.approx(gap / 35, abs=1e-9)


def test_the_middle_of_a_disc_between_concave_endplates_is_higher():
    lower, upper = body(), body(at=(0, 38))
    middle = geometry.disc_height_middle(upper, lower, np.array([0, 26.0]), np.array([0, 12.0]))
    assert middle == pytest.approx(14)
    assert middle > geometry.disc_heights(upper, lower)[0]


def test_overlapping_corners_give_a_negative_height():
    anterior, posterior = geometry.disc_heights(body(at=(0, 26)), body())
    assert anterior == pytest.approx(-2)
    assert posterior == pytest.approx(-2)


@given(superior=ANGLES, inferior=ANGLES, depth=LENGTHS)
def test_depths_are_the_lengths_of_the_lines(superior, inferior, depth):
    for found in geometry.vertebral_depths(body(superior, inferior, depth=depth)):
        assert found == pytest.approx(depth)


def test_orientation_tells_a_body_from_its_mirror_image():
    corners = body()
    assert geometry.orientation(corners) > 0
    assert geometry.orientation(corners * [-1, 1]) < 0


def test_leading_axes_are_free_and_unknown_stays_unknown():
    draws = np.stack([body(10), body(20), np.full((4, 2), np.nan)])
    found = geometry.lordosis(draws, body(-5)[None])
    assert found[:2] == pytest.approx([15, 25])
    assert np.isnan(found[2])
