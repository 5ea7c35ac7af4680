import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.compare.control import Trial, adjusted, holm, two_sided, weighted_holm
from spinemorph.compare.families import place_of

SEGMENTS = (("L1", "L2"), ("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1"))
NAMES = ("disc_angle", "disc_height_farfan", "slip_percent", "disc_height_dabbs", "slip")


def table(p):
    """Tests of five segments and the whole with probabilities from ``p(name, levels)``."""
    tests = [Trial(n, levels, None, 1, p(n, levels)) for levels in SEGMENTS for n in NAMES]
    return [*tests, Trial("lumbar_lordosis", ("L1", "S1"), None, 1, p("lumbar_lordosis", ()))]


def test_a_normal_at_1_96_has_five_percent():
    assert two_sided(1.959964) == pytest.approx(0.05, abs=1e-6)


def test_holm_as_worked_out_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_value_and_bonferroni(values):
    found = holm(values)
    for raw, p in zip(values, found, strict=True):
        assert raw - 1e-12 <= p <= min(1.0, raw * len(values)) + 1e-12


def test_weight_is_spent_where_it_was_put():
    values = {"expected": 0.02, "other": 0.02}
    found = weighted_holm(values, {"expected": 0.9, "other": 0.1})
    assert found["expected"] == pytest.approx(0.02 / 0.9)
    assert weighted_holm(values, {"expected": 0.1, "other": 0.9})["expected"] > 0.02


@pytest.mark.parametrize(
    ("name", "levels", "instance", "kind"),
    [
        ("lumbar_lordosis", ("L1", "S1"), None, "whole"),
        ("disc_angle", ("L5", "S1"), None, "segment"),
        ("height_ratio_wedge", ("L3",), None, "body"),
        ("osteophyte_area", ("L3",), None, "other"),
        ("screw_endplate_angle", ("L4",), "screw-1", "implant"),
        ("cage_subsidence", ("L4", "L5"), None, "implant"),
        ("of_a_plugin", ("L3", "L4"), None, "segment"),
        ("of_a_plugin", (), None, "other"),
    ],
)
def test_every_measure_has_its_place(name, levels, instance, kind):
    assert place_of(name, levels, instance)[0] == kind


def test_an_unchanged_patient_gets_anything_called_in_five_percent_at_most():
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(2000):
        tests = table(lambda *_: rng.uniform())
        values, _ = adjusted(tests, {})
        called += min(values) <= 0.05
    # three standard errors of 2,000 draws above 5 %
    assert called / 2000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_the_other_measures_of_an_unchanged_place_are_not_called():
    values, primary = adjusted(
        table(lambda n, _: 1e-9 if n in ("slip", "disc_height_dabbs") else 0.4), {}
    )
    assert min(values) > 0.05
    assert sum(primary) == 3 * len(SEGMENTS) + 1


def test_within_a_changed_place_its_measures_are_confirmed():
    def p(name, levels):
        return {"disc_angle": 1e-8, "slip": 0.004}.get(name, 0.5) if levels == ("L4", "L5") else 0.5

    tests = table(p)
    values, _ = adjusted(tests, {})
    called = {(t.name, t.levels) for t, v in zip(tests, values, strict=True) if v <= 0.05}
    assert called == {("disc_angle", ("L4", "L5")), ("slip", ("L4", "L5"))}


def test_segments_that_were_operated_on_get_more_of_the_error():
    def p(name, levels):
        return 0.003 if (name, levels) == ("disc_angle", ("L4", "L5")) else 0.5

    tests = table(p)
    index = next(i for i, t in enumerate(tests) if t.p == 0.003)
    assert adjusted(tests, {})[0][index] > 0.05
    assert adjusted(tests, {1: {"L4", "L5"}})[0][index] <= 0.05


def test_more_films_share_the_same_error():
    one = [Trial("lumbar_lordosis", ("L1", "S1"), None, 1, 0.03)]
    two = [*one, Trial("lumbar_lordosis", ("L1", "S1"), None, 2, 0.5)]
    assert adjusted(one, {})[0][0] == pytest.approx(0.03)
    assert adjusted(two, {})[0][0] == pytest.approx(0.06)


def test_nothing_to_test_is_no_fault():
    assert adjusted([], {}) == ([], [])
