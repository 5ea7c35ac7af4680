"""The same promises on SQLite and on PostgreSQL: kept whole, kept once, found again, really gone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from spinemorph.errors import ReadError, StoreError, UsageError
from spinemorph.report.json_writer import study_from_dict
from spinemorph.store import open_store
from spinemorph.store.pseudonym import Key
from spinemorph.store.records import path_of, uri_of


def only(store, **choice):
    (entry,) = store.entries(**choice)
    return entry


def test_a_study_comes_back_whole(store, document):
    given = document()
    added = store.add(given, film=Path("/films/ä b.dcm"), thumbnail=b"\xff\xd8picture")
    ((name, found),) = store.documents([added.id])
    assert (name, found, list(found)) == (added.id, given, list(given))
    assert store.thumbnail(added.id) == b"\xff\xd8picture"
    entry = only(store)
    assert (entry.id, entry.patient, entry.taken) == (added.id, "P-1", "2020-01-02T08:01:00")
    assert entry.film == Path("/films/ä b.dcm")
    assert (entry.levels, entry.lordosis, entry.lordosis95) == ("T12-S1", 41.0, (35.0, 48.5))
    assert entry.flags == ("detector_scale", "possible_l6")
    assert entry.method == ("0.1.0", "compact", None)


def test_names_of_a_later_version_survive(store, document):
    given = document() | {"later": {"x": [1, None, "ü"]}}
    given["vertebrae"][0]["later"] = 3
    added = store.add(given)
    assert list(store.documents([added.id])) == [(added.id, given)]


def test_the_same_film_in_the_same_way_changes_nothing(store, document):
    first = store.add(document(), film=Path("/films/a.dcm"), thumbnail=b"first")
    before = list(store.entries())
    again = document(manifest={"device": "cuda", "analyzed_at": "later", "numpy": "9"})
    second = store.add(again, film=Path("/films/b.dcm"), thumbnail=b"second")
    assert (first.new, second.new, first.id) == (True, False, second.id)
    assert list(store.entries()) == before
    assert store.thumbnail(first.id) == b"first"


@pytest.mark.parametrize(
    "other",
    [
        {"manifest": {"spinemorph": "0.2.0"}},
        {"manifest": {"segmenter": "other"}},
        {"manifest": {"weights_sha256": "ab" * 32}},
        {"manifest": {"labeler": "by hand"}},
    ],
)
def test_another_way_of_analysing_keeps_both(store, document, other):
    first, second = store.add(document()), store.add(document(**other))
    assert second.new
    assert {each.id for each in store.entries()} == {first.id, second.id}
    assert [each.id for each in store.newest("P-1")] == [second.id]


def test_another_scale_is_another_result(store, document):
    first, other = document(), document()
    other["image"] |= {"pixel_spacing_mm": [0.3, 0.3], "spacing_basis": "user"}
    assert store.add(first).id != store.add(other).id


def test_given_femoral_heads_are_another_result(store, document):
    ids = set()
    for heads in (None, [[10.0, 20.0]], [[11.0, 20.0]]):
        given = document() | {"femoral_heads": heads}
        given["flags"] = ["femoral_heads_given"] if heads else []
        ids.add(store.add(given).id)
    assert len(ids) == 3


def test_entries_are_in_the_order_of_acquisition(store, document):
    numbers = list(range(1, 9))
    random.Random(3).shuffle(numbers)
    for number in numbers:
        store.add(document(number, patient=f"P-{number % 2}"))
    taken = [each.taken for each in store.newest("P-1")]
    assert len(taken) == 4
    assert taken == sorted(taken)
    assert len(list(store.entries())) == 8
    assert list(store.entries(patient="P-9")) == []


@pytest.mark.parametrize(
    "patient",
    [
        "a/b/../c",
        "🦴 Jörg",
        "'; DROP TABLE spinemorph_studies; --",
        "%",
        "_",
        "x\0y",
        "\ud800",
        "1\n2",
    ],
)
def test_any_patient_id_is_found_and_no_other(store, document, patient):
    store.add(document(1, patient=patient))
    store.add(document(2, patient="another"))
    assert only(store, patient=patient).film_sha256 == f"{1:064x}"
    assert only(store, patient=f" {patient} ").film_sha256 == f"{1:064x}"
    assert len(list(store.entries())) == 2


def test_a_film_without_a_patient_is_kept_and_belongs_to_nobody(store, document):
    store.add(document(1, patient=None))
    assert only(store).patient is None
    assert list(store.entries(patient="None")) == []


def test_a_document_that_is_no_study_is_refused_and_leaves_nothing(store, document):
    broken = document()
    del broken["measurements"]
    nameless = document()
    nameless["source"]["sha256"] = ""
    for bad in ({}, {"schema": "other/1"}, broken, nameless):
        with pytest.raises(ReadError):
            store.add(bad)
    assert list(store.entries()) == []


def test_a_study_is_found_by_the_beginning_of_its_id(store, document):
    ids = sorted(store.add(document(number)).id for number in range(40))
    assert store.find(ids[7]).id == ids[7]
    one = next(i for i in ids if sum(each.startswith(i[:4]) for each in ids) == 1)
    assert store.find(one[:4]).id == one
    for wrong in ("0000000000000000", "xyz", "", "%"):
        with pytest.raises(UsageError):
            store.find(wrong)
    shared = next(d for d in "0123456789abcdef" if sum(i[0] == d for i in ids) > 1)
    with pytest.raises(UsageError, match="several"):
        store.find(shared)


def test_what_is_removed_is_gone_and_the_rest_stays(store, document):
    first, newer = store.add(document(1)), store.add(document(1, manifest={"segmenter": "b"}))
    other = store.add(document(2, patient="P-2"), thumbnail=b"x")
    gone = store.remove([first.id])
    assert (gone.studies, gone.films) == (1, 0), "the film has another result"
    gone = store.remove([newer.id])
    assert (gone.studies, gone.films, gone.wiped) == (1, 1, True)
    assert list(store.documents([first.id, newer.id])) == []
    assert only(store).id == other.id
    assert store.remove([]).studies == 0
    assert store.add(document(1)).new


def test_a_removed_patient_leaves_no_byte_in_the_files(tmp_path, document):
    place = tmp_path / "studies.db"
    with open_store(str(place), create=True) as store:
        for number in range(12):
            patient = "SECRETNUMBER" if number % 3 == 0 else f"P-{number}"
            store.add(document(number, patient=patient), film=Path(f"/films/{patient}/{number}"))
        present = [path.name for path in tmp_path.iterdir() if b"SECRETNUMBER" in path.read_bytes()]
        assert present
        store.remove([each.id for each in store.entries(patient="SECRETNUMBER")])
        for path in tmp_path.iterdir():
            assert b"SECRETNUMBER" not in path.read_bytes(), path.name
        assert len(list(store.entries())) == 8


def test_the_place_of_a_film_is_noted_and_follows_a_move(store, document, tmp_path):
    here, there = tmp_path / "a" / "film.dcm", tmp_path / "b" / "film.dcm"
    for path in (here, there):
        path.parent.mkdir()
        path.write_bytes(b"film")
    store.add(document())
    assert only(store).film is None
    store.film_is_at(f"{1:064x}", here)
    assert only(store).film == here
    store.film_is_at(f"{1:064x}", there)
    assert only(store).film == here, "still there"
    here.unlink()
    store.film_is_at(f"{1:064x}", there)
    assert only(store).film == there


@pytest.mark.parametrize("name", [b"plain.dcm", "ü 🦴%20?#.dcm".encode(), b"not-utf8-\xff.dcm"])
def test_any_path_survives_as_a_uri(name):
    import os

    path = Path("/films") / os.fsdecode(name)
    assert path_of(uri_of(path)) == path
    assert uri_of(path).isascii()


def test_pseudonyms_find_the_same_patient_and_keep_no_identifier(place, document, key):
    with open_store(place, key=key, create=True) as store:
        for number in (1, 2):
            store.add(document(number, patient=" 4711 "), film=Path("/films/Doe_Jane.dcm"))
        store.add(document(3, patient="4712"))
        pseudonym = store.patient("4711")
        assert len(store.newest("4711")) == len(store.newest(pseudonym)) == 2
        found = [
            study_from_dict(each) for _, each in store.documents(i.id for i in store.entries())
        ]
        text = repr(list(store.entries())) + repr(found)
        for secret in ("4711", "Doe", "Jane", "Elsewhere", "1.2.3", "1950-03", "/films"):
            assert secret not in text
        assert {each.source.birth_date for each in found} == {"1950"}
    with open_store(place) as store:
        assert store.pseudonymized
        assert len(store.newest(pseudonym)) == 2
        with pytest.raises(StoreError, match="give the key"):
            store.newest("4711")


def test_a_store_is_clear_or_pseudonymised_and_of_one_key(place, document, key):
    with open_store(place, key=key, create=True) as store:
        store.add(document())
    with (
        open_store(place, write=True) as store,
        pytest.raises(StoreError, match="keeps pseudonyms"),
    ):
        store.add(document(2))
    with pytest.raises(StoreError, match="another key"):
        open_store(place, key=Key(b"another key of 16 bytes or more"), write=True)


def test_a_clear_store_refuses_pseudonyms(store, place, document, key):
    store.add(document())
    with open_store(place, key=key, write=True) as other, pytest.raises(StoreError, match="clear"):
        other.add(document(2))
    assert len(list(store.entries())) == 1


def test_a_store_that_is_read_cannot_be_changed(store, place, document):
    store.add(document())
    if not store.database.is_sqlite:
        pytest.skip("what may be written in PostgreSQL is up to its roles")
    with open_store(place) as reader, pytest.raises(StoreError, match="may only be read"):
        reader.add(document(2))
