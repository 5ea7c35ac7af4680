"""A new plugin installs and passes its own test; bad names are one line."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from spinemorph.cli import OK, WRONG_USE, main
from spinemorph.errors import UsageError
from spinemorph.scaffold import new_plugin


def ended(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    return stopped.value.code


def test_the_list_is_json_where_asked_for(capsys):
    assert ended("plugins", "--json") == OK
    listed = json.loads(capsys.readouterr().out)
    assert "compact" in {each["name"] for each in listed["plugins"]}


def test_the_files_of_a_new_plugin_carry_its_name(tmp_path, capsys):
    assert ended("plugins", "new", "two-words", "-o", tmp_path / "made") == OK
    root = tmp_path / "made" / "spinemorph-two-words"
    printed = capsys.readouterr().out.split("\n")[:-1]
    assert printed == [str(path) for path in sorted(root.rglob("*")) if path.is_file()]
    assert {str(Path(each).relative_to(root).as_posix()) for each in printed} == {
        "README.md",
        "pyproject.toml",
        "spinemorph_two_words/__init__.py",
        "spinemorph_two_words/segmenter.py",
        "tests/test_two_words.py",
    }
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["spinemorph"] == {"two-words": "spinemorph_two_words"}
    for path in printed:
        text = Path(path).read_text("utf-8")
        assert "{" + "{" not in text
        if path.endswith(".py"):
            compile(text, path, "exec")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Big", "no name for a plugin"),
        ("1st", "no name for a plugin"),
        ("a_b", "no name for a plugin"),
        ("a--b", "no name for a plugin"),
        ("-a", "no name for a plugin"),
        ("", "no name for a plugin"),
        ("../a", "no name for a plugin"),
        ("a/b", "no name for a plugin"),
        ("a\n", "no name for a plugin"),
        ("é", "no name for a plugin"),
        ("a" * 41, "no name for a plugin"),
        ("spinemorph-a", "leave out"),
        ("taken", "installed plugin"),
        ("other", "installed plugin"),
    ],
)
def test_a_bad_name_is_one_line_and_nothing_is_written(tmp_path, name, words):
    with pytest.raises(UsageError, match=words) as caught:
        new_plugin(name, tmp_path / "made", {"taken", "spinemorph-other"})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_an_installed_plugin_is_refused(tmp_path, capsys):
    for name in ("compact", "sacrum-first"):
        assert ended("plugins", "new", name, "-o", tmp_path) == WRONG_USE
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "installed plugin" in error
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path, capsys):
    there = tmp_path / "spinemorph-mine"
    there.mkdir()
    (there / "notes.txt").write_text("mine")
    assert ended("plugins", "new", "mine", "-o", tmp_path) == WRONG_USE
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["spinemorph-mine", "notes.txt"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        new_plugin("mine", tmp_path / "file" / "below")
    assert "\n" not in str(caught.value)


def test_a_new_plugin_installs_is_listed_and_passes_its_own_test(tmp_path):
    pytest.importorskip("hatchling", reason="building a plugin needs hatchling")
    new_plugin("my-model", tmp_path)
    made, target = tmp_path / "spinemorph-my-model", tmp_path / "installed"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(target), *(each for each in sys.path if each))),
        "PYTEST_ADDOPTS": "",
        "PIP_CONFIG_FILE": os.devnull,
    }

    def run(*command):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--disable-pip-version-check", "--target", str(target), str(made),
    )  # fmt: skip
    assert (target / "spinemorph_my_model" / "segmenter.py").is_file()
    listed = json.loads(run("spinemorph", "plugins", "--json"))
    assert ("my-model", "spinemorph-my-model 0.1.0") in {
        (each["name"], each["from"]) for each in listed["plugins"]
    }
    assert "1 passed" in run("pytest", "-q", "-p", "no:cacheprovider", str(made / "tests"))
