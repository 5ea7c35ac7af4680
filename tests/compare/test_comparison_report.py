import io
import re
from dataclasses import replace

import numpy as np
import pypdf
import pytest

from spinemorph.compare import CompareOptions, compare_studies, write_comparison
from spinemorph.compare.report.canvas import aligned, side_by_side
from spinemorph.compare.report.pictures import days
from spinemorph.compare.report.plots import plots
from spinemorph.compare.report.words import comparison_words
from spinemorph.errors import ReportError, UsageError
from spinemorph.types import Radiograph

EN = comparison_words("en")


def film_for(study, quads):
    """A picture with bright bodies at the corners of the study."""
    from skimage.draw import polygon

    pixels = np.full((900, 600), 0.3, np.float32)
    for body in study.vertebrae:
        known = body.corners[np.isfinite(body.corners).all(axis=1)]
        if len(known) == 4:
            rows, columns = polygon(known[[0, 1, 3, 2], 1], known[[0, 1, 3, 2], 0], pixels.shape)
            pixels[rows, columns] = 0.8
    return Radiograph(pixels, study.source, spacing=study.image.spacing)


@pytest.fixture(scope="module")
def three(measure, quads, raised, implant):
    cage = [implant("cage", "L4", "L5")]
    studies = [
        measure(body_position="erect"),
        measure(raised(quads, "L4", 24.0), date="2024-03-01", implants=cage, facing="right"),
        measure(raised(quads, "L4", 8.0), date="2025-03-01", implants=cage, patient="P2"),
    ]
    films = [film_for(study, quads) for study in studies]
    options = CompareOptions(surgery="2024-02-20", other_patient=True)
    return compare_studies(studies, films, options)


@pytest.fixture(scope="module")
def written(three, tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    return {path.name: path for path in write_comparison(three, folder)}


def test_all_files_are_there_and_nothing_else(written):
    assert set(written) == {"comparison.pdf", "comparison.html", "comparison.json", "changes.csv"}
    folder = written["changes.csv"].parent
    assert {path.name for path in folder.iterdir()} == set(written)


def test_the_override_stands_on_every_page(written):
    reader = pypdf.PdfReader(io.BytesIO(written["comparison.pdf"].read_bytes()))
    assert len(reader.pages) >= 3
    for page in reader.pages:
        assert "IDENTITY OVERRIDDEN" in page.extract_text()
    assert "IDENTITY OVERRIDDEN" in written["comparison.html"].read_text(encoding="utf-8")


def test_the_report_says_the_summary_and_the_verdicts(three, written):
    pages = pypdf.PdfReader(io.BytesIO(written["comparison.pdf"].read_bytes())).pages
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))
    for sentence in three.summary:
        assert sentence.replace("\N{NO-BREAK SPACE}", " ")[:60] in text.replace(
            "\N{NO-BREAK SPACE}", " "
        )
    for word in ("changed", "within error", "not comparable", "Hicks", "Day of surgery"):
        assert word in text


def test_the_pdf_is_tagged(written):
    catalogue = pypdf.PdfReader(io.BytesIO(written["comparison.pdf"].read_bytes())).trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]


def test_the_page_loads_nothing_from_elsewhere(written):
    page = written["comparison.html"].read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"https?:", page)
    assert "<script" not in page


def test_the_same_comparison_gives_the_same_bytes(three, written, tmp_path):
    again = write_comparison(three, tmp_path, ("html", "json", "csv"))
    for path in again:
        assert path.read_bytes() == written[path.name].read_bytes()


def test_what_a_patient_is_called_stays_text(three, tmp_path):
    name = '<b onload="x">#import "x"</b>'
    studies = tuple(replace(s, source=replace(s.source, patient_name=name)) for s in three.studies)
    (path,) = write_comparison(replace(three, studies=studies), tmp_path, ("html",))
    page = path.read_text(encoding="utf-8")
    assert "<b onload" not in page
    assert "&lt;b onload" in page


def test_names_are_read_without_carets_and_dates_stay_whole(three, tmp_path):
    source = three.studies[0].source
    studies = (
        replace(three.studies[0], source=replace(source, patient_name="Müller^Zoé")),
        *three.studies[1:],
    )
    (path,) = write_comparison(replace(three, studies=studies), tmp_path, ("html",))
    page = path.read_text(encoding="utf-8")
    assert "<dd><span>Müller, </span><span>Zoé</span></dd>" in page
    dates = re.search(r"<dd>(<span>\d{4}-\d\d-\d\d(, )?</span>){3}</dd>", page)
    assert dates, page[:2000]


def test_films_lie_side_by_side_at_one_scale_facing_one_way(three):
    canvases = side_by_side(three, 0.5)
    assert {canvas.study.image.facing for canvas in canvases} == {"left"}
    depths = [
        np.linalg.norm(c.study.vertebrae[2].corners[0] - c.study.vertebrae[2].corners[1])
        for c in canvases
    ]
    assert depths == pytest.approx([depths[0]] * 3, rel=0.01)


def test_unoperated_bodies_cover_each_other_in_the_overlay(three):
    before, after = aligned(three, 1, 0.8)
    upper = [v.level for v in before.study.vertebrae].index("L2")
    away = before.study.vertebrae[upper].corners - after.study.vertebrae[upper].corners
    assert np.abs(away).max() < 15
    assert before.picture.shape == after.picture.shape


def test_plots_need_three_dates(three, measure):
    found = plots(three, EN, 255, 120)
    assert found
    assert "Lumbar lordosis" in found[0].alt
    two = compare_studies([measure(), measure(date="2024-06-01")])
    assert plots(two, EN, 255, 120) == []


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "day of surgery"),
        (42, "42 days after surgery"),
        (-31, "31 days before surgery"),
        (365, "12 months after surgery"),
        (1100, "3.0 years after surgery"),
    ],
)
def test_time_from_surgery_is_told_in_the_unit_that_people_use(count, words):
    assert days(count, EN) == words


def test_without_films_outlines_remain_and_german_is_spoken(measure, tmp_path):
    comparison = compare_studies([measure(), measure(date="2024-06-01")])
    (path,) = write_comparison(comparison, tmp_path, ("html",), language="de")
    page = path.read_text(encoding="utf-8")
    assert 'lang="de"' in page
    assert "nichts über den Messfehler hinaus verändert" in page
    assert "data:image/jpeg" not in page


@pytest.mark.parametrize("choice", [{"formats": ("docx",)}, {"language": "xx"}, {"page": "a0"}])
def test_unknown_choices_are_named(three, tmp_path, choice):
    with pytest.raises(UsageError):
        write_comparison(three, tmp_path, **choice)


def test_a_folder_that_cannot_be_written_is_one_line(three, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ReportError, match="cannot be written"):
        write_comparison(three, tmp_path / "file" / "in", ("json",))
