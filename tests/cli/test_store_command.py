"""``analyze --store`` and ``spinemorph store``: exit codes, tables, JSON, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

pytest.importorskip("sqlalchemy", reason="the extra spinemorph[store] is not installed")

from spinemorph.cli import main
from spinemorph.cli.counting import counted
from spinemorph.hookspecs import API, SegmenterPlugin
from spinemorph.plugins import Plugins, Registered, load_plugins
from spinemorph.testing import PhantomSegmenter, draw_phantom, write_png

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    """The installed plugins and a segmenter of drawn films."""
    plugin = SegmenterPlugin("phantom", "Drawn films", API, PhantomSegmenter)
    found = Plugins(load_plugins().registered + (Registered("segmenter", plugin, "a-test", "1"),))
    monkeypatch.setattr("spinemorph.cli.batch.load_plugins", lambda: found)
    monkeypatch.delenv("SPINEMORPH_STORE_KEY", raising=False)


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "studies.db")


@pytest.fixture
def films(tmp_path):
    """Two drawn films that differ."""
    folder = tmp_path / "films"
    for index, lordosis in enumerate((45.0, 55.0)):
        pixels = draw_phantom(500, 340, lordosis=lordosis).radiograph.pixels
        write_png(pixels, folder / f"film{index}.png")
    return folder


@pytest.fixture
def run(capsys):
    """Run the program: (code, stdout, stderr)."""

    def run_it(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return stop.value.code, captured.out, captured.err

    return run_it


@pytest.fixture
def analyze(run, tmp_path, place):
    def analyze_it(*arguments):
        return run(
            "analyze", *arguments, "-o", tmp_path / "out", "--segmenter", "phantom",
            "--formats", "json", "--store", place,
        )  # fmt: skip

    return analyze_it


def listed(run, place, *more):
    code, out, _ = run("store", "list", "--store", place, "--json", *more)
    assert code == 0
    return json.loads(out)


def test_films_are_kept_once_and_known_the_next_time(analyze, run, films, place, tmp_path):
    code, _, _ = analyze(films)
    assert code == 0
    rows = listed(run, place)
    assert [row["file"] for row in rows] == ["film0.png", "film1.png"]
    shutil.rmtree(tmp_path / "out")
    code, out, _ = analyze(films)
    assert code == 0, "known films are no failure"
    assert out.count("already in the store") == 2
    assert "--reanalyze" in out
    assert not (tmp_path / "out").exists()
    assert listed(run, place) == rows


def test_known_films_in_json(analyze, films):
    analyze(films)
    code, out, _ = analyze(films, "--json")
    assert code == 0
    assert [(row["known"], row["skipped"], row["study"]) for row in json.loads(out)] == [
        (True, True, None)
    ] * 2


def test_reanalysing_in_the_same_way_changes_nothing_and_in_another_keeps_both(
    analyze, run, films, place, monkeypatch
):
    analyze(films)
    rows = listed(run, place)
    code, out, _ = analyze(films, "--reanalyze")
    assert code == 0
    assert "already" not in out
    assert listed(run, place) == rows
    monkeypatch.setattr("spinemorph.pipeline.__version__", "9.9")
    code, out, _ = analyze(films)
    assert "already" in out
    assert listed(run, place) == rows, "a newer version analyses again only when it is asked to"
    analyze(films, "--reanalyze")
    versions = [row["spinemorph"] for row in listed(run, place)]
    assert sorted(versions) == sorted([row["spinemorph"] for row in rows] + ["9.9", "9.9"])


def test_a_moved_film_is_found_in_its_new_place(analyze, run, films, place, tmp_path):
    analyze(films)
    films.rename(tmp_path / "moved")
    analyze(tmp_path / "moved")
    _, out, _ = run("store", "show", listed(run, place)[0]["id"], "--store", place)
    assert str(tmp_path / "moved" / "film0.png") in out


def test_a_bad_film_does_not_hinder_the_others(analyze, run, films, place):
    (films / "film0.png").write_bytes((films / "film1.png").read_bytes()[:300])
    code, _, _ = analyze(films)
    assert code == 3
    assert [row["file"] for row in listed(run, place)] == ["film1.png"]


def test_a_store_that_cannot_be_opened_is_said_before_any_film_is_read(run, films, tmp_path):
    for place in ("mysql://a/b", tmp_path / "absent" / "x.db", tmp_path, "sqlite://"):
        code, _, err = run("analyze", films, "-o", tmp_path / "out", "--store", place)
        assert code in {1, 2}
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_options_without_a_store_or_a_key_are_wrong_use(run, films, tmp_path, place):
    for option in ("--reanalyze", "--pseudonymize"):
        code, _, err = run("analyze", films, "-o", tmp_path, option)
        assert (code, "need --store" in err) == (2, True)
    code, _, err = run("analyze", films, "-o", tmp_path, "--store", place, "--pseudonymize")
    assert (code, "needs a key" in err) == (2, True)
    key = tmp_path / "key"
    key.write_text(KEY)
    code, _, err = run("analyze", films, "-o", tmp_path, "--store", place, "--key-file", key)
    assert (code, "--pseudonymize" in err) == (2, True)


def test_list_and_show_for_people(analyze, run, films, place, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    analyze(films)
    code, out, _ = run("store", "list", "--store", place)
    assert code == 0
    assert "2 studies of 0 patients and of films without a patient" in out
    assert max(map(len, out.splitlines())) <= 80
    study = listed(run, place)[0]["id"]
    assert study in out
    code, out, _ = run("store", "show", study[:6], "--store", place)
    assert code == 0
    assert "lumbar_lordosis" in out
    assert "no_pixel_spacing: The film carries no pixel size" in out


def test_show_gives_the_study_and_its_picture(analyze, run, films, place, tmp_path):
    analyze(films)
    study = listed(run, place)[0]["id"]
    code, out, _ = run(
        "store", "show", study, "--store", place, "--json", "--thumbnail", tmp_path / "t.jpg"
    )
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "out" / "film0" / "study.json").read_text())
    assert (tmp_path / "t.jpg").read_bytes().startswith(b"\xff\xd8")
    code, _, err = run("store", "show", "ffffffffffffffff", "--store", place)
    assert (code, "no study" in err) == (2, True)


def test_export_is_what_was_analysed_byte_for_byte(analyze, run, films, place, tmp_path):
    analyze(films)
    code, _, err = run("store", "export", "--store", place, "-o", tmp_path / "export")
    assert (code, "2 studies in" in err) == (0, True)
    for row in listed(run, place):
        written = (tmp_path / "export" / row["id"] / "study.json").read_bytes()
        stem = row["file"].removesuffix(".png")
        assert written == (tmp_path / "out" / stem / "study.json").read_bytes()
    with (tmp_path / "export" / "measurements.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["study_id"] for row in rows} == {row["id"] for row in listed(run, place)}
    assert any(row["name"] == "lumbar_lordosis" and row["value"] for row in rows)


def test_export_never_writes_into_what_is_there(analyze, run, films, place, tmp_path):
    analyze(films)
    code, _, err = run("store", "export", "--store", place, "-o", tmp_path / "films")
    assert (code, "not empty" in err) == (2, True)
    assert len(list((tmp_path / "films").iterdir())) == 2
    (tmp_path / "empty").mkdir()
    assert run("store", "export", "--store", place, "-o", tmp_path / "empty")[0] == 0


def test_an_export_that_fails_leaves_nothing(analyze, run, films, place, tmp_path):
    analyze(films)
    with sqlite3.connect(place) as connection:
        connection.execute(
            "UPDATE spinemorph_documents SET document = x'00' "
            "WHERE study = (SELECT max(number) FROM spinemorph_studies)"
        )
    connection.close()
    before = sorted(path.name for path in tmp_path.iterdir())
    code, _, err = run("store", "export", "--store", place, "-o", tmp_path / "export")
    assert (code, "damaged" in err) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_remove_asks_and_removes(analyze, run, films, place):
    analyze(films)
    first, second = (row["id"] for row in listed(run, place))
    code, _, err = run("store", "remove", first, "--store", place)
    assert (code, "--yes" in err) == (2, True)
    code, _, err = run("store", "remove", "--store", place, "--yes")
    assert (code, "name the studies" in err) == (2, True)
    code, out, err = run("store", "remove", first[:8], "--store", place, "--yes", "--json")
    assert (code, "removed 1 study, 1 film" in err) == (0, True)
    assert json.loads(out) == {"studies": 1, "films": 1, "wiped": True}
    assert [row["id"] for row in listed(run, place)] == [second]
    code, _, err = run("store", "remove", "--patient", "nobody", "--store", place, "--yes")
    assert (code, "no study of that patient" in err) == (2, True)
    assert (films / "film0.png").exists()


def test_add_takes_earlier_results(analyze, run, films, place, tmp_path):
    analyze(films)
    other = str(tmp_path / "other.db")
    (tmp_path / "out" / "broken").mkdir()
    (tmp_path / "out" / "broken" / "study.json").write_text("{")
    code, out, err = run("store", "add", tmp_path / "out", "--store", other, "--json")
    assert code == 3
    result = json.loads(out)
    assert (result["added"], result["known"], len(result["failed"])) == (2, 0, 1)
    assert "broken" in err
    assert [row["id"] for row in listed(run, other)] == [row["id"] for row in listed(run, place)]
    (tmp_path / "out" / "broken" / "study.json").unlink()
    (tmp_path / "out" / "comparison.json").write_text('{"schema": "spinemorph/comparison/1"}')
    code, _, err = run("store", "add", tmp_path / "out", "--store", other)
    assert (code, "0 added, 2 already" in err) == (0, True)
    for wrong in (tmp_path / "films", tmp_path / "absent.json", films / "film0.png"):
        assert run("store", "add", wrong, "--store", other)[0] == 1


def test_pseudonyms_from_a_key_in_a_file_or_the_environment(
    analyze, run, films, place, tmp_path, monkeypatch
):
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    analyze(films / "film0.png", "--pseudonymize", "--key-file", key)
    monkeypatch.setenv("SPINEMORPH_STORE_KEY", KEY)
    code, _, _ = analyze(films / "film1.png", "--pseudonymize")
    assert code == 0
    rows = listed(run, place)
    assert [row["film_uri"] for row in rows] == [None, None]
    assert all(row["file"].startswith("film-") for row in rows)
    monkeypatch.setenv("SPINEMORPH_STORE_KEY", "another key of 16 bytes")
    code, _, err = analyze(films, "--pseudonymize")
    assert (code, "another key" in err) == (1, True)
    monkeypatch.delenv("SPINEMORPH_STORE_KEY")
    code, _, err = analyze(films)
    assert (code, "keeps pseudonyms" in err) == (1, True)


@pytest.mark.parametrize("command", ["list", "show 0", "export -o x", "remove 0 --yes", "upgrade"])
def test_no_command_but_those_that_add_makes_a_store(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("store", *command.split(), "--store", "absent.db")
    assert code == 1
    assert "absent.db: there is none" in err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_one_line(run, analyze, films, place):
    analyze(films)
    with open(place, "r+b") as stream:  # noqa: PTH123
        stream.seek(4096)
        stream.write(b"\xff" * 20_000)
    for command in ("list", "export -o x", "remove 0 --yes"):
        code, _, err = run("store", *command.split(), "--store", place)
        assert code in {1, 2}
        assert err.count("\n") == 1, err


def test_a_file_that_may_only_be_read(analyze, films, place, tmp_path):
    """In a process of its own, that is not root."""
    analyze(films)
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everything, and there is no setpriv to be somebody else")
    shared = tmp_path / "shared"
    shared.mkdir()
    shutil.copy(place, shared / "studies.db")
    (shared / "studies.db").chmod(0o444)
    shared.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(folder.stat().st_mode | 0o055)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = other if os.geteuid() == 0 else []
    program = [*command, sys.executable, "-m", "spinemorph", "store"]
    readable = subprocess.run([*program, "--help"], capture_output=True, text=True, check=False)
    if readable.returncode:
        pytest.skip("nobody else may run the interpreter of these tests")
    where = ["--store", str(shared / "studies.db")]
    done = subprocess.run([*program, "list", *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 studies" in done.stdout
    done = subprocess.run(
        [*program, "remove", "--patient", "x", "--yes", *where],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "may only be read" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["sqlalchemy", "alembic", "psycopg"])
def test_without_the_extra_one_line_says_what_to_install(run, monkeypatch, tmp_path, module):
    for name in [each for each in sys.modules if each.startswith("spinemorph.store.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [each for each in sys.modules if each.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    place = "postgresql://me@127.0.0.1:1/x" if module == "psycopg" else tmp_path / "a.db"
    code, _, err = run("store", "add", tmp_path, "--store", place)
    assert code == 1
    assert f"needs {module}: pip install 'spinemorph[store]'" in err


def test_numbers_in_words():
    assert counted(1, "study") == "1 study"
    assert counted(0, "study") == "0 studies"
    assert counted(2, "film") == "2 films"
