from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from spinemorph.flags import FLAGS
from spinemorph.report import words
from spinemorph.report.pdf import PAGE, PdfWriter
from spinemorph.types import Implant, Numbering

pypdf = pytest.importorskip("pypdf")


def report(study, film, tmp_path, name="report.pdf"):
    path = tmp_path / name
    PdfWriter().write(study, film, path)
    return pypdf.PdfReader(path)


def words_of(page):
    return re.sub(r"\s+", " ", page.extract_text())


def fonts_of(reader):
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            yield font.get_object()


def test_first_page_says_what_a_reader_needs(phantom, tmp_path):
    reader = report(*phantom, tmp_path)
    text = words_of(reader.pages[0])
    for part in (
        "Müller, Zoé",
        "PH-0042",
        "1957-03-02 (68 y)",
        "2026-02-11",
        "standing",
        "52.0°",
        "95 %: 50 to 54",
        "35–80°",
        "L5/S1",
        "± 2.1",
        words.NOTICE,
        words.SCALE["detector"],
        f"L5: {FLAGS['corner_uncertain']}",
        "weights 9f2c9f2c9f2c",
        "2026-02-12 09:15:00",
    ):
        assert part in text, part
    for level in ("T12", "L1", "L2", "L3", "L4", "L5", "S1"):
        assert level in text


def test_metadata_page_size_and_fonts(phantom, tmp_path):
    reader = report(*phantom, tmp_path)
    assert reader.metadata.title == "Lateral lumbar spine: morphometry, phantom.dcm"
    assert reader.metadata.author == "spinemorph"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert [float(x) for x in reader.pages[0].mediabox[2:]] == pytest.approx(PAGE, abs=0.01)
    used = [font for font in fonts_of(reader) if "DejaVu" in font["/BaseFont"]]
    assert used
    for font in used:
        assert "/FontFile2" in font["/FontDescriptor"]
        assert "/ToUnicode" in font


def test_the_same_study_gives_the_same_bytes(phantom, tmp_path):
    report(*phantom, tmp_path, "a.pdf")
    report(*phantom, tmp_path, "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_second_page_holds_the_rest(phantom, tmp_path):
    study, film = phantom
    text = words_of(report(study, film, tmp_path).pages[1])
    assert words.BODIES in text
    for item in study.measurements:
        assert item.definition in text
    assert "Yilgor" in text


def test_missing_values_have_their_reason(build, tmp_path):
    study, film = build(levels=("L2", "L3", "L4", "L5", "S1"), spacing=None)
    text = words_of(report(study, film, tmp_path).pages[0])
    assert "– (1)" in text
    assert f"(1) {FLAGS['level_not_found']}" in text
    assert words.SCALE[None] in text


def test_a_film_without_findings_gets_an_honest_page(build, tmp_path):
    study, film = build(patient={})
    study = replace(
        study,
        vertebrae=(),
        measurements=(),
        numbering=Numbering(0.0),
        flags=("not_lateral_lumbar",),
    )
    reader = report(study, film, tmp_path)
    text = words_of(reader.pages[0])
    assert len(reader.pages) == 1
    assert words.NO_FINDINGS in text
    assert words.STOP in text
    assert FLAGS["not_lateral_lumbar"] in text
    assert text.count(words.UNKNOWN) == len(words.PATIENT)
    assert words.MARKS[:20] not in text


def test_values_withheld_for_their_numbering_are_not_shown(build, tmp_path):
    study, film = build()
    withheld = tuple(
        replace(m, value=None, interval95=None, label=None, reason="numbering_uncertain")
        for m in study.measurements
    )
    study = replace(study, measurements=withheld, flags=("numbering_uncertain",))
    text = " ".join(words_of(page) for page in report(study, film, tmp_path).pages)
    assert words.STOP in text
    assert "52.0°" not in text
    assert FLAGS["numbering_uncertain"] in text


def test_long_names_and_every_flag_still_fit(build, tmp_path):
    name = "Wolkenstein-Hohenberg zu Traunstein^Maximiliana Friederike Aurelia Theodora"
    study, film = build(
        patient={"patient_name": name, "patient_id": "X" * 64, "body_position": "w" * 60},
        file="f" * 200 + ".dcm",
    )
    reader = report(replace(study, flags=tuple(FLAGS)), film, tmp_path)
    first, rest = words_of(reader.pages[0]), " ".join(words_of(p) for p in reader.pages[1:])
    assert "Wolkenstein-Hohenberg" in first
    assert "Theodora" in first
    assert re.search(r"\d+ more on the next page", first)
    for code, text in FLAGS.items():
        if code not in {"no_pixel_spacing", "detector_scale", "unknown_scale", "estimated_scale"}:
            assert text in rest, code
    for page in reader.pages:
        assert_inside(page)


def assert_inside(page):
    places = []

    def visit(text, _, matrix, *__):
        if text.strip():
            places.append((matrix[4], matrix[5]))

    page.extract_text(visitor_text=visit)
    x, y = np.array(places).T
    assert x.min() >= 0
    assert x.max() <= PAGE[0]
    assert y.min() >= 20
    assert y.max() <= PAGE[1] - 20


@pytest.mark.parametrize(
    ("rows", "columns"), [(1400, 200), (1400, 4000), (6000, 760), (150, 150), (8, 8)]
)
def test_films_of_any_shape_fit(tools, tmp_path, rows, columns):
    corners = {
        k: v * (min(rows, 1400) / 1400) for k, v in tools.phantom_corners(50, centre=90).items()
    }
    study = tools.make_study(corners, rows, columns)
    film = tools.radiograph_of(study, np.full((rows, columns), 0.4, np.float32))
    reader = report(study, film, tmp_path)
    picture = reader.pages[0].images[0].image
    assert max(picture.size) <= 1600 * max(1, columns / rows)
    assert_inside(reader.pages[0])


def test_film_is_embedded_as_jpeg_with_vectors_over_it(build, tmp_path):
    implant = Implant(
        "cage-1", "cage", ("L4", "L5"), np.array([[380.0, 900], [440, 900], [440, 930]]), 0.8
    )
    study, film = build(implants=(implant,), aspect=1.5)
    page = report(study, film, tmp_path).pages[0]
    filters = [
        str(image.get_object()["/Filter"]) for image in page["/Resources"]["/XObject"].values()
    ]
    assert filters
    assert all("DCTDecode" in name for name in filters)
    content = page.get_contents().get_data()
    assert content.count(b" l ") + content.count(b" l\n") > 300
    assert words.LEGEND["implant"] in words_of(page)


def test_definitions_run_over_as_many_pages_as_they_need(build, tmp_path):
    study, film = build()
    many = tuple(
        replace(
            study.measurements[0],
            name=f"measure_{i}",
            definition=f"definition {i}, " + "word " * 40,
        )
        for i in range(120)
    )
    reader = report(replace(study, measurements=(*study.measurements, *many)), film, tmp_path)
    text = " ".join(words_of(page) for page in reader.pages)
    assert len(reader.pages) > 3
    assert all(f"definition {i}," in text for i in range(120))
    for page in reader.pages:
        assert_inside(page)
