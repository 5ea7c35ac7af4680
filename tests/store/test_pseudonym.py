"""Pseudonyms: the same for the same patient and key, and nothing of the patient in the study."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.errors import StoreError, UsageError
from spinemorph.report.json_writer import study_from_dict
from spinemorph.store.pseudonym import (
    KEPT,
    REMOVED,
    Key,
    is_pseudonym,
    pseudonymized,
    read_key,
)
from spinemorph.types import Source

KEY, OTHER = Key(b"0123456789abcdef"), Key(b"0123456789abcdeg")


def test_every_name_of_a_source_is_either_kept_or_removed():
    assert set(KEPT) | set(REMOVED) == set(Source.__dataclass_fields__)
    assert not set(KEPT) & set(REMOVED)


def test_every_part_of_a_study_is_kept(document):
    assert list(pseudonymized(document(), KEY)) == list(document())


@given(st.text(min_size=1), st.text(min_size=1))
def test_one_patient_has_one_pseudonym_of_a_key(one, other):
    assert is_pseudonym(KEY.patient(one))
    assert KEY.patient(one) == KEY.patient(f" {one} ")
    assert KEY.patient(one) != OTHER.patient(one)
    if one.strip(" \0") != other.strip(" \0"):
        import unicodedata

        same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
        assert same or KEY.patient(one) != KEY.patient(other)


def test_the_pseudonym_is_the_keyed_hash_that_the_docs_say():
    import base64
    import hashlib
    import hmac

    digest = hmac.new(b"0123456789abcdef", b"spinemorph/store/patient\x004711", hashlib.sha256)
    expected = base64.b32encode(digest.digest()[:16]).decode().rstrip("=").lower()
    assert KEY.patient("4711") == f"ps-{expected}"


def test_nothing_of_the_patient_is_left(document):
    given_one = document()
    given_one["source"]["added_by_a_plugin"] = given_one["added_by_a_plugin"] = "Jane Doe"
    found = pseudonymized(given_one, KEY)
    text = json.dumps(found)
    for secret in ("Doe", "Jane", "P-1", "Elsewhere", "1.2.3", "03-04", "LWS"):
        assert secret not in text
    source = found["source"]
    assert source["patient_id"] == KEY.patient("P-1")
    assert source["birth_date"] == "1950"
    assert source["file"] == f"film-{'0' * 12}.dcm"
    assert source["pseudonymized"] is True
    assert [source[name] for name in KEPT] == [given_one["source"][name] for name in KEPT]
    assert found["measurements"] == given_one["measurements"]
    assert study_from_dict(found).source.patient_id == KEY.patient("P-1")
    assert given_one["source"]["patient_name"] == "Doe^Jane", "the caller's document is not changed"


@pytest.mark.parametrize(
    ("born", "taken", "kept"),
    [
        ("1950-03-04", "2020-01-01", "1950"),
        ("1931-12-31", "2020-01-01", "1931"),
        ("1930-12-31", "2020-01-01", None),
        ("1950-03-04", None, None),
        (None, "2020-01-01", None),
        ("unknown", "2020-01-01", None),
    ],
)
def test_the_year_of_birth_stays_where_it_does_not_tell_a_very_old_patient(
    document, born, taken, kept
):
    given_one = document(source={"birth_date": born, "acquired_at": None, "study_date": taken})
    assert pseudonymized(given_one, KEY)["source"]["birth_date"] == kept


@pytest.mark.parametrize("name", ["Doe Jane", "a.DICOM", "x.Jane Doe", "19500304", "a.tar.gz"])
def test_a_file_keeps_at_most_its_kind(document, name):
    given_one = document()
    given_one["source"]["file"] = name
    stem, _, kind = pseudonymized(given_one, KEY)["source"]["file"].partition(".")
    assert stem == f"film-{'0' * 12}"
    assert kind in {"", "dicom", "gz"}


def test_a_film_without_a_patient_gets_no_pseudonym(document):
    assert pseudonymized(document(1, patient=None), KEY)["source"]["patient_id"] is None


def test_keys(tmp_path):
    file = tmp_path / "key"
    file.write_text("  0123456789abcdef\n")
    assert read_key(file).check == KEY.check != OTHER.check
    assert "0123" not in repr(KEY)
    file.write_text("too short")
    with pytest.raises(UsageError, match="too short"):
        read_key(file)
    with pytest.raises(StoreError, match="cannot be read"):
        read_key(tmp_path / "absent")
