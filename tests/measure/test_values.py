"""From draws to a measurement: value, interval, flags, or the reason why not."""

from __future__ import annotations

import numpy as np
import pytest

from spinemorph.measure import geometry
from spinemorph.measure.landmarks import DRAWS, BodyLandmarks, Landmarks, draw
from spinemorph.measure.lordosis import CLASSES, LORDOSIS, distribution_class, distribution_index
from spinemorph.measure.slip import grade
from spinemorph.measure.values import SCALE_FLAGS, Quantity
from spinemorph.types import Measurement, PixelSpacing

LENGTH = Quantity("length", "mm", "a length", (0.0, 50.0))
ANGLE = Quantity("angle", "deg", "an angle", (-60.0, 60.0))
SHARE = Quantity("share", "1", "a ratio")


def landmarks_of(level, corners, covariance=None, flags=(), generator=None):
    corners = np.asarray(corners, float)
    if covariance is None:
        covariance = np.tile(np.eye(2) * 0.5, (4, 1, 1))
    middles = np.array([corners[:2].mean(0), corners[2:].mean(0)])
    generator = generator or np.random.default_rng(1)
    return BodyLandmarks(
        level,
        "sacrum" if level == "S1" else "lumbar",
        0.9,
        corners,
        corners,
        covariance,
        middles,
        0.5,
        draw(corners, covariance, generator),
        draw(middles, np.tile(np.eye(2) * 0.25, (2, 1, 1)), generator),
        flags,
    )


SQUARE = np.array([[10.0, 10.0], [50.0, 10.0], [10.0, 40.0], [50.0, 40.0]])


def marks(*levels, facing="left", spacing=None, film_flags=(), flags=(), aspect=1.0):
    bodies = tuple(
        landmarks_of(level, SQUARE + [0, 45 * i], flags=flags) for i, level in enumerate(levels)
    )
    return Landmarks(bodies, facing, aspect, spacing, film_flags)


def draws(value, spread=1.0):
    rng = np.random.default_rng(3)
    return np.concatenate([[value], value + spread * rng.standard_normal(DRAWS)])


@pytest.mark.parametrize(
    ("quantity", "known", "levels", "values", "reason"),
    [
        (ANGLE, marks(None), ("L4",), draws(10), "no_sacrum"),
        (ANGLE, marks("L4"), ("L3", "L4"), draws(10), "level_not_found"),
        (ANGLE, marks("L4", facing=None), ("L4",), draws(10), "facing_unknown"),
        (LENGTH, marks("L4"), ("L4",), draws(10), "no_pixel_spacing"),
        (ANGLE, marks("L4"), ("L4",), draws(np.nan), "corner_uncertain"),
        (ANGLE, marks("L4"), ("L4",), draws(61), "implausible"),
    ],
)
def test_no_value_comes_with_its_reason(quantity, known, levels, values, reason):
    found = quantity.measured(known, levels, values)
    assert found.value is None
    assert found.reason == reason
    assert found.interval95 is None
    assert (found.name, found.unit, found.definition) == (
        quantity.name,
        quantity.unit,
        quantity.definition,
    )


def test_angles_and_ratios_need_no_scale_and_lengths_do():
    bare = marks("L4")
    assert ANGLE.measured(bare, ("L4",), draws(10)).value == 10
    assert SHARE.measured(bare, ("L4",), draws(0.8)).value == 0.8
    scaled = marks("L4", spacing=PixelSpacing(0.2, 0.2, "user"))
    assert LENGTH.measured(scaled, ("L4",), draws(10)).value == 10


@pytest.mark.parametrize("flag", SCALE_FLAGS)
def test_a_doubtful_scale_stands_beside_every_length_and_no_angle(flag):
    known = marks("L4", spacing=PixelSpacing(0.2, 0.2, "detector"), film_flags=(flag,))
    assert flag in LENGTH.measured(known, ("L4",), draws(10)).flags
    assert flag not in ANGLE.measured(known, ("L4",), draws(10)).flags


def test_a_doubtful_body_stands_beside_every_value_of_its_level():
    known = marks("L4", "L5", flags=("corner_uncertain", "double_contour"))
    assert "corner_uncertain" in ANGLE.measured(known, ("L4", "L5"), draws(10)).flags


def test_the_interval_is_centred_on_the_value_and_as_wide_as_the_draws_say():
    found = ANGLE.measured(marks("L4"), ("L4",), draws(10, spread=2.0))
    low, high = found.interval95
    assert (low + high) / 2 == pytest.approx(10, abs=0.01)
    assert (high - low) / 2 == pytest.approx(1.96 * 2.0, rel=0.15)


def test_intervals_of_lordosis_hold_the_truth_about_95_times_in_100():
    """Corners with the error that their covariance says, measured again and again."""
    rng = np.random.default_rng(11)
    true = {"L1": SQUARE, "S1": SQUARE + [0, 250]}
    covariance = np.tile(np.array([[2.0, 0.6], [0.6, 1.0]]), (4, 1, 1))
    root = np.linalg.cholesky(covariance[0])
    inside = 0
    for _ in range(400):
        bodies = tuple(
            landmarks_of(
                level,
                corners + rng.standard_normal((4, 2)) @ root.T,
                covariance,
                generator=rng,
            )
            for level, corners in true.items()
        )
        known = Landmarks(bodies, "left")
        found = LORDOSIS.measured(
            known, ("L1", "S1"), geometry.lordosis(known.corners("L1"), known.corners("S1"))
        )
        low, high = found.interval95
        inside += low <= 0.0 <= high
    assert 0.92 <= inside / 400 <= 0.98


@pytest.mark.parametrize(
    ("percent", "name"),
    [
        (39.9, "severe hypolordotic maldistribution"),
        (40.0, "moderate hypolordotic maldistribution"),
        (49.9, "moderate hypolordotic maldistribution"),
        (50.0, "aligned"),
        (80.0, "aligned"),
        (80.1, "hyperlordotic maldistribution"),
        (-5.0, "severe hypolordotic maldistribution"),
    ],
)
def test_classes_of_the_distribution_index(percent, name):
    assert distribution_class(percent) == name
    assert name in {word for _, word in CLASSES}


def test_little_lordosis_has_no_distribution():
    known = marks("L1", "L4", "S1")
    small = distribution_index(known, draws(9.9), draws(6))
    assert (small.value, small.label, small.reason) == (None, None, "lordosis_too_small")
    found = distribution_index(known, draws(50), draws(33))
    assert found.value == pytest.approx(66)
    assert found.label == "aligned"
    assert found.levels == ("L1", "L4", "S1")


def slip_of(value, interval):
    return Measurement("slip_percent", ("L4", "L5"), value, "%", "d", interval95=interval)


@pytest.mark.parametrize(
    ("value", "interval", "number", "label"),
    [
        (4.9, (3, 7), 0.0, "0"),
        (9.0, (-1, 19), 0.0, "0"),
        (9.0, (0, 18), 0.0, "0"),
        (-3.0, (-5, -1), 0.0, "0"),
        (5.0, (3, 7), 1.0, "I"),
        (25.0, (20, 30), 1.0, "I"),
        (25.1, (20, 30), 2.0, "II"),
        (50.0, (45, 55), 2.0, "II"),
        (75.0, (70, 80), 3.0, "III"),
        (100.0, (95, 105), 4.0, "IV"),
        (100.1, (95, 106), 5.0, "V"),
        (30.0, None, 2.0, "II"),
    ],
)
def test_grades_of_a_forward_slip(value, interval, number, label):
    found = grade(slip_of(value, interval))
    assert (found.name, found.value, found.label) == ("slip_grade", number, label)
    assert found.interval95 is None


def test_a_backward_slip_has_no_grade():
    found = grade(slip_of(-12.0, (-16, -8)))
    assert found.value is None
    assert found.label == "retrolisthesis"
    assert found.reason == "backward_slip_has_no_grade"


def test_without_a_slip_in_percent_there_is_no_grade_for_the_same_reason():
    none = Measurement("slip_percent", ("L4", "L5"), None, "%", "d", reason="level_not_found")
    assert grade(none).reason == "level_not_found"


def test_draws_begin_with_the_points_and_come_in_opposite_pairs():
    points, covariance = SQUARE, np.tile(np.diag([4.0, 1.0]), (4, 1, 1))
    drawn = draw(points, covariance, np.random.default_rng(0))
    assert drawn.shape == (1 + DRAWS, 4, 2)
    assert np.array_equal(drawn[0], points)
    assert drawn[1:].mean(axis=0) == pytest.approx(points)
    assert (drawn[1:] - points).std(axis=0) == pytest.approx(np.tile([2.0, 1.0], (4, 1)), rel=0.25)


def test_unknown_corners_stay_unknown_in_every_draw():
    points = SQUARE.copy()
    points[2:] = np.nan
    covariance = np.tile(np.eye(2), (4, 1, 1))
    covariance[2:] = np.nan
    drawn = draw(points, covariance, np.random.default_rng(0))
    assert np.isfinite(drawn[:, :2]).all()
    assert np.isnan(drawn[:, 2:]).all()


def test_motion_segments_are_every_lumbar_one_and_those_above_that_were_found():
    lumbar = [("L1", "L2"), ("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1")]
    assert list(marks("L4").motion_segments()) == lumbar
    assert list(marks("T12", "L1").motion_segments()) == [("T12", "L1"), *lumbar]
    assert list(marks("T11", "T12").motion_segments()) == [("T11", "T12"), *lumbar]


def test_anatomical_axes_point_forward_and_up_in_millimetres():
    left = marks("L4", spacing=PixelSpacing(0.3, 0.2, "user"), aspect=1.5)
    right = marks("L4", facing="right", aspect=1.5)
    assert left.to_anatomical(np.array([10.0, 10.0])) == pytest.approx([-2.0, -3.0])
    assert right.to_anatomical(np.array([10.0, 10.0])) == pytest.approx([10.0, -15.0])
    assert np.isnan(left.corners("L1")).all()
    assert np.isnan(left.middles("L1")).all()
