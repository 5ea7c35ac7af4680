from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from spinemorph.flags import FLAGS
from spinemorph.report.catalogue import load_words
from spinemorph.report.cohort import Cohort, write_cohort_csv
from spinemorph.report.cohort_pdf import cohort_content, write_cohort_pdf
from spinemorph.report.cohort_plots import MOST_DOTS, panel, shown_values
from spinemorph.report.typeset import PAGES

pypdf = pytest.importorskip("pypdf")

EN, DE = load_words("en"), load_words("de")


def moved(study, by, **changes):
    items = tuple(
        item if item.value is None else replace(item, value=item.value + by)
        for item in study.measurements
    )
    return replace(study, measurements=items, **changes)


@pytest.fixture
def cohort(build):
    study, _ = build()
    found = Cohort()
    for i in range(9):
        flags = ("detector_scale", "possible_l6") if i < 3 else ("detector_scale",)
        found.add(moved(study, 5.0 * (i - 4), flags=flags), f"film{i}")
    found.add_without("bad.png", "failed", "bad.png: not a picture")
    found.add_without("notes.txt", "skipped", "not a film")
    return found


def rows_of(cohort):
    return list(csv.DictReader(io.StringIO(cohort.to_csv())))


def text_of(path):
    reader = pypdf.PdfReader(path)
    assert len(reader.pages) == 1
    text = reader.pages[0].extract_text().replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+", " ", text)


def plain(text):
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " "))


def test_every_film_is_a_row_with_every_value(cohort, build):
    study, _ = build()
    rows = rows_of(cohort)
    assert [row["status"] for row in rows] == ["done"] * 9 + ["failed", "skipped"]
    fourth = rows[4]
    assert fourth["study"] == "film4"
    assert fourth["age"] == "68"
    assert fourth["levels"] == "T12 L1 L2 L3 L4 L5 S1"
    assert fourth["scale"] == "detector"
    for item in study.measurements:
        key = f"{item.name}:{'-'.join(item.levels)}"
        assert float(fourth[key]) == pytest.approx(item.value, rel=1e-5), key
    assert float(fourth["lumbar_lordosis:L1-S1:low95"]) == pytest.approx(52 - 2.3, abs=0.01)
    assert rows[9]["reason"] == "bad.png: not a picture"
    assert not rows[9]["lumbar_lordosis:L1-S1"]


def test_a_value_that_only_a_later_film_has_gets_a_column(build):
    full, _ = build()
    short, _ = build(levels=("L4", "L5", "S1"))
    cohort = Cohort()
    cohort.add(short, "a")
    cohort.add(full, "b")
    cohort.add(short, "c")
    rows = rows_of(cohort)
    assert [bool(row["disc_angle:L1-L2"]) for row in rows] == [False, True, False]
    assert [bool(row["disc_angle:L5-S1"]) for row in rows] == [True, True, True]
    assert len({len(row) for row in rows}) == 1
    assert list(cohort.values("disc_angle:L1-L2")) == pytest.approx(
        [full.find("disc_angle", ("L1", "L2")).value]
    )
    assert len(cohort.values("nothing")) == 0


def test_sites_and_implants_have_their_own_columns(build):
    study, _ = build()
    item = study.measurements[0]
    more = (
        replace(item, name="osteophyte_area", levels=("L3",), site="superior_anterior", value=3.0),
        replace(item, name="cage_position", levels=("L4", "L5"), instance="cage-1", value=4.0),
    )
    cohort = Cohort()
    cohort.add(replace(study, measurements=more), "a")
    (row,) = rows_of(cohort)
    assert row["osteophyte_area:L3:superior_anterior"] == "3"
    assert row["cage_position:L4-L5:cage-1"] == "4"


def test_files_say_the_same_as_the_films(cohort, tmp_path):
    path = tmp_path / "cohort.csv"
    write_cohort_csv(cohort, path)
    assert path.read_text("utf-8") == cohort.to_csv()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("words", [EN, DE], ids=["en", "de"])
def test_one_page_sums_up(cohort, tmp_path, words, page):
    path = tmp_path / "cohort.pdf"
    write_cohort_pdf(cohort, path, words.language, page)
    text = text_of(path)
    for part in (
        words("cohort.title", count=10),
        words.number(52, 1) + "°",
        words.flag("possible_l6"),
        "bad.png: not a picture",
        words("cohort.levels"),
        words("cohort.note"),
    ):
        assert plain(part) in text, part
    assert "notes.txt" not in text
    box = pypdf.PdfReader(path).pages[0].mediabox
    assert [float(x) for x in box[2:]] == pytest.approx(PAGES[page], abs=0.01)


def test_values_outside_their_range_are_counted(cohort):
    content = cohort_content(cohort, EN, "a4")
    lordosis = content["values"]["rows"][0]
    values = cohort.values("lumbar_lordosis:L1-S1")
    assert lordosis["count"] == 9
    assert lordosis["outside"] == f"▼ {(values < 34.8).sum()}"
    assert lordosis["median"] == "52.0°"


@pytest.mark.parametrize("films", [1, 2, 400])
@pytest.mark.parametrize("failures", [0, 60])
def test_any_number_of_films_and_failures_is_one_page(build, tmp_path, films, failures):
    study, _ = build(levels=("L4", "L5", "S1"))
    cohort = Cohort()
    for i in range(films):
        cohort.add(moved(study, float(i % 17), flags=tuple(FLAGS)), f"film{i}")
    for i in range(failures):
        cohort.add_without(f"{i}{'x' * 200}.dcm", "failed", "# ] $ " + "word " * 80)
    write_cohort_pdf(cohort, tmp_path / "cohort.pdf", "de", "letter")
    text = text_of(tmp_path / "cohort.pdf")
    assert re.search(plain(DE("cohort.flags_more", count=0)).replace("0", r"\d+"), text)
    if failures:
        assert re.search(plain(DE("cohort.failures_more", count=0)).replace("0", r"\d+"), text)


def test_films_without_values_are_said(tmp_path, build):
    study, _ = build()
    cohort = Cohort()
    cohort.add(replace(study, vertebrae=(), measurements=(), flags=("no_bodies",)), "a")
    write_cohort_pdf(cohort, tmp_path / "cohort.pdf")
    text = text_of(tmp_path / "cohort.pdf")
    assert EN("cohort.nothing") in text
    assert FLAGS["no_bodies"] in text
    assert "1 without numbered levels" in text


def test_the_same_films_give_the_same_bytes(cohort, tmp_path):
    write_cohort_pdf(cohort, tmp_path / "a.pdf")
    write_cohort_pdf(cohort, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_many_values_are_shown_by_some_that_keep_their_distribution():
    values = np.random.default_rng(0).normal(50, 10, 5000)
    shown = shown_values(values)
    assert len(shown) == MOST_DOTS
    assert shown[0] == values.min()
    assert shown[-1] == values.max()
    assert np.median(shown) == pytest.approx(np.median(values), abs=0.2)
    assert list(shown_values(np.array([3.0, 1.0]))) == [1.0, 3.0]


def test_a_panel_of_one_equal_value_is_drawn():
    drawing = panel([("L1/L2", np.array([2.0, 2.0]))], "x", 170, EN, 1)
    assert drawing.count("<circle") == 2
