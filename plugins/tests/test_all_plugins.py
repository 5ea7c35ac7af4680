"""All plugins in one environment, and broken ones beside them: named, and harmless."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from spinemorph.cli import NOTHING_DONE, OK, SOME_FAILED
from spinemorph.errors import WeightsError
from spinemorph.hookspecs import API
from spinemorph.testing import draw_phantom, write_png

PLUGINS = Path(__file__).parents[1]
NAMES = sorted(path.parent.name for path in PLUGINS.glob("*/pyproject.toml"))
HEAVY = ("torch", "torchvision", "segmentation_models_pytorch", "timm", "ultralytics")
HOOK = """
import numpy as np
import spinemorph
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.types import Box, Instance

class Model:
    def __init__(self, weights=None, device="cpu"):
        self.device = "cpu"

    def segment(self, radiograph):
        {answer}

@spinemorph.hookimpl
def spinemorph_segmenters():
    return [SegmenterPlugin("{name}", "broken on purpose", {api}, Model)]
"""
LARGER = (
    "rows, columns = 2 * radiograph.rows, 2 * radiograph.columns; "
    "return [Instance('lumbar', 0.9, np.ones((rows, columns), bool), Box(0, 0, rows, columns))]"
)
BROKEN = {
    "fails-to-import": "import a_module_that_is_not_there\n",
    "wrong-api": HOOK.format(name="wrong-api", api=99, answer="return []"),
    "wrong-shape": HOOK.format(name="wrong-shape", api=1, answer=LARGER),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The broken distributions on the path, before everything that is installed."""
    folder = tmp_path_factory.mktemp("broken")
    for name, code in BROKEN.items():
        module = f"spinemorph_{name.replace('-', '_')}"
        (folder / f"{module}.py").write_text(code, encoding="utf-8")
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: spinemorph-{name}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[spinemorph]\n{name} = {module}\n")
    path = [str(folder), *(str(Path(each).resolve()) for each in sys.path if each)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def program(environment, tmp_path):
    write_png(draw_phantom().radiograph.pixels, tmp_path / "film.png")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "spinemorph", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_plugin_is_described_as_the_others_are(name):
    project = tomllib.loads((PLUGINS / name / "pyproject.toml").read_text("utf-8"))["project"]
    package = f"spinemorph_{name}"
    assert project["name"] == f"spinemorph-{name}"
    assert project["license"] == ("AGPL-3.0-only" if name == "yolo" else "Apache-2.0")
    assert project["entry-points"]["spinemorph"] == {name: package}
    assert "spinemorph[train]" in project["dependencies"]
    assert (PLUGINS / name / project["readme"]).is_file()
    for preset in ("light", "full"):
        assert (PLUGINS / name / package / "presets" / f"{preset}.toml").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_its_hook_describes_a_segmenter_that_can_be_trained_and_needs_weights(name):
    (plugin,) = pytest.importorskip(f"spinemorph_{name}").spinemorph_segmenters()
    assert (plugin.name, plugin.api) == (name, API)
    assert plugin.train is not None
    with pytest.raises(WeightsError, match="spinemorph train"):
        plugin.create(weights=None, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_its_hook_loads_no_heavy_library(name):
    pytest.importorskip(f"spinemorph_{name}")
    code = (
        f"import sys, spinemorph_{name} as p; p.spinemorph_segmenters();"
        f"print([each for each in {HEAVY} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def installed():
    return {each.name for each in entry_points(group="spinemorph")} >= set(NAMES)


@pytest.mark.skipif(not installed(), reason="not all plugins are installed (tox -e plugins does)")
def test_all_plugins_are_listed_and_the_broken_ones_with_their_faults(program):
    run = program("plugins", "--json")
    assert run.returncode == OK, run.stderr
    listed = json.loads(run.stdout)
    owners = {each["name"]: each["from"] for each in listed["plugins"]}
    for name in NAMES:
        assert owners[name].startswith(f"spinemorph-{name} ")


def test_what_cannot_be_loaded_is_named_with_its_reason(program):
    listed = json.loads(program("plugins", "--json").stdout)
    faults = {each["from"]: each["error"] for each in listed["broken"]}
    assert "a_module_that_is_not_there" in faults["spinemorph-fails-to-import"]
    assert "api 99" in faults["spinemorph-wrong-api"]
    assert "compact" in {each["name"] for each in listed["plugins"]}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails-to-import", "a_module_that_is_not_there"),
        ("wrong-api", "api 99"),
        ("wrong-shape", "lies outside the film"),
    ],
)
def test_who_asks_for_a_broken_one_is_told_which_and_why(program, name, words):
    run = program("analyze", "film.png", "-o", "results", "--segmenter", name, "--formats", "json")
    assert run.returncode in {NOTHING_DONE, SOME_FAILED}
    said = " ".join((run.stdout + run.stderr).split())
    assert name in said
    assert words in said
    assert "Traceback" not in said


def test_who_asks_for_another_one_gets_it(program, tmp_path):
    run = program("analyze", "film.png", "-o", "results", "--formats", "json")
    assert run.returncode == OK, run.stderr
    assert (tmp_path / "results" / "film" / "study.json").is_file()
