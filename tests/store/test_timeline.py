"""``spinemorph timeline``: the stored films of one patient, in order, and of nobody else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from spinemorph.cli import main, timeline
from spinemorph.store import open_store
from spinemorph.store.thumbnail import thumbnail
from spinemorph.testing import draw_phantom, write_png
from spinemorph.types import Radiograph


@pytest.fixture
def run(capsys, place, tmp_path):
    """Run a timeline of the store: (code, stdout, stderr)."""

    def run_it(patient, *options, formats="json"):
        command = ["timeline", patient, "--store", place, "-o", str(tmp_path / "out")]
        with pytest.raises(SystemExit) as stop:
            main([*command, "--formats", formats, *map(str, options)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return stop.value.code, captured.out, captured.err

    return run_it


@pytest.fixture
def picture(study):
    pixels = draw_phantom(300, 200).radiograph.pixels
    return thumbnail(Radiograph(pixels, study().source), study())


@pytest.fixture
def filled(store, document, picture):
    """Films 3, 1 and 2 of P-1, added in this order, and one of P-2."""
    for number in (3, 1, 2):
        store.add(document(number), thumbnail=picture)
    store.add(document(4, patient="P-2"), thumbnail=picture)
    return store


def dates(text):
    return [film["date"] for film in json.loads(text)["films"]]


def test_all_films_of_the_patient_are_compared_in_the_order_of_time(filled, run, tmp_path):
    code, out, err = run("P-1", "--json", formats="json,csv")
    assert code == 0, err
    assert dates(out) == ["2020-01-02", "2020-01-03", "2020-01-04"]
    assert out == (tmp_path / "out" / "comparison.json").read_text()
    assert (tmp_path / "out" / "changes.csv").exists()
    assert "3 of 3 films are not where they were" in err
    assert "different ways" not in err


def test_one_film_is_no_timeline(filled, run, tmp_path):
    for patient, words in (("P-2", "one film"), ("P-9", "no film"), ("a/../🦴", "no film")):
        code, _, err = run(patient)
        assert (code, words in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_the_last_added_result_of_a_film_counts(filled, run, document):
    newer = document(2, manifest={"spinemorph": "0.2.0"})
    newer["measurements"][0] |= {"value": 77.0, "interval95": [70.0, 84.0]}
    filled.add(newer)
    code, out, err = run("P-1", "--json")
    assert code == 0
    assert len(dates(out)) == 3
    assert "77.0" in out
    assert "42.0" not in out
    assert "analysed in different ways" in err


def test_a_film_in_its_place_is_read_and_a_changed_one_is_not(filled, document, tmp_path):
    film = write_png(draw_phantom(300, 200).radiograph.pixels, tmp_path / "film.png")
    given = document(9)
    given["source"]["sha256"] = hashlib.sha256(film.read_bytes()).hexdigest()
    entry = filled.find(filled.add(given, film=film).id)
    assert timeline._film(entry).source.sha256 == entry.film_sha256
    write_png(draw_phantom(300, 200, lordosis=30).radiograph.pixels, film)
    assert timeline._film(entry) is None
    film.write_bytes(b"no film any more")
    assert timeline._film(entry) is None
    film.unlink()
    assert timeline._film(entry) is None


def test_stored_pictures_stand_in_for_films_in_the_report(filled, run, tmp_path):
    code, _, err = run("P-1", "--surgery", "2020-01-03", formats="pdf,html")
    assert code == 0, err
    assert (tmp_path / "out" / "comparison.pdf").read_bytes().startswith(b"%PDF")
    entries = filled.newest("P-1")
    _, films, moved = timeline._read(filled, entries)
    assert moved == 3
    assert {(film.rows, film.columns) for film in films} == {(300, 200)}
    assert all(np.ptp(film.pixels) > 0.5 for film in films)


def test_a_pseudonymised_patient_is_found_by_id_and_key_and_not_named(
    place, document, run, key, tmp_path
):
    with open_store(place, key=key, create=True) as store:
        for number in (1, 2):
            store.add(document(number, patient="4711"))
        pseudonym = store.patient("4711")
    file = tmp_path / "key"
    file.write_bytes(b"a key for these tests only, 32 b")
    for patient, options in (("4711", ("--key-file", file)), (pseudonym, ())):
        code, out, err = run(patient, "--json", *options)
        assert code == 0, err
        assert "2 have no stored picture either" in err
        assert dates(out) == ["2020-01-02", "2020-01-03"]
        assert "4711" not in out + err
        assert "Doe" not in out + err
    code, _, err = run("4711")
    assert (code, "give the key" in err) == (1, True)
    file.write_bytes(b"another key of 16 bytes or more")
    code, _, err = run("4711", "--key-file", file)
    assert (code, "another key" in err) == (1, True)


def test_other_birth_dates_refuse_unless_that_is_wanted(filled, run, document):
    filled.add(document(5, source={"birth_date": "1999-01-01"}))
    code, _, err = run("P-1")
    assert (code, "birth dates" in err) == (2, True)
    assert run("P-1", "--other-patient")[0] == 0


@pytest.mark.parametrize(
    "options", [("--language", "xx"), ("--surgery", "soon"), ("--page", "a0"), ("--formats", ",")]
)
def test_a_wrong_choice_is_said_before_the_store_is_read(run, options):
    code, _, err = run("P-1", *options)
    assert code == 2
    assert "there is none" not in err


def test_paths_are_kept_absolute(store, document, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    added = store.add(document(), film=Path("film.dcm"))
    assert store.find(added.id).film == tmp_path / "film.dcm"
