from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from spinemorph.errors import UsageError
from spinemorph.flags import FLAGS
from spinemorph.report.catalogue import load_words
from spinemorph.report.pdf import PdfWriter
from spinemorph.report.remarks import SAID_BY_SCALE
from spinemorph.report.typeset import PAGES
from spinemorph.types import Implant, Numbering

pypdf = pytest.importorskip("pypdf")

EN, DE = load_words("en"), load_words("de")
NAMES = {
    "markup": "#panic() $x^2$ ] [ *b* _i_ `c` <l> @ref // \\",
    "html": "<script>alert(1)</script>&amp;<b>",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="1"/>',
    "long": "Wolkenstein" * 27 + "end",
    "emoji": "Zoë 😀👩‍👩‍👧 Nuñez",
    "arabic": "محمد بن عبد الله",
    "chinese": "欧阳娜娜 王小明",
    "controls": "A\u202eB\x00\x07C\nD\u2028E\ufffeF",
    "everything": "".join(map(chr, range(0x2190, 0x2300))),
}


def report(study, film, tmp_path, name="report.pdf", **options):
    path = tmp_path / name
    PdfWriter(**options).write(study, film, path)
    return pypdf.PdfReader(path)


def words_of(page):
    return re.sub(r"\s+", " ", page.extract_text().replace("\N{NO-BREAK SPACE}", " "))


def all_words(reader):
    return " ".join(words_of(page) for page in reader.pages)


def plain(text):
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " "))


def fonts_of(reader):
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            yield font.get_object()


def assert_inside(reader):
    """Every piece of text begins within the margins of its page."""
    width, height = (float(x) for x in reader.pages[0].mediabox[2:])
    for page in reader.pages:
        places = []

        def visit(text, matrix, inner, *_, places=places):
            if text.strip():
                places.append((np.array([*inner[4:6], 1]) @ np.array(matrix).reshape(3, 2))[:2])

        page.extract_text(visitor_text=visit)
        x, y = np.array(places).T
        assert x.min() >= 20
        assert x.max() <= width - 20
        assert y.min() >= 15
        assert y.max() <= height - 20


def test_first_page_says_what_a_reader_needs(phantom, tmp_path):
    text = words_of(report(*phantom, tmp_path).pages[0])
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
        EN("report.notice"),
        EN("scale.detector"),
        f"L5: {FLAGS['corner_uncertain']}",
        "weights 9f2c9f2c9f2c",
        "2026-02-12 09:15:00",
        "Page 1 of 3",
    ):
        assert part in text, part
    for level in ("T12", "L1", "L2", "L3", "L4", "L5", "S1"):
        assert level in text


def test_first_page_in_german(phantom, tmp_path):
    reader = report(*phantom, tmp_path, language="de")
    assert reader.trailer["/Root"]["/Lang"] == "de"
    text = words_of(reader.pages[0])
    for part in (
        "02.03.1957 (68 J.)",
        "11.02.2026",
        "stehend",
        "weiblich",
        "Lendenlordose",
        "52,0°",
        "95 %: 50 bis 54",
        "± 2,1",
        "ventral",
        "Deckplatte",
        "Wirbelgleiten",
        DE("scale.detector"),
        f"L5: {DE.flag('corner_uncertain')}",
        "Seite 1 von 3",
    ):
        assert part in text, part
    rest = all_words(reader)
    assert plain(DE("method.interval")) in rest
    assert "Grundplatte L5" in rest
    assert not re.search(r"\d\.\d°", rest)


@pytest.mark.parametrize("page", PAGES)
def test_metadata_page_size_tags_and_fonts(phantom, tmp_path, page):
    reader = report(*phantom, tmp_path, page=page)
    assert reader.metadata.title == "Lateral lumbar spine: morphometry, phantom.dcm"
    assert reader.metadata.author == "spinemorph"
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert b"pdfuaid:part>1<" in root["/Metadata"].get_data().replace(b"<pdfuaid", b"pdfuaid")
    assert [float(x) for x in reader.pages[0].mediabox[2:]] == pytest.approx(PAGES[page], abs=0.01)
    assert len(reader.pages) == 3
    fonts = [f for font in fonts_of(reader) for f in font["/DescendantFonts"]]
    assert any("OpenSans" in font.get_object()["/BaseFont"] for font in fonts)
    for font in fonts:
        descriptor = font.get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)
    assert all("/ToUnicode" in font for font in fonts_of(reader))


def test_figures_have_their_words(phantom, tmp_path):
    reader = report(*phantom, tmp_path)
    told = []

    def walk(node):
        node = node.get_object()
        if "/Alt" in node:
            told.append(str(node["/Alt"]))
        for kid in node.get("/K", []) if isinstance(node.get("/K", []), list) else [node["/K"]]:
            if isinstance(kid, pypdf.generic.IndirectObject | pypdf.generic.DictionaryObject):
                walk(kid)

    walk(reader.trailer["/Root"]["/StructTreeRoot"])
    assert any("outlines of 7 bodies" in text for text in told)
    assert EN("segment.alt", level="L4/L5") in told
    assert any("above the reference range" in text or "35–80°" in text for text in told)


def test_the_same_study_gives_the_same_bytes(phantom, tmp_path):
    report(*phantom, tmp_path, "a.pdf")
    report(*phantom, tmp_path, "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize(("option", "value"), [("language", "fr"), ("page", "a3")])
def test_unknown_choices_name_the_known_ones(option, value):
    with pytest.raises(UsageError, match=r"known: (en|a4)"):
        PdfWriter(**{option: value})


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_whatever_a_patient_is_called_stays_text(build, tmp_path, name):
    patient = {"patient_name": name, "patient_id": name[:64], "study_date": "2026-02-11"}
    study, film = build(patient=patient, file=name.replace("/", "_")[:255] + ".dcm")
    reader = report(study, film, tmp_path)
    assert len(reader.pages) == 3
    assert_inside(reader)
    text = all_words(reader)
    assert "52.0°" in text
    if name.isascii() and name.isprintable():
        joined = re.sub(r"\s+", "", text)
        assert re.sub(r"\s+", "", name) in joined, "the whole name stands under Provenance"


def test_further_pages_hold_the_rest(phantom, tmp_path):
    study, film = phantom
    reader = report(study, film, tmp_path)
    second, third = words_of(reader.pages[1]), words_of(reader.pages[2])
    assert EN("headings.bodies") in second
    assert EN("headings.profile") in second
    assert EN("segment.note") in second
    for item in study.measurements:
        assert plain(item.definition) in third
    assert "Yilgor" in third
    assert study.source.sha256 in third.replace(" ", "")


def test_missing_values_have_their_reason(build, tmp_path):
    study, film = build(levels=("L2", "L3", "L4", "L5", "S1"), spacing=None)
    text = words_of(report(study, film, tmp_path).pages[0])
    assert "– (1)" in text
    assert f"(1) {FLAGS['level_not_found']}" in text
    assert EN("scale.none") in text


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
    assert EN("empty.nothing") in text
    assert EN("headings.stop") in text
    assert FLAGS["not_lateral_lumbar"] in text
    assert text.count(EN("report.unknown")) == len(EN.section("patient"))
    assert plain(EN("marks"))[:20] not in text
    assert len(reader.pages) == 2


def test_values_withheld_for_their_numbering_are_not_shown(build, tmp_path):
    study, film = build()
    withheld = tuple(
        replace(m, value=None, interval95=None, label=None, reason="numbering_uncertain")
        for m in study.measurements
    )
    study = replace(study, measurements=withheld, flags=("numbering_uncertain",))
    text = all_words(report(study, film, tmp_path))
    assert EN("headings.stop") in text
    assert "52.0°" not in text
    assert FLAGS["numbering_uncertain"] in text


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("page", PAGES)
def test_every_flag_at_once_still_fits(build, tmp_path, language, page):
    words = load_words(language)
    study, film = build(patient={"body_position": "w" * 60})
    study = replace(study, flags=tuple(FLAGS))
    reader = report(study, film, tmp_path, language=language, page=page)
    first = words_of(reader.pages[0])
    left = re.search(
        plain(words("flags_box.more", count="COUNT")).replace("COUNT", r"(\d+)"), first
    )
    assert left is not None
    text = all_words(reader)
    for code in set(FLAGS) - SAID_BY_SCALE:
        assert plain(words.flag(code)) in text, code
    assert_inside(reader)


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
    picture = max((image.image for image in reader.pages[0].images), key=lambda x: x.size)
    assert max(picture.size) <= 1600 * max(1, columns / rows)
    assert_inside(reader)


def test_film_is_embedded_as_jpeg_with_vectors_over_it(build, tmp_path):
    implant = Implant(
        "cage-1", "cage", ("L4", "L5"), np.array([[380.0, 900], [440, 900], [440, 930]]), 0.8
    )
    study, film = build(implants=(implant,), aspect=1.5)
    page = report(study, film, tmp_path).pages[0]
    found = []

    def walk(resources):
        for entry in resources.get("/XObject", {}).values():
            item = entry.get_object()
            if item["/Subtype"] == "/Image":
                found.append(str(item["/Filter"]))
            elif "/Resources" in item:
                walk(item["/Resources"].get_object())

    walk(page["/Resources"])
    assert found
    assert all("DCTDecode" in name for name in found)
    assert EN("legend.implant") in words_of(page)
    assert "1 × cage" in words_of(page)


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
    text = all_words(reader)
    assert len(reader.pages) > 3
    assert all(f"definition {i}," in text for i in range(120))
    assert_inside(reader)
