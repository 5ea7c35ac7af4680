from dataclasses import replace

import numpy as np
import pytest

from spinemorph.compare import compare_studies
from spinemorph.compare.implants import events_of, matched
from spinemorph.compare.subsidence import grade, millimetre_class
from spinemorph.types import Measurement

LATER = "2024-06-01"


def named(events):
    return {(e.kind, e.category, e.levels, e.film) for e in events}


def test_new_implants_are_named_with_their_levels(measure, implant):
    operated = measure(
        date=LATER,
        implants=[implant("cage", "L4", "L5"), implant("screw", "L4"), implant("screw", "L5")],
    )
    comparison = compare_studies([measure(), operated])
    assert named(comparison.events) == {
        ("appeared", "cage", ("L4", "L5"), 1),
        ("appeared", "screw", ("L4",), 1),
        ("appeared", "screw", ("L5",), 1),
    }
    assert comparison.surgery.date == LATER
    assert comparison.surgery.basis == "first_implant"
    assert "cage L4/L5" in comparison.summary[0]


def test_what_is_no_longer_found_is_named(measure, implant):
    before = measure(implants=[implant("cage", "L4", "L5"), implant("screw", "L4")])
    assert named(events_of([before, measure(date=LATER)])) == {
        ("vanished", "cage", ("L4", "L5"), 1),
        ("vanished", "screw", ("L4",), 1),
    }


def test_a_construct_with_one_screw_a_level_is_new_as_a_whole(measure, implant):
    screws = [implant("screw", "L4"), implant("screw", "L5", number=2)]
    assert named(events_of([measure(), measure(implants=screws)])) == {
        ("appeared", "screw", ("L4",), 1),
        ("appeared", "screw", ("L5",), 1),
    }


def test_a_single_implant_of_a_level_is_said_and_not_claimed(measure, implant):
    cemented = measure(date=LATER, implants=[implant("cement", "L2")])
    assert named(events_of([measure(), cemented])) == {("only_after", "cement", ("L2",), 1)}


def test_a_single_implant_beside_others_of_both_films_is_said_and_not_claimed(measure, implant):
    cage = implant("cage", "L4", "L5")
    one = measure(implants=[cage])
    two = measure(date=LATER, implants=[cage, implant("screw", "L5")])
    assert named(events_of([one, two])) == {("only_after", "screw", ("L5",), 1)}
    assert named(events_of([two, one])) == {("only_before", "screw", ("L5",), 1)}
    comparison = compare_studies([one, two])
    assert "screw" not in comparison.summary[0]


def test_a_construct_that_grew_by_a_level_is_claimed(measure, implant):
    cage = implant("cage", "L4", "L5")
    more = [cage, implant("cage", "L3", "L4", number=2), implant("screw", "L3")]
    grown = events_of([measure(implants=[cage]), measure(date=LATER, implants=more)])
    assert named(grown) == {
        ("appeared", "cage", ("L3", "L4"), 1),
        ("appeared", "screw", ("L3",), 1),
    }


def test_a_second_screw_of_one_level_is_not_new(measure, implant):
    one = measure(implants=[implant("screw", "L4")])
    two = measure(implants=[implant("screw", "L4"), implant("screw", "L4", number=2)])
    assert events_of([one, two]) == ()


def test_a_rod_in_pieces_is_one_and_not_new_beside_its_screws(measure, implant):
    screws = [implant("screw", "L4"), implant("screw", "L5")]
    rods = [implant("rod", "L4"), implant("rod", "S1", number=2)]
    assert events_of([measure(implants=screws), measure(implants=[*screws, *rods])]) == ()
    (event,) = events_of([measure(), measure(implants=rods)])
    assert event.levels == ("L4", "S1")


def test_what_is_weakly_seen_or_off_the_other_film_is_not_claimed(measure, quads, implant):
    weak = measure(implants=[implant("cage", "L4", "L5", score=0.3)])
    assert events_of([measure(), weak]) == ()
    small = measure({k: q for k, q in quads.items() if k not in ("L5", "S1")})
    assert events_of([small, measure(implants=[implant("cage", "L4", "L5")])]) == ()


def test_implants_are_matched_by_place(measure, implant):
    before = measure(implants=[implant("screw", "L4"), implant("screw", "L5", number=2)])
    after = measure(implants=[implant("screw", "L5"), implant("screw", "L4", number=2)])
    assert matched(before, after) == {"screw-1": "screw-2", "screw-2": "screw-1"}


def test_an_implant_is_compared_with_the_first_film_that_shows_it(measure, implant):
    def with_angle(study, value):
        item = Measurement(
            "screw_endplate_angle",
            ("L4",),
            value,
            "deg",
            "d",
            instance="screw-1",
            interval95=(value - 1, value + 1),
        )
        return replace(
            study,
            measurements=(*study.measurements, item),
            implants=(implant("screw", "L4"),),
        )

    films = [
        measure(),
        with_angle(measure(date="2024-03-01"), 2.0),
        with_angle(measure(date="2025-03-01"), 36.0),
    ]
    rows = [c for c in compare_studies(films).changes if c.name == "screw_endplate_angle"]
    (row,) = [c for c in rows if c.film == 2]
    assert row.reference == 1
    assert row.difference == pytest.approx(34)
    assert row.verdict == "changed"


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(-10, "0"), (24.9, "0"), (25, "I"), (49.9, "I"), (50, "II"), (75, "III"), (100, "III")],
)
def test_grades_of_marchi(percent, expected):
    assert grade(percent) == expected


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(-1, "up to 2 mm"), (2.0, "up to 2 mm"), (2.1, "more than 2 mm"), (4.1, "more than 4 mm")],
)
def test_classes_in_millimetres(loss, expected):
    assert millimetre_class(loss) == expected


def settled(measure, quads, raised, implant, **film):
    """Before, with a cage that raised L4/5 by 5 mm, and settled by 4 mm."""
    cage = [implant("cage", "L4", "L5")]
    return [
        measure(**film),
        measure(raised(quads, "L4", 20.0), date="2024-03-01", implants=cage, **film),
        measure(raised(quads, "L4", 4.0), date="2025-03-01", implants=cage, **film),
    ]


def test_a_cage_that_settles_is_measured_against_the_first_film_with_it(
    measure, quads, raised, implant
):
    films = settled(measure, quads, raised, implant)
    comparison = compare_studies(films)
    found = {c.unit: c for c in comparison.changes if c.name == "cage_subsidence" and c.film == 2}
    assert {c.reference for c in found.values()} == {1}
    assert found["mm"].difference == pytest.approx(4.0, abs=0.15)
    assert found["mm"].label == "more than 2 mm"
    height = films[1].find("disc_height_index", ("L4", "L5")).value
    left = films[2].find("disc_height_index", ("L4", "L5")).value
    assert found["%"].difference == pytest.approx(100 * (1 - left / height))
    assert found["%"].label == grade(found["%"].difference)
    assert {c.verdict for c in found.values()} == {"changed"}
    assert "has settled by 4" in comparison.summary[0]


def test_without_the_scale_of_the_patient_there_is_no_class_in_millimetres(
    measure, quads, raised, implant
):
    films = settled(measure, quads, raised, implant, basis="detector")
    comparison = compare_studies(films)
    (row,) = [
        c for c in comparison.changes if (c.name, c.unit, c.film) == ("cage_subsidence", "mm", 2)
    ]
    assert row.label is None
    assert "no_millimetre_class" in row.flags
    (share,) = [
        c for c in comparison.changes if (c.name, c.unit, c.film) == ("cage_subsidence", "%", 2)
    ]
    assert share.label is not None


def test_without_any_scale_percent_and_grade_remain(measure, quads, raised, implant):
    comparison = compare_studies(settled(measure, quads, raised, implant, spacing=None))
    found = {c.unit: c for c in comparison.changes if c.name == "cage_subsidence" and c.film == 2}
    assert found["%"].verdict == "changed"
    assert found["mm"].verdict == "not_comparable"
    assert found["mm"].after.value is None


def test_a_stable_cage_has_not_settled(measure, quads, raised, implant):
    films = settled(measure, quads, raised, implant)
    again = replace(
        films[1], source=replace(films[1].source, study_date="2025-05-01", sha256="again")
    )
    comparison = compare_studies([films[0], films[1], again])
    rows = [c for c in comparison.changes if c.name == "cage_subsidence"]
    assert len(rows) == 2
    assert all(c.verdict == "within_error" for c in rows)
    assert np.allclose([c.difference for c in rows], 0, atol=1e-9)
