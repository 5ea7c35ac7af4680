"""``spinemorph analyze``: exit codes, batches, names of results, JSON, and the example film."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from spinemorph.cli import main
from spinemorph.hookspecs import API, SegmenterPlugin
from spinemorph.plugins import Plugins, Registered, load_plugins
from spinemorph.testing import PhantomSegmenter, draw_phantom, write_png

EXAMPLE = Path(__file__).parents[2] / "examples" / "lateral_lumbar.dcm"
#: True lordosis of the example film, printed by examples/make.py.
TRUE_LORDOSIS = 41.5


class Fragile(PhantomSegmenter):
    """Has a bug that one film brings out."""

    def segment(self, radiograph):
        if radiograph.source.file.startswith("bug"):
            raise ZeroDivisionError("a bug")
        return super().segment(radiograph)


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    """The installed plugins and two segmenters of drawn films."""
    more = tuple(
        Registered("segmenter", SegmenterPlugin(name, "Drawn films", API, create), "a-test", "1")
        for name, create in (("phantom", PhantomSegmenter), ("fragile", Fragile))
    )
    found = Plugins(load_plugins().registered + more)
    monkeypatch.setattr("spinemorph.cli.batch.load_plugins", lambda: found)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return write_png(draw_phantom(500, 340).radiograph.pixels, folder / "film.png")


@pytest.fixture
def run(capsys, tmp_path):
    """Run analyze with the phantom segmenter into ``tmp_path / "out"``: (code, stdout, stderr)."""

    def run_it(*arguments, segmenter="phantom", formats="json"):
        command = ["analyze", *map(str, arguments), "-o", str(tmp_path / "out")]
        command += ["--segmenter", segmenter, "--formats", formats]
        with pytest.raises(SystemExit) as stop:
            main(command)
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run_it


def results(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").iterdir())


def test_one_film(run, film, tmp_path):
    code, out, err = run(film)
    assert code == 0
    assert results(tmp_path) == ["film"]
    assert "T12-S1" in out
    assert "results:" in out
    assert "no_pixel_spacing" in out or "none" in out
    assert "Traceback" not in err


def test_the_table_fits_in_80_columns(run, film, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(film)
    table = [line for line in out.splitlines() if not line.startswith("results:")]
    assert max(map(len, table)) <= 80


def test_json_on_stdout_is_valid_and_the_table_goes_to_stderr(run, film):
    code, out, err = run(film, "--json", "--spacing", "0.3,0.2")
    assert code == 0
    (entry,) = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert entry["error"] is None
    assert entry["study"]["schema"] == "spinemorph/study/1"
    assert entry["study"]["image"]["pixel_spacing_mm"] == [0.3, 0.2]
    assert entry["study"]["image"]["spacing_basis"] == "user"
    assert "lordosis" in err
    assert "lordosis L1-S1" not in out


def test_one_bad_film_does_not_stop_the_others(run, film, tmp_path):
    bad = tmp_path / "broken.png"
    bad.write_bytes(film.read_bytes()[:200])
    code, out, _ = run(film, bad, tmp_path / "absent.png")
    assert code == 3
    assert results(tmp_path) == ["film"]
    assert "broken.png" in out
    assert "absent.png: no such file" in out
    assert "1 done, 2 failed" in out


def test_a_bug_on_one_film_does_not_stop_the_others_and_keeps_its_traceback(run, film, tmp_path):
    for name in ("a.png", "bug.png", "c.png"):
        shutil.copy(film, tmp_path / name)
    code, out, err = run(*sorted(tmp_path.glob("*.png")), segmenter="fragile")
    assert code == 3
    assert results(tmp_path) == ["a", "c"]
    assert "ZeroDivisionError" in out
    assert "Traceback" in err


@pytest.mark.parametrize("name", ["absent.png", "no*match.png"])
def test_nothing_that_could_be_done_is_one(run, tmp_path, name):
    code, out, err = run(tmp_path / name)
    assert code == 1
    assert name in out + err


def test_an_empty_folder_is_said(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    code, out, err = run(tmp_path / "nothing")
    assert code == 1
    assert "empty" in out + err
    assert not (tmp_path / "out").exists()


def test_a_folder_is_searched_and_what_is_no_film_is_named(run, film, tmp_path):
    folder = tmp_path / "films" / "deep"
    folder.mkdir(parents=True)
    shutil.copy(film, folder / "one.png")
    (folder / "notes.txt").write_text("no film")
    code, out, _ = run(tmp_path / "films")
    assert code == 0
    assert results(tmp_path) == ["one"]
    assert "skipped" in out
    assert "notes.txt" in out


def test_a_batch_is_summed_up(run, film, tmp_path):
    bad = tmp_path / "broken.png"
    bad.write_bytes(film.read_bytes()[:200])
    for name in ("a.png", "cohort.csv.png"):
        shutil.copy(film, tmp_path / name)
    arguments = [tmp_path / name for name in ("a.png", "cohort.csv.png", "broken.png")]
    code, _, _ = run(*arguments, "--language", "de", formats="csv,pdf")
    assert code == 3
    assert results(tmp_path) == ["a", "cohort.csv", "cohort.pdf", "film_cohort.csv"]
    with (tmp_path / "out" / "cohort.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["study"], row["status"]) for row in rows] == [
        ("a", "done"),
        ("film_cohort.csv", "done"),
        ("", "failed"),
    ]
    assert "broken.png" in rows[2]["reason"]
    with (tmp_path / "out" / "a" / "measurements.csv").open(encoding="utf-8") as stream:
        values = {row["name"]: row["value"] for row in csv.DictReader(stream)}
    assert rows[0]["lumbar_lordosis:L1-S1"] == values["lumbar_lordosis"]
    assert (tmp_path / "out" / "cohort.pdf").read_bytes().startswith(b"%PDF-")


def test_one_film_is_no_batch(run, film, tmp_path):
    assert run(film, formats="csv,pdf")[0] == 0
    assert results(tmp_path) == ["film"]


def test_a_summary_that_cannot_be_written_is_said(run, film, tmp_path):
    shutil.copy(film, tmp_path / "b.png")
    (tmp_path / "out" / "cohort.csv").mkdir(parents=True)
    code, out, _ = run(film, tmp_path / "b.png", formats="csv")
    assert code == 3
    assert "cohort.csv: cannot be written" in out
    assert "Traceback" not in out


@pytest.mark.parametrize("arguments", [("--language", "fr"), ("--page", "a3")])
def test_unknown_languages_and_pages_are_wrong_use(run, film, arguments):
    assert run(film, *arguments)[0] == 2


def test_a_writer_gets_the_choices_that_it_asks_for(run, film, tmp_path):
    code, _, _ = run(film, "--language", "de", "--page", "letter", formats="html,pdf")
    assert code == 0
    assert '<html lang="de">' in (tmp_path / "out" / "film" / "report.html").read_text("utf-8")
    pypdf = pytest.importorskip("pypdf")
    page = pypdf.PdfReader(tmp_path / "out" / "film" / "report.pdf").pages[0]
    assert [float(side) for side in page.mediabox[2:]] == [612, 792]


def test_a_glob(run, film, tmp_path):
    for name in ("a1.png", "a2.png", "b1.png"):
        shutil.copy(film, tmp_path / name)
    assert run(tmp_path / "a*.png")[0] == 0
    assert results(tmp_path) == ["a1", "a2"]


def test_films_of_the_same_name_get_their_own_folders(run, film, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(film, tmp_path / folder / "Film 1.png")
    shutil.copy(film, tmp_path / "b" / "film_1.png")
    code, _, _ = run(tmp_path / "a", tmp_path / "b")
    assert code == 0
    names = results(tmp_path)
    assert len({name.lower() for name in names}) == 3
    assert all(name.lower().startswith("film_1-") for name in names)


@pytest.mark.parametrize("name", ["...png", "-rf.png", "con.png", "x:y|z.png", "ä ö.png"])
def test_results_never_leave_their_folder(run, film, tmp_path, name):
    shutil.copy(film, tmp_path / name)
    code, _, _ = run(tmp_path / name)
    assert code == 0
    (found,) = results(tmp_path)
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert found[0] not in ".-"
    assert found.lower() != "con"
    assert (tmp_path / "out" / found / "study.json").is_file()


def test_a_scale_for_several_films_has_to_be_meant(run, film, tmp_path):
    other = tmp_path / "other.png"
    shutil.copy(film, other)
    code, _, err = run(film, other, "--spacing", "0.2")
    assert code == 2
    assert "--spacing-for-all" in err
    assert not (tmp_path / "out").exists()
    assert run(film, other, "--spacing", "0.2", "--spacing-for-all")[0] == 0


@pytest.mark.parametrize("value", ["0", "-1", "a", "0.1,0.2,0.3", "nan", "inf", "", "0.1,"])
def test_an_impossible_scale_is_wrong_use(run, film, value):
    code, _, err = run(film, "--spacing", value)
    assert code == 2
    assert "ROW,COL" in err


def test_an_unknown_segmenter_is_wrong_use_and_the_known_ones_are_named(run, film):
    code, _, err = run(film, segmenter="nobody")
    assert code == 2
    assert "known: compact, fragile, phantom" in err
    assert len(err.strip().splitlines()) == 1


def test_an_unknown_format_is_wrong_use(run, film):
    code, _, err = run(film, formats="json,docx")
    assert code == 2
    assert "known: csv, html, json, pdf, png" in err


def test_missing_weights_are_wrong_use_and_damaged_ones_an_error(run, film, tmp_path):
    assert run(film, "--weights", tmp_path / "absent.zip", segmenter="compact")[0] == 2
    (tmp_path / "bad.zip").write_bytes(b"no weights")
    code, _, err = run(film, "--weights", tmp_path / "bad.zip", segmenter="compact")
    assert code == 1
    assert "not weights" in err
    assert len(err.strip().splitlines()) == 1


def test_options_are_checked(run, film):
    assert run(film, "--facing", "up")[0] == 2
    assert run(film, "--device", "tpu")[0] == 2
    assert run("--facing", "left")[0] == 2


def test_a_second_run_replaces_the_first(run, film, tmp_path):
    assert run(film)[0] == 0
    study = tmp_path / "out" / "film" / "study.json"
    study.write_text("of yesterday")
    assert run(film)[0] == 0
    json.loads(study.read_text("utf-8"))
    assert results(tmp_path) == ["film"]


def test_results_are_not_taken_for_films(run, film, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(film.parent, folder)
    assert run(folder, formats="json,png")[0] == 0
    code, out, _ = run(folder, formats="json,png")
    assert code == 0
    assert "a result, not a film" in out


def test_noise_is_flagged_and_nothing_is_measured(run, tmp_path):
    noise = np.random.default_rng(0).random((400, 300), dtype=np.float32)
    path = write_png(noise, tmp_path / "noise.png")
    code, out, _ = run(path, "--json", segmenter="compact")
    assert code == 0
    (entry,) = json.loads(out)
    assert all(item["value"] is None for item in entry["study"]["measurements"])
    assert set(entry["study"]["flags"]) & {"not_lateral_lumbar", "no_bodies", "no_sacrum"}


def test_the_example_film_from_end_to_end(run, tmp_path):
    if not EXAMPLE.is_file():
        pytest.skip("the examples lie beside the sources, not in the package")
    code, out, _ = run(EXAMPLE, segmenter="compact", formats="pdf,json,csv,png")
    assert code == 0
    assert "T12-S1" in out or "T11-S1" in out
    folder = tmp_path / "out" / "lateral_lumbar"
    assert sorted(path.name for path in folder.iterdir()) == [
        "measurements.csv",
        "overlay.png",
        "report.pdf",
        "study.json",
    ]
    study = json.loads((folder / "study.json").read_text("utf-8"))
    levels = [body["level"] for body in study["vertebrae"]]
    assert levels[-7:] == ["T12", "L1", "L2", "L3", "L4", "L5", "S1"]
    assert "numbering_uncertain" not in study["flags"]
    (lordosis,) = [m for m in study["measurements"] if m["name"] == "lumbar_lordosis"]
    assert lordosis["value"] == pytest.approx(TRUE_LORDOSIS, abs=4)
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "overlay.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(study["measurements"])


def test_femoral_heads_give_the_pelvic_angles(run, tmp_path):
    phantom = draw_phantom(900, 600, sacral_slope=38)
    path = write_png(phantom.radiograph.pixels, tmp_path / "hips.png")
    middle = phantom.instances[-1].corners[:2].mean(axis=0)
    code, out, _ = run(path, "--femoral-heads", f"{middle[0]:.1f},{middle[1] + 40:.1f}", "--json")
    assert code == 0
    study = json.loads(out)[0]["study"]
    assert study["femoral_heads"] == [pytest.approx([middle[0], middle[1] + 40], abs=0.1)]
    assert "femoral_heads_given" in study["flags"]
    values = {item["name"]: item["value"] for item in study["measurements"]}
    assert values["pelvic_incidence"] == pytest.approx(38, abs=4)


@pytest.mark.parametrize("words", ["12", "1,2,3", "a,b", "-4,5", "1,nan"])
def test_femoral_heads_that_are_no_points_are_refused(run, film, words):
    code, _, err = run(film, f"--femoral-heads={words}")
    assert code == 2
    assert "X,Y" in err


def test_femoral_heads_belong_to_one_film_and_lie_on_it(run, film, tmp_path):
    other = tmp_path / "other.png"
    shutil.copy(film, other)
    assert run(film, other, "--femoral-heads", "10,10")[0] == 2
    code, out, _ = run(film, "--femoral-heads", "10,4000")
    assert code == 1
    assert "outside the film" in out
