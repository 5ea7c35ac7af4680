from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.reference import ReferenceRange
from spinemorph.report import findings
from spinemorph.report.catalogue import load_words
from spinemorph.report.findings import finding_rows
from spinemorph.types import Implant, Measurement

EN, DE = load_words("en"), load_words("de")
NB = "\N{NO-BREAK SPACE}"


def rows(study, words=EN):
    return {kind: (text, notable) for kind, text, notable in finding_rows(study, words)}


def with_values(study, changes):
    """``study`` with other values, labels, intervals by (name, levels)."""
    return replace(
        study,
        measurements=tuple(
            replace(item, **changes.get((item.name, item.levels), {}))
            for item in study.measurements
        ),
    )


def graded(name, level, value, label=None, site=None):
    reason = None if value is not None else "corner_uncertain"
    return Measurement(name, (level,), value, "1", "d", site=site, label=label, reason=reason)


def test_slips_are_named_with_grade_and_percent(build):
    pair = ("L4", "L5")
    changes = {
        ("slip_grade", pair): {"value": 1.0, "label": "I"},
        ("slip_percent", pair): {"value": 14.4, "interval95": (9.0, 20.0)},
    }
    study = with_values(build()[0], changes)
    assert rows(study)["Slip"] == ("L4/L5 grade I (14\N{NO-BREAK SPACE}%)", True)
    assert rows(study, DE)["Wirbelgleiten"] == ("L4/L5 Grad I (14\N{NO-BREAK SPACE}%)", True)


@pytest.mark.parametrize(
    ("percent", "interval", "named"),
    [(-12.0, (-15.0, -9.0), True), (-12.0, (-25.0, 1.0), False), (-3.0, (-4.0, -2.0), False)],
)
def test_a_backward_slip_is_named_where_it_is_sure(build, percent, interval, named):
    pair = ("L2", "L3")
    changes = {
        ("slip_grade", pair): {
            "value": None,
            "label": "retrolisthesis",
            "interval95": None,
            "reason": "backward_slip_has_no_grade",
        },
        ("slip_percent", pair): {"value": percent, "interval95": interval},
    }
    text, notable = rows(with_values(build()[0], changes))["Slip"]
    assert notable is named
    assert ("L2/L3 backward (12\N{NO-BREAK SPACE}%)" in text) is named
    assert "not graded" not in text


def test_without_slips_that_is_said(build):
    assert rows(build()[0])["Slip"] == (EN("findings.slip_none"), False)


def test_deformities_show_the_worst_of_each_level_and_what_was_not_graded(build):
    study, _ = build()
    more = (
        graded("genant_grade", "L1", 2.0, "wedge deformity"),
        Measurement("height_loss_anterior", ("L1",), 31.2, "%", "d"),
        graded("genant_grade", "L2", 0.0),
        graded("genant_grade", "L3", None),
        graded("genant_grade", "T9", None),
        graded("osteophyte_grade", "L4", 1.0, site="superior_anterior"),
        graded("osteophyte_grade", "L4", 3.0, site="inferior_anterior"),
    )
    found = rows(replace(study, measurements=(*study.measurements, *more)))
    assert found["Deformity"] == (f"L1 wedge grade 2 (31{NB}%) (not graded: L3)", True)
    assert found["Osteophytes"] == ("L4 grade 3", True)


def test_what_was_not_measured_is_not_mentioned(build):
    study, _ = build()
    nothing = tuple(
        replace(item, value=None, label=None, interval95=None, reason="corner_uncertain")
        for item in study.measurements
    )
    assert rows(replace(study, measurements=nothing)) == {}
    missing = (graded("genant_grade", "L1", None),)
    assert "Deformity" not in rows(replace(study, measurements=missing))


def test_implants_are_counted(build):
    def implant(name, category):
        return Implant(name, category, ("L4",), np.zeros((3, 2)), 0.9)

    implants = (implant("a", "screw"), implant("b", "screw"), implant("c", "cage"))
    study, _ = build(implants=implants)
    assert rows(study)["Implants"] == ("2 × screw, 1 × cage", False)
    assert rows(study, DE)["Implantate"] == ("2 × Schraube, 1 × Cage", False)


def test_values_outside_their_range_are_named_by_level(build, monkeypatch):
    def known(name, levels, study):
        return ReferenceRange(-1.0, 5.0, "p", "s") if name == "disc_angle" else None

    monkeypatch.setattr(findings, "known_range", known)
    study, _ = build()
    text, notable = rows(study)["Outside range"]
    high = [m.levels for m in study.measurements if m.name == "disc_angle" and m.value > 5]
    assert notable
    assert text == "Disc angle " + ", ".join(f"{'/'.join(levels)} ▲" for levels in high)
