from __future__ import annotations

from dataclasses import replace

import pytest

from spinemorph.flags import FLAGS
from spinemorph.reference import ReferenceRange
from spinemorph.report import tables, words
from spinemorph.types import AlternativeNumbering, Measurement, Numbering


def measured(value, interval=None, unit="mm", name="slip", reason=None, **more):
    return Measurement(
        name, ("L4", "L5"), value, unit, "d", interval95=interval, reason=reason, **more
    )


@pytest.mark.parametrize(
    ("item", "text", "interval"),
    [
        (measured(3.14159, (1.14159, 5.14159)), "3.1", "± 2.0"),
        (measured(3.0, (2.0, 5.0)), "3.0", "[2.0; 5.0]"),
        (measured(-0.04, (-1.04, 0.96)), "0.0", "± 1.0"),
        (measured(-2.5), "\N{MINUS SIGN}2.5", ""),
        (measured(0.456, unit="1"), "0.46", ""),
        (measured(1.0, unit="1", name="slip_grade", label="I"), "I", ""),
    ],
)
def test_cells(item, text, interval):
    cell = tables.cell(item, tables.Reasons())
    assert (cell.text, cell.interval) == (text, interval)


def test_missing_values_carry_numbered_reasons():
    reasons = tables.Reasons()
    first = tables.cell(measured(None, reason="no_pixel_spacing"), reasons)
    tables.cell(measured(None, reason="implausible"), reasons)
    again = tables.cell(measured(None, reason="no_pixel_spacing"), reasons)
    assert first == again
    assert first.text == "– (1)"
    assert tables.cell(None, reasons).text == "–"
    assert reasons.explained() == [
        f"(1) {FLAGS['no_pixel_spacing']}",
        f"(2) {FLAGS['implausible']}",
    ]


def test_marks_say_which_side():
    known = ReferenceRange(10.0, 20.0, "p", "s")
    assert [tables.mark(x, known) for x in (9.9, 10.0, 20.0, 20.1)] == [
        words.LOW,
        "",
        "",
        words.HIGH,
    ]
    assert tables.mark(1e6, None) == ""


def test_key_rows_mark_a_lordosis_outside_its_range(build):
    for lordosis, sign in ((20.0, words.LOW), (55.0, ""), (90.0, words.HIGH)):
        study, _ = build(lordosis=lordosis)
        row = tables.key_rows(study, tables.Reasons())[0]
        assert row.cell.mark == sign
        assert row.range is not None
        assert row.range_text == "35–80°"


@pytest.mark.parametrize(
    ("born", "at", "years"),
    [
        ("1957-03-02", "2026-02-11", 68),
        ("1957-03-02", "2026-03-02", 69),
        ("1957", "2026-03-02", None),
        (None, "2026-03-02", None),
        ("2027-01-01", "2026-03-02", None),
    ],
)
def test_age(born, at, years):
    assert tables.age(born, at) == years


def test_patient_values(build):
    study, _ = build()
    values = dict(tables.patient_values(study))
    assert values["Name"] == "Müller, Zoé"
    assert values["Born"] == "1957-03-02 (68 y)"
    assert values["Sex"] == "female"
    bare, _ = build(patient={})
    assert all(value is None for _, value in tables.patient_values(bare))


def test_every_flag_is_said_once(build):
    study, _ = build()
    study = replace(study, flags=(*FLAGS, "made_up"))
    lines = [*tables.stop_lines(study), *tables.flag_lines(study)]
    for code, text in FLAGS.items():
        assert lines.count(text) == (0 if code in tables.SAID_BY_SCALE else 1), code
    assert "made_up" in lines
    assert set(FLAGS) > tables.STOPPING


def test_flags_of_bodies_and_measurements_name_their_owners(build):
    study, _ = build(uncertain=("L3", "L5"))
    slope = study.find("sacral_slope")
    others = tuple(
        replace(m, flags=("vertical_untrusted",)) if m is slope else m for m in study.measurements
    )
    lines = tables.flag_lines(replace(study, measurements=others))
    assert f"L3, L5: {FLAGS['corner_uncertain']}" in lines
    assert f"Sacral slope: {FLAGS['vertical_untrusted']}" in lines


@pytest.mark.parametrize("basis", ["calibrated", "estimated", "detector", "unknown", "user"])
def test_scale_is_said_in_words(build, basis):
    study, _ = build(basis=basis)
    line = tables.basis_lines(study)[0]
    assert line.startswith(words.SCALE[basis])
    assert "0.3 × 0.3 mm" in line


def test_numbering_is_never_said_to_be_certain(build):
    study, _ = build(
        spacing=None,
        numbering=Numbering(1.0, AlternativeNumbering(-1, 0.034, "the bodies look lower.")),
    )
    lines = tables.basis_lines(study)
    assert lines[0] == words.SCALE[None]
    assert "99\N{NO-BREAK SPACE}%" in lines[1]
    assert lines[2] == "Alternative, 3\N{NO-BREAK SPACE}%: the bodies look lower."


def test_measures_without_a_column_are_listed(build):
    study, _ = build()
    extra = measured(
        12.0, (11.0, 13.0), unit="mm2", name="osteophyte_area", site="superior_anterior"
    )
    angle = measured(4.0, unit="deg", name="screw_endplate_angle", instance="screw-1")
    lines = tables.other_lines(
        replace(study, measurements=(*study.measurements, extra, angle)), tables.Reasons()
    )
    assert any(
        line.startswith("Osteophyte area (L4–L5, superior anterior): 12.0 ± 1.0") for line in lines
    )
    assert "Screw endplate angle (L4–L5, screw-1): 4.0°" in lines


def test_unscaled_films_show_ratios_in_place_of_lengths(build):
    study, _ = build(spacing=None)
    grid = tables.segment_grid(study, tables.segment_columns(study), tables.Reasons())
    assert "height index" in grid.titles
    assert not any("mm" in title for title in grid.titles)
    assert all(cell.text[0] != "–" for _, row in grid.rows for cell in row)
