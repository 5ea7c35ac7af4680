import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.compare import compare_studies
from spinemorph.compare.alignment import depth_ratio, huber_mean, rotation, similarity
from spinemorph.compare.bodies import bodies_of

RNG = np.random.default_rng(3)
POINTS = RNG.normal(0, 100, (20, 2))
GROUPS = np.repeat(np.arange(5), 4)


@given(st.floats(0.5, 2), st.floats(-40, 40), st.floats(-300, 300), st.floats(-300, 300))
def test_a_similarity_is_recovered(scale, degrees, x, y):
    angle = np.radians(degrees)
    moved = scale * POINTS @ rotation(angle).T + [x, y]
    found = similarity(POINTS, moved, GROUPS)
    assert found[0] == pytest.approx(scale, rel=1e-6)
    assert found[1] == pytest.approx(angle, abs=1e-6)
    assert found[2] == pytest.approx([x, y], abs=1e-3)


def test_a_body_that_moved_for_itself_does_not_pull_the_others():
    moved = 1.1 * POINTS @ rotation(0.2).T
    moved[GROUPS == 4] += [25.0, 10.0]
    noisy = moved + RNG.normal(0, 0.3, moved.shape)
    scale, angle, _, weights = similarity(POINTS, noisy, GROUPS)
    assert scale == pytest.approx(1.1, rel=0.02)
    assert angle == pytest.approx(0.2, abs=0.02)
    assert weights[GROUPS == 4].max() < 0.3 < weights[GROUPS == 0].min()


def test_outliers_do_not_move_the_location_far():
    assert huber_mean(np.array([1.0, 1.1, 0.9, 1.0, 1.05, 50.0])) == pytest.approx(1.0, abs=0.1)


def test_a_mirrored_and_enlarged_film_is_laid_on_the_first(measure, quads):
    larger = {level: quad * 1.2 + [5, 3] for level, quad in quads.items()}
    second = measure(larger, date="2024-06-01", facing="right", spacing=0.25)
    comparison = compare_studies([measure(), second])
    (found,) = comparison.alignments
    assert found.mirrored
    assert found.scale == pytest.approx(1 / 1.2, rel=1e-3)
    corner = second.vertebrae[2].corners[0]
    back = found.matrix[:, :2] @ corner + found.matrix[:, 2]
    assert back == pytest.approx(comparison.studies[0].vertebrae[2].corners[0], abs=0.3)


def test_the_depths_tell_how_much_larger_a_film_is(measure, quads):
    bodies = bodies_of(measure())
    larger = bodies_of(measure({k: 1.15 * q for k, q in quads.items()}))
    ratio, error, count = depth_ratio(larger, bodies, ["L1", "L2", "L3"])
    assert ratio == pytest.approx(np.log(1.15), abs=1e-3)
    assert 0 < error < 0.02
    assert count == 6
    assert depth_ratio(larger, bodies, ["L1"]) is None


def scaled(measure, quads, factor, **film):
    return measure({k: factor * q + [10, 10] for k, q in quads.items()}, date="2024-06-01", **film)


def test_two_calibrated_films_that_agree_are_taken_as_they_are(measure, quads, rows):
    comparison = compare_studies([measure(), scaled(measure, quads, 0.9, spacing=0.25 / 0.9)])
    assert comparison.scales[1].basis == "same"
    height = rows(comparison)["disc_height_dabbs", "L3-L4"]
    assert height.difference == pytest.approx(0, abs=0.2)
    assert "rescaled_by_bodies" not in height.flags


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("detector", "detector", None),
        ("detector", "calibrated", "scale_basis_differs"),
        ("unknown", "unknown", None),
        ("estimated", "estimated", None),
    ],
)
def test_other_scales_are_brought_together_by_the_bodies(measure, quads, rows, first, second, code):
    later = scaled(measure, quads, 0.9, spacing=0.25, basis=second)
    comparison = compare_studies([measure(basis=first), later])
    scale = comparison.scales[1]
    assert scale.basis == "bodies"
    assert scale.factor == pytest.approx(1 / 0.9, rel=0.01)
    height = rows(comparison)["disc_height_dabbs", "L3-L4"]
    assert height.difference == pytest.approx(0, abs=0.2)
    assert "rescaled_by_bodies" in height.flags
    assert "rescaled_by_bodies" in {check.code for check in comparison.checks}
    assert (code is None) or code in {check.code for check in comparison.checks}


def test_calibrated_scales_that_the_bodies_contradict_are_not_believed(measure, quads):
    comparison = compare_studies([measure(), scaled(measure, quads, 0.8, spacing=0.25)])
    assert "scales_disagree" in {check.code for check in comparison.checks}
    assert comparison.scales[1].basis == "bodies"


def test_without_a_pixel_size_ratios_and_angles_remain(measure, quads, rows):
    comparison = compare_studies([measure(), scaled(measure, quads, 0.9, spacing=None)])
    found = rows(comparison)
    assert found["disc_height_dabbs", "L3-L4"].verdict == "not_comparable"
    assert "scale_not_comparable" in found["disc_height_dabbs", "L3-L4"].reasons
    assert found["disc_height_index", "L3-L4"].verdict == "within_error"
    assert found["disc_angle", "L3-L4"].verdict == "within_error"
