import pytest

from spinemorph.compare import CompareOptions, compare_studies
from spinemorph.compare.order import date_of, in_order
from spinemorph.errors import UsageError
from spinemorph.types import Source


def codes(comparison):
    return {check.code for check in comparison.checks}


def test_films_are_put_into_the_order_of_their_dates(measure):
    later, earlier = measure(date="2024-06-01"), measure(date="2023-06-01")
    comparison = compare_studies([later, earlier])
    assert [film.date for film in comparison.films] == ["2023-06-01", "2024-06-01"]
    assert [film.given for film in comparison.films] == [1, 0]
    assert "reordered_by_date" in codes(comparison)


def test_films_of_one_day_go_by_their_time(measure):
    noon = measure(acquired_at="2024-01-10T12:00:00")
    morning = measure(acquired_at="2024-01-10T08:00:00", facing="right")
    assert in_order([noon, morning])[0] == [1, 0]


def test_one_day_without_times_keeps_the_order_given(measure):
    order, checks = in_order([measure(), measure(facing="right")])
    assert order == [0, 1]
    assert [check.code for check in checks] == ["same_date"]


def test_a_film_without_a_date_keeps_the_order_given(measure):
    comparison = compare_studies([measure(date="2024-06-01"), measure(date=None)])
    assert [film.given for film in comparison.films] == [0, 1]
    assert "date_unknown" in codes(comparison)


@pytest.mark.parametrize(
    ("acquired", "study", "expected"),
    [
        ("2024-03-01T10:00:00", "2024-02-01", "2024-03-01"),
        (None, "2024-02-01", "2024-02-01"),
        ("10:00:00", "2024-02-01", "2024-02-01"),
        (None, "yesterday", None),
    ],
)
def test_the_day_of_acquisition_comes_before_that_of_the_study(acquired, study, expected):
    assert date_of(Source("a", "b", acquired_at=acquired, study_date=study)) == expected


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"patient": "P2"}, "patient IDs"), ({"born": "1961-01-01"}, "birth dates")],
)
def test_films_of_two_patients_are_refused(measure, changed, words):
    with pytest.raises(UsageError, match=words) as refused:
        compare_studies([measure(), measure(date="2024-06-01", **changed)])
    assert not any(value in str(refused.value) for value in changed.values())


def test_the_refusal_can_be_overridden_and_is_said(measure):
    other = measure(date="2024-06-01", patient="P2")
    comparison = compare_studies([measure(), other], options=CompareOptions(other_patient=True))
    assert "patient_id_differs" in codes(comparison)


def test_case_and_spaces_of_an_id_do_not_make_another_patient(measure):
    comparison = compare_studies([measure(patient="p1 "), measure(date="2024-06-01")])
    assert "patient_id_differs" not in codes(comparison)


def test_an_unknown_id_is_said_and_not_refused(measure):
    comparison = compare_studies([measure(patient=None), measure(date="2024-06-01")])
    assert "patient_id_unknown" in codes(comparison)


def test_the_same_film_twice_is_said(measure):
    assert "same_film" in codes(compare_studies([measure(), measure()]))


def test_one_film_is_no_comparison(measure):
    with pytest.raises(UsageError, match="two films"):
        compare_studies([measure()])


def test_studies_and_films_must_agree_in_number(measure):
    with pytest.raises(UsageError, match="2 studies but 1 films"):
        compare_studies([measure(), measure()], [None])


def test_days_are_counted_from_the_surgery_given(measure):
    options = CompareOptions(surgery="2024-02-10")
    comparison = compare_studies([measure(), measure(date="2024-02-20")], options=options)
    assert [film.days_since_surgery for film in comparison.films] == [-31, 10]
    assert comparison.surgery.basis == "given"


def test_a_wrong_day_of_surgery_is_no_option():
    with pytest.raises(ValueError, match="isoformat"):
        CompareOptions(surgery="31.05.2024")
