from __future__ import annotations

import datetime as dt
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.errors import ReportError
from spinemorph.report import fonts, svg
from spinemorph.report.fonts import font_file, printable
from spinemorph.report.typeset import cleaned, timestamp, typeset

pypdf = pytest.importorskip("pypdf")

ECHO = """#let data = json(bytes(sys.inputs.data))
#set document(title: "echo")
#set text(font: data.fonts, fallback: false, lang: "en")
#data.text
#if "drawing" in data { image(bytes(sys.inputs.at(data.drawing)), format: "svg", alt: "x") }
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    (folder / "echo.typ").write_text(ECHO)
    (folder / "broken.typ").write_text("#nothing()")
    return folder


def echo(templates, **data):
    return typeset("echo.typ", data, templates=templates)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_can_be_set(templates, text):
    assert echo(templates, text=text).startswith(b"%PDF-")


#: All planes with characters, those of private use, and the end of the last.
BLOCKS = [*range(0, 0x34000, 0x4000), 0xE0000, 0xF0000, 0x10C000]


@pytest.mark.parametrize("first", BLOCKS, ids=hex)
def test_every_character_can_be_set(templates, first):
    for start in range(first, first + 0x4000, 0x1000):
        text = "".join(map(chr, range(start, start + 0x1000)))
        assert echo(templates, text=text).startswith(b"%PDF-")


def test_text_without_end_is_cut(templates, tmp_path):
    path = tmp_path / "x.pdf"
    path.write_bytes(echo(templates, text="\U000f0000" * 70_000 + "end"))
    assert "end" not in pypdf.PdfReader(path).pages[0].extract_text()


def test_a_panic_of_the_typesetter_is_a_known_fault(templates, monkeypatch):
    import typst

    class PanicException(BaseException):
        """As pyo3 raises it."""

    def panic(*_, **__):
        raise PanicException("index out of range")

    monkeypatch.setattr(typst, "compile", panic)
    with pytest.raises(ReportError, match="the typesetter failed: index out of range"):
        echo(templates, text="a")
    monkeypatch.setattr(typst, "compile", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        echo(templates, text="a")


@given(st.text(max_size=200))
def test_printable_keeps_what_can_be_seen(text):
    kept = printable(text)
    assert printable(kept) == kept
    for letter in kept:
        assert unicodedata.category(letter) not in {"Cc", "Cs"} or letter == " "
    seen = [letter for letter in text if unicodedata.category(letter)[0] in "LNPS"]
    assert [letter for letter in kept if unicodedata.category(letter)[0] in "LNPS"] == seen


def test_controls_and_directions_are_left_out():
    assert printable("a\u202eb\x07c\td\u2028e\ufeff\ud800\ufffe") == "abc d e"
    assert printable("Müller–Łukasz Ωμέγα Дима ≥ ▲") == "Müller–Łukasz Ωμέγα Дима ≥ ▲"


def test_cleaning_reaches_every_text():
    assert cleaned({"a": ["x\x00", ("y\u202e", 1.5, None)], "b": True}) == {
        "a": ["x", ["y", 1.5, None]],
        "b": True,
    }


def test_a_drawing_is_set_with_its_text(templates, tmp_path):
    drawing = svg.document(90, 20, svg.text("within", 2, 15, 9))
    path = tmp_path / "x.pdf"
    path.write_bytes(echo(templates, text="around", drawing=drawing))
    text = pypdf.PdfReader(path).pages[0].extract_text()
    assert "around" in text
    assert "within" in text


def test_a_refusal_is_one_clear_error(templates):
    with pytest.raises(ReportError, match=r"broken\.typ: unknown variable"):
        typeset("broken.typ", {}, templates=templates)


def test_the_bytes_depend_on_the_data_and_the_time_alone(templates):
    assert echo(templates, text="a") == echo(templates, text="a")
    late = typeset("echo.typ", {"text": "a"}, made_at="2026-02-12T09:15:00Z", templates=templates)
    assert late != echo(templates, text="a")
    assert b"20260212091500" in late


def test_times():
    noon = dt.datetime(2026, 2, 12, 12, tzinfo=dt.UTC)
    assert timestamp("2026-02-12T12:00:00+00:00") == timestamp("2026-02-12T12:00:00")
    assert timestamp("2026-02-12T14:00:00+02:00") == int(noon.timestamp())
    assert [timestamp(each) for each in (None, "", "yesterday", "1950-01-01")] == [0, 0, 0, 0]


def test_missing_fonts_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "font_folders", lambda: (tmp_path,))
    font_file.cache_clear()
    with pytest.raises(ReportError, match="font OpenSans-Bold is missing"):
        font_file("OpenSans-Bold")
    font_file.cache_clear()


def test_data_is_valid_json(templates):
    assert json.loads(json.dumps(cleaned({"text": "\ud800"}))) == {"text": ""}
