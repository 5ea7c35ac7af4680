from __future__ import annotations

from dataclasses import replace

import pytest

from spinemorph.flags import FLAGS
from spinemorph.reference import ReferenceRange
from spinemorph.report import remarks, tables, values
from spinemorph.report.catalogue import load_words
from spinemorph.report.values import Reasons
from spinemorph.types import AlternativeNumbering, Measurement, Numbering

EN, DE = load_words("en"), load_words("de")


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
        (measured(2.0, unit="1", name="genant_grade", label="wedge"), "2", ""),
    ],
)
def test_cells(phantom, item, text, interval):
    cell = values.cell(item, phantom[0], Reasons(EN))
    assert (cell.text, cell.interval) == (text, interval)


def test_cells_in_german(phantom):
    cell = values.cell(measured(-3.14159, (-5.14159, -1.14159)), phantom[0], Reasons(DE))
    assert (cell.text, cell.interval) == ("\N{MINUS SIGN}3,1", "± 2,0")


def test_missing_values_carry_numbered_reasons(phantom):
    study, reasons = phantom[0], Reasons(EN)
    first = values.cell(measured(None, reason="no_pixel_spacing"), study, reasons)
    values.cell(measured(None, reason="implausible"), study, reasons)
    again = values.cell(measured(None, reason="no_pixel_spacing"), study, reasons)
    assert first == again
    assert first.text == "– (1)"
    assert values.cell(None, study, reasons).text == "–"
    assert reasons.explained() == [
        f"(1) {FLAGS['no_pixel_spacing']}",
        f"(2) {FLAGS['implausible']}",
    ]


def test_marks_say_which_side():
    known = ReferenceRange(10.0, 20.0, "p", "s")
    marks = [values.mark(x, known) for x in (9.9, 10.0, 20.0, 20.1)]
    assert marks == [values.LOW, "", "", values.HIGH]
    assert values.mark(1e6, None) == ""


def test_key_rows_mark_a_lordosis_outside_its_range(build):
    for lordosis, sign in ((20.0, values.LOW), (55.0, ""), (90.0, values.HIGH)):
        study, _ = build(lordosis=lordosis)
        row = tables.key_rows(study, Reasons(EN))[0]
        assert row.cell.mark == sign
        assert row.range is not None
        assert row.range_text == "35–80°"


def test_key_rows_say_what_is_poorly_seen(build):
    study, _ = build()
    flagged = tuple(
        replace(item, flags=("corner_uncertain",)) if "S1" in item.levels else item
        for item in study.measurements
    )
    for words, said in ((EN, "poorly seen"), (DE, "schlecht erkennbar")):
        plain = tables.key_rows(study, Reasons(words))
        rows = tables.key_rows(replace(study, measurements=flagged), Reasons(words))
        assert not any(said in row.label for row in plain)
        assert rows[0].label == f"L1\u2013S1 \u00b7 {said}"
        assert all(row.label.endswith(said) for row in rows)


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
    assert remarks.age(born, at) == years


def test_patient_values(build):
    study, _ = build()
    fields = dict(remarks.patient_values(study, EN))
    assert fields["Name"] == "Müller, Zoé"
    assert fields["Born"] == "1957-03-02 (68 y)"
    assert fields["Sex"] == "female"
    bare, _ = build(patient={})
    assert all(value is None for _, value in remarks.patient_values(bare, EN))


def test_every_flag_is_said_once(build):
    study, _ = build()
    study = replace(study, flags=(*FLAGS, "made_up"))
    lines = [*remarks.stop_lines(study, EN), *remarks.flag_lines(study, EN)]
    for code, text in FLAGS.items():
        assert lines.count(text) == (0 if code in remarks.SAID_BY_SCALE else 1), code
    assert "made_up" in lines
    assert set(FLAGS) > remarks.STOPPING


def test_flags_of_bodies_and_measurements_name_their_owners(build):
    study, _ = build(uncertain=("L3", "L5"))
    slope = study.find("sacral_slope")
    others = tuple(
        replace(m, flags=("vertical_untrusted",)) if m is slope else m for m in study.measurements
    )
    lines = remarks.flag_lines(replace(study, measurements=others), EN)
    assert f"L3; L5: {FLAGS['corner_uncertain']}" in lines
    assert f"Sacral slope: {FLAGS['vertical_untrusted']}" in lines


@pytest.mark.parametrize("basis", ["calibrated", "estimated", "detector", "unknown", "user"])
def test_scale_is_said_in_words(build, basis):
    study, _ = build(basis=basis)
    line = remarks.basis_lines(study, EN)[0]
    assert line.startswith(EN(f"scale.{basis}"))
    assert "0.3 × 0.3 mm" in line


def test_numbering_is_never_said_to_be_certain(build):
    study, _ = build(
        spacing=None,
        numbering=Numbering(1.0, AlternativeNumbering(-1, 0.034, "the bodies look lower.")),
    )
    lines = remarks.basis_lines(study, EN)
    assert lines[0] == EN("scale.none")
    assert "99\N{NO-BREAK SPACE}%" in lines[1]
    assert lines[2] == "Alternative, 3\N{NO-BREAK SPACE}%: the bodies look lower."


def test_measures_without_a_column_are_listed(build):
    study, _ = build()
    extra = measured(
        12.0, (11.0, 13.0), unit="mm2", name="osteophyte_area", site="superior_anterior"
    )
    angle = measured(4.0, unit="deg", name="screw_endplate_angle", instance="screw-1")
    study = replace(study, measurements=(*study.measurements, extra, angle))
    nb = "\N{NO-BREAK SPACE}"
    rows = tables.other_rows(study, Reasons(EN))
    assert ("Osteophyte area, superior anterior", f"L4/L5 12.0 ± 1.0{nb}mm²") in rows
    assert ("Screw to endplate angle, screw-1", "L4/L5 4.0°") in rows
    german = tables.other_rows(study, Reasons(DE))
    assert ("Fläche des Osteophyten, Deckplatte vorn", f"L4/L5 12,0 ± 1,0{nb}mm²") in german


def test_levels_share_a_line_and_what_is_equal(build):
    study, _ = build()
    items = tuple(
        Measurement("bone_age", (level,), value, "1", "d")
        for level, value in (("L1", 1.0), ("L2", 2.0), ("L3", 1.0))
    )
    rows = tables.other_rows(replace(study, measurements=items), Reasons(EN))
    assert rows == [("Bone age", "L1, L3 1.00; L2 2.00")]


def test_only_corners_with_an_osteophyte_are_listed(build):
    study, _ = build()

    def at(name, site, value, unit="1"):
        return Measurement(name, ("L3",), value, unit, "d", site=site)

    items = (
        at("osteophyte_area", "superior_anterior", 0.4, "mm2"),
        at("osteophyte_grade", "superior_anterior", 0.0),
        at("osteophyte_area", "inferior_anterior", 21.0, "mm2"),
        at("osteophyte_grade", "inferior_anterior", 2.0),
    )
    rows = tables.other_rows(replace(study, measurements=items), Reasons(EN))
    assert [name for name, _ in rows] == [
        "Osteophyte area, inferior anterior",
        "Osteophyte grade, inferior anterior",
    ]


def test_a_body_shows_the_worst_of_its_corners(build):
    study, _ = build()

    def grade(site, value, reason=None):
        return Measurement("osteophyte_grade", ("L3",), value, "1", "d", site=site, reason=reason)

    items = (grade("a", 1.0), grade("b", None, "blurred"), grade("c", 3.0), grade("d", 0.0))
    assert tables.worst(replace(study, measurements=items), "osteophyte_grade", ("L3",)).value == 3
    hidden = replace(study, measurements=items[1:2])
    assert tables.worst(hidden, "osteophyte_grade", ("L3",)).reason == "blurred"
    assert tables.worst(hidden, "osteophyte_grade", ("L1",)) is None


def test_unscaled_films_show_ratios_in_place_of_lengths(build):
    study, _ = build(spacing=None)
    columns = tables.short_columns(study)
    grid = tables.segment_grid(study, columns, Reasons(EN), "short_columns")
    assert "height index" in grid.titles
    assert not any("mm" in title for title in grid.titles)
    assert all(cell.text[0] != "–" for _, row in grid.rows for cell in row)
