from dataclasses import replace

import pytest

from spinemorph.compare import compare_studies
from spinemorph.types import Measurement


def verdicts(comparison, film=1):
    return {(c.name, "-".join(c.levels)): c.verdict for c in comparison.of(film)}


def test_an_unchanged_spine_has_no_change(measure, quads):
    again = measure({k: q + [4, -6] for k, q in quads.items()}, date="2024-06-01")
    comparison = compare_studies([measure(), again])
    assert set(verdicts(comparison).values()) <= {"within_error", "not_comparable"}
    assert len(comparison.summary) == 2
    assert "nothing has changed" in comparison.summary[0]


def test_a_raised_disc_is_changed_there_and_nowhere_else(measure, quads, rows, raised):
    operated = raised(quads, "L4", 24.0)  # 6 mm
    comparison = compare_studies([measure(), measure(operated, date="2024-06-01")])
    row = rows(comparison)["disc_height_dabbs", "L4-L5"]
    assert row.verdict == "changed"
    assert row.difference == pytest.approx(6, abs=0.3)
    assert row.interval95[0] < row.difference < row.interval95[1]
    assert row.p < 0.05
    changed = {c.levels for c in comparison.changes if c.verdict == "changed"}
    assert changed == {("L4", "L5")}
    assert "L4/L5 rose by 6" in comparison.summary[0]


def test_what_is_real_but_smaller_than_a_reader_can_tell_is_not_called(measure, quads, rows):
    def sharp(study):
        items = tuple(
            replace(m, interval95=(m.value - 0.01, m.value + 0.01)) if m.value is not None else m
            for m in study.measurements
        )
        return replace(study, measurements=items)

    def taller(study, by):
        items = tuple(
            replace(m, value=m.value + by, interval95=(m.value + by - 0.01, m.value + by + 0.01))
            if m.name == "lumbar_lordosis"
            else m
            for m in study.measurements
        )
        return replace(
            study, measurements=items, source=replace(study.source, study_date="2024-06-01")
        )

    first = sharp(measure())
    small = rows(compare_studies([first, taller(first, 3.5)]))["lumbar_lordosis", "L1-S1"]
    large = rows(compare_studies([first, taller(first, 4.5)]))["lumbar_lordosis", "L1-S1"]
    assert small.p < 0.05
    assert (small.verdict, large.verdict) == ("within_error", "changed")
    assert small.limit.published == 3.9
    assert "Hicks" in small.limit.source


def test_a_measure_of_a_plugin_is_compared_like_any_other(measure):
    def with_own(study, value):
        own = Measurement(
            "my_index", ("L3", "L4"), value, "1", "mine", interval95=(value - 0.1, value + 0.1)
        )
        return replace(study, measurements=(*study.measurements, own))

    later = with_own(measure(date="2024-06-01"), 9.0)
    comparison = compare_studies([with_own(measure(), 1.0), later])
    (row,) = [c for c in comparison.changes if c.name == "my_index"]
    assert row.difference == pytest.approx(8)
    assert row.limit.published is None
    # its segment did not change by any primary measure
    assert row.verdict == "within_error"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": None, "interval95": None, "reason": "implant_hides"}, "implant_hides"),
        ({"interval95": None}, "no_interval"),
        ({"flags": ("vertical_untrusted",)}, "vertical_untrusted"),
    ],
)
def test_what_cannot_be_compared_says_why(measure, rows, change, reason):
    study = measure(date="2024-06-01")
    items = tuple(
        replace(m, **change) if m.name == "lumbar_lordosis" else m for m in study.measurements
    )
    found = rows(compare_studies([measure(), replace(study, measurements=items)]))
    row = found["lumbar_lordosis", "L1-S1"]
    assert row.verdict == "not_comparable"
    assert reason in row.reasons


def test_a_level_on_one_film_only_is_not_compared(measure, quads, rows):
    fewer = measure({k: q for k, q in quads.items() if k != "L1"}, date="2024-06-01")
    comparison = compare_studies([measure(), fewer])
    assert rows(comparison)["vertebral_wedge", "L1"].reasons == ("not_measured",)
    assert "field_of_view_differs" in {check.code for check in comparison.checks}


def test_a_ratio_to_neighbours_needs_the_same_neighbours(measure, quads, rows):
    fewer = measure({k: q for k, q in quads.items() if k != "T12"}, date="2024-06-01")
    found = rows(compare_studies([measure(), fewer]))
    assert found["height_ratio_crush", "L1"].reasons == ("field_of_view_differs",)
    assert found["height_ratio_crush", "L3"].verdict == "within_error"


def test_a_grade_changes_with_the_measure_behind_it(measure, quads, rows):
    along = quads["L5"][0] - quads["L5"][1]
    above = ("T12", "L1", "L2", "L3", "L4")
    slipped = {k: q + 0.3 * along if k in above else q for k, q in quads.items()}
    comparison = compare_studies([measure(), measure(slipped, date="2024-06-01")])
    found = rows(comparison)
    assert found["slip_percent", "L4-L5"].verdict == "changed"
    grade = found["slip_grade", "L4-L5"]
    assert (grade.before.label, grade.after.label, grade.verdict) == ("0", "II", "changed")
    assert found["slip_grade", "L3-L4"].verdict == "within_error"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"body_position": "erect"}, {"body_position": "recumbent supine"}, "load_differs"),
        ({"description": "LSP Flexion"}, {"description": "LSP Extension"}, "bend_differs"),
        ({"description": "LWS stehend"}, {"description": "LWS liegend"}, "load_differs"),
    ],
)
def test_another_pose_forbids_what_lies_between_bodies(measure, rows, before, after, code):
    comparison = compare_studies([measure(**before), measure(date="2024-06-01", **after)])
    assert code in {check.code for check in comparison.checks}
    found = rows(comparison)
    assert code in found["lumbar_lordosis", "L1-S1"].reasons
    assert code in found["disc_angle", "L4-L5"].reasons
    assert found["vertebral_wedge", "L3"].verdict == "within_error"


def test_an_oblique_film_forbids_lengths_and_slips(measure, rows):
    oblique = measure(date="2024-06-01", body_flags=("double_contour",))
    comparison = compare_studies([measure(), oblique])
    found = rows(comparison)
    assert "oblique_film" in found["disc_height_dabbs", "L3-L4"].reasons
    assert "oblique_film" in found["slip_percent", "L3-L4"].reasons
    assert found["disc_angle", "L3-L4"].verdict == "within_error"


def test_other_proportions_of_all_bodies_are_found(measure, quads):
    flat = {k: (q - [300, 450]) * [1.12, 1.0] + [300, 450] for k, q in quads.items()}
    comparison = compare_studies([measure(), measure(flat, date="2024-06-01")])
    assert "proportions_differ" in {check.code for check in comparison.checks}


def test_uncertain_numbers_forbid_every_level(measure):
    doubtful = measure(date="2024-06-01", flags=("numbering_uncertain",))
    comparison = compare_studies([measure(), doubtful])
    assert not [c for c in comparison.changes if c.levels and c.verdict != "not_comparable"]
    assert "nothing can be said" in comparison.summary[0]


def test_a_mirrored_film_compares_as_it_is(measure):
    comparison = compare_studies([measure(), measure(date="2024-06-01", facing="right")])
    assert "mirrored" in {check.code for check in comparison.checks}
    assert not [c for c in comparison.changes if c.verdict == "changed"]


def test_surgery_puts_weight_on_its_segment(measure, quads, rows, raised, implant):
    operated = raised(quads, "L4", 9.0)
    plain = measure(operated, date="2024-06-01")
    known = replace(plain, implants=(implant("cage", "L4", "L5"),))
    without = rows(compare_studies([measure(), plain]))["disc_height_farfan", "L4-L5"]
    with_cage = rows(compare_studies([measure(), known]))["disc_height_farfan", "L4-L5"]
    assert with_cage.p < without.p
