from __future__ import annotations

import re
import string

import pytest

from spinemorph.errors import UsageError
from spinemorph.flags import FLAGS
from spinemorph.hookspecs import API, SegmenterPlugin
from spinemorph.label.sacrum_first import SHIFTS
from spinemorph.pipeline import Options, Pipeline
from spinemorph.plugins import Plugins, Registered, load_plugins
from spinemorph.read import read_radiograph
from spinemorph.report.catalogue import LANGUAGES, load_words
from spinemorph.testing import PhantomSegmenter, draw_phantom, write_png

EN, DE = load_words("en"), load_words("de")


def flat(tree, path=()):
    for key, value in tree.items():
        if isinstance(value, str):
            yield (*path, key), value
        else:
            yield from flat(value, (*path, key))


def shared(words):
    own = {"definitions", "flags"}  # English ones stand with what they describe
    return {path: text for path, text in flat(words.entries) if path[0] not in own}


def test_both_languages_have_every_key():
    assert set(shared(EN)) == set(shared(DE))
    assert set(FLAGS) <= set(DE.section("flags"))


def test_texts_take_the_same_values():
    for path, text in shared(EN).items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(each) if name}
            for each in (text, shared(DE)[path])
        ]
        assert fields[0] == fields[1], path


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language):
    empty = [path for path, text in flat(load_words(language).entries) if not text.strip()]
    assert empty == [("units", "1")]


def test_german_is_german():
    english = {
        text
        for path, text in shared(EN).items()
        if path[0] in {"headings", "method", "scale", "numbering_reasons", "facing"}
    }
    assert not english & set(shared(DE).values())
    assert not set(FLAGS.values()) & set(DE.section("flags").values())
    assert not re.search(r"\bendplates?\b|\bspondylolisthesis\b", " ".join(shared(DE).values()))


def measured_names(tmp_path):
    """Names and labels of everything that the built-in measures give of a drawn film."""
    phantom = SegmenterPlugin("phantom", "Drawn films", API, PhantomSegmenter)
    found = load_plugins().registered
    plugins = Plugins((*found, Registered("segmenter", phantom, "a-test", "1")))
    pipeline = Pipeline(plugins, Options(segmenter="phantom"))
    path = write_png(draw_phantom(900, 600).radiograph.pixels, tmp_path / "film.png")
    return pipeline.study_of(read_radiograph(path, spacing=(0.3, 0.3))).measurements


def test_every_measure_has_its_name_and_definition(tmp_path):
    items = measured_names(tmp_path)
    assert items
    for item in items:
        assert item.name in EN.section("measures"), item.name
        assert item.name in DE.section("definitions"), item.name
        assert EN.definition(item.name, item.definition) == item.definition
        if item.label and not re.fullmatch("[0IV1-3]+", item.label):
            assert item.label in EN.section("labels"), item.label


def test_every_reason_for_another_numbering_is_known():
    reasons = set(EN.section("numbering_reasons"))
    for shift in SHIFTS:
        if shift:
            count = f"{abs(shift)} level{'s' if abs(shift) > 1 else ''}"
            where = f"{count} {'lower' if shift > 0 else 'higher'}"
            assert f"another candidate for the sacrum lies {where}" in reasons
            assert any(reason.startswith(f"the bodies look like {count} ") for reason in reasons)


def test_numbers_and_dates():
    assert (EN.number(-1.25, 1), DE.number(-1.26, 1)) == ("\N{MINUS SIGN}1.2", "\N{MINUS SIGN}1,3")
    assert EN.number(-0.01, 1) == "0.0"
    assert (EN.date("2026-02-11"), DE.date("2026-02-11T09:15")) == (
        "2026-02-11",
        "11.02.2026T09:15",
    )
    assert DE.date("February") == "February"


def test_words_of_a_plugin_stand_for_themselves():
    assert DE.measure("body_width") == "Body width"
    assert DE.flag("made_up") == "made_up"
    assert DE.unit("px/mm") == "\N{NO-BREAK SPACE}px/mm"
    assert DE.definition("body_width", "as wide as it is") == "as wide as it is"


def test_unknown_words_and_languages_are_faults():
    with pytest.raises(KeyError):
        EN("report.nothing")
    with pytest.raises(KeyError):
        EN("report")
    with pytest.raises(UsageError, match="known: en, de"):
        load_words("fr")
