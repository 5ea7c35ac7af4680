import json
import shutil
from pathlib import Path

import pytest

from spinemorph.cli import main

VISITS = Path(__file__).parents[2] / "examples" / "visits"
FILMS = sorted(VISITS.glob("*.json"))


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments)])
    return stopped.value.code


def changed(path, folder, **source):
    """A copy of a study with another source."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document["source"].update(source)
    target = folder / f"{path.stem}-changed.json"
    target.write_text(json.dumps(document), encoding="utf-8")
    return target


def test_studies_are_compared_without_their_films(tmp_path, capsys):
    assert run(*FILMS, "-o", tmp_path / "out", "--formats", "json,csv") == 0
    document = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    dates = [film["date"] for film in document["films"]]
    assert dates == sorted(dates)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.json",
        "changes.csv",
    }
    assert document["summary"][0][:30] in capsys.readouterr().out


def test_json_on_stdout_is_the_document_alone(tmp_path, capsys):
    assert run(*FILMS, "-o", tmp_path, "--formats", "json", "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["schema"] == "spinemorph/comparison/1"
    assert "results:" in captured.err


def test_the_day_of_surgery_is_taken(tmp_path, capsys):
    assert (
        run(*FILMS, "-o", tmp_path, "--formats", "json", "--json", "--surgery", "2024-01-30") == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["surgery"] == {"date": "2024-01-30", "basis": "given"}


def test_another_patient_is_refused_unless_overridden(tmp_path, capsys):
    other = changed(FILMS[1], tmp_path, patient_id="SOMEBODY-ELSE")
    assert run(FILMS[0], other, "-o", tmp_path / "out", "--formats", "json") == 2
    assert "--other-patient" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(FILMS[0], other, "-o", tmp_path / "out", "--formats", "json", "--other-patient") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--surgery", "yesterday"], 2, "no date"),
        (["--language", "xx"], 2, "xx"),
        (["--formats", "docx"], 2, "docx"),
        (["--spacing", "0.2"], 2, "--spacing-for-all"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, capsys, arguments, code, words):
    assert run(*FILMS[:2], "-o", tmp_path / "out", *arguments) == code
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_one_film_is_wrong_use(tmp_path):
    assert run(FILMS[0], "-o", tmp_path) == 2


@pytest.mark.parametrize("content", [None, "not json", '{"schema": "other"}'])
def test_a_bad_input_is_named(tmp_path, capsys, content):
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    assert run(FILMS[0], bad, "-o", tmp_path / "out") == 1
    assert str(bad) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_film_beside_a_study_is_used_when_it_is_the_same_file(tmp_path):
    import hashlib

    from spinemorph.cli.compare import film_of
    from spinemorph.report.json_writer import read_study
    from spinemorph.testing import draw_phantom, write_png

    film = write_png(draw_phantom(450, 300).radiograph.pixels, tmp_path / "film.png")
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    (tmp_path / "study").mkdir()
    path = changed(FILMS[0], tmp_path / "study", file="film.png", sha256=digest)
    assert film_of(read_study(path), path).rows == 450
    other = changed(FILMS[0], tmp_path / "study", file="film.png", sha256="0" * 64)
    assert film_of(read_study(other), other) is None
    outside = changed(FILMS[0], tmp_path / "study", file="../film.png", sha256=digest)
    shutil.copy(film, tmp_path.parent / "film.png")
    assert film_of(read_study(outside), outside) is None
