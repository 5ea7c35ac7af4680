"""A study.json survives packing to the last digit, also one with names and shapes of others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.errors import StoreError
from spinemorph.report.json_writer import document_text
from spinemorph.store.packing import pack, unpack

FINITE = st.floats(allow_nan=False, allow_infinity=False)
HUNDREDTHS = st.integers(-(10**7), 10**7).map(lambda whole: whole / 100)
POINTS = st.lists(st.lists(HUNDREDTHS | FINITE, min_size=2, max_size=2), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(
    st.fixed_dictionaries({"level": JSON, "contour": POINTS | JSON, "score": FINITE}) | JSON,
    max_size=4,
)
DOCUMENTS = st.builds(
    lambda extra, known: {**extra, **known},
    st.dictionaries(st.text(), JSON, max_size=4),
    st.fixed_dictionaries({"vertebrae": RECORDS | JSON, "implants": RECORDS}),
)


def exact(value):
    """Tells 1 from 1.0 and 0.0 from -0.0, and keeps the order of names."""
    return json.dumps(value)


@given(DOCUMENTS)
def test_any_document_comes_back_exactly(document):
    assert exact(unpack(*pack(document))) == exact(document)


@given(st.lists(st.lists(HUNDREDTHS, min_size=2, max_size=2), min_size=1, max_size=50))
def test_hundredths_come_back_exactly(points):
    document = {"vertebrae": [{"contour": points}]}
    assert exact(unpack(*pack(document))) == exact(document)


def test_a_real_study_keeps_its_bytes_and_gets_small(document):
    given_one = document()
    text = document_text(given_one)
    packed = pack(given_one)
    assert document_text(unpack(*packed)) == text
    assert sum(map(len, packed)) < 0.35 * len(text)


def test_what_json_does_not_know_is_refused():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            pack({"vertebrae": [{"contour": [[number, 1.0]]}]})


@pytest.mark.parametrize("part", [0, 1])
def test_damage_is_found(document, part):
    packed = list(pack(document()))
    for damaged in (
        b"",
        packed[part][:-9],
        packed[part][:30] + b"\0\1" + packed[part][32:],
        pack({"vertebrae": []})[part],
    ):
        blobs = [*packed]
        blobs[part] = damaged
        if damaged == pack({"vertebrae": []})[0]:
            continue  # a whole document of its own
        with pytest.raises(StoreError, match="damaged"):
            unpack(*blobs)
