"""Every family the way its users take it: trained by the command, held to the contract, used on a film."""

from __future__ import annotations

import json
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch

from spinemorph.cli import OK, SOME_FAILED, main
from spinemorph.learn.weights_file import save_weights
from spinemorph.plugins import load_plugins
from spinemorph.testing import check_segmenter, draw_phantom, write_dataset, write_png

PLUGINS = Path(__file__).parents[1]
NAMES = sorted(path.parent.name for path in PLUGINS.glob("*/pyproject.toml"))
TINY = {"rows": 128, "columns": 96, "batch": 2, "epochs": 2}


def exit_code(*words) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("films"), 10)


@pytest.fixture(scope="module", params=NAMES)
def trained(request, dataset, tmp_path_factory) -> tuple[str, Path]:
    """Name and weights of a family that learned ten drawn films in a small window."""
    name = request.param
    if name not in {each.name for each in entry_points(group="spinemorph")}:
        pytest.skip(f"spinemorph-{name} is not installed (tox -e plugins does)")
    light = PLUGINS / name / f"spinemorph_{name}" / "presets" / "light.toml"
    text = light.read_text("utf-8")
    for key, value in TINY.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    folder = tmp_path_factory.mktemp(name)
    settings = folder / "settings.toml"
    settings.write_text(text, "utf-8")
    run = folder / "run"
    words = ["--segmenter", name, "--settings", settings, "--device", "cpu", "--test", 2, "--json"]
    for _ in ("trained", "taken up again and found done"):
        assert exit_code("train", dataset, "-o", run, *words) == OK
    return name, run / "fold-1" / "weights.safetensors"


def test_training_leaves_weights_with_a_manifest_and_a_curve(trained):
    name, weights = trained
    manifest = json.loads((weights.parent / "weights.json").read_text("utf-8"))
    assert (manifest["family"], manifest["seed"]) == (name, 1)
    assert manifest["settings"]["rows"] == TINY["rows"]
    assert (weights.parent / "curves.png").stat().st_size > 5000
    assert len((weights.parent / "log.csv").read_text("utf-8").splitlines()) == 1 + TINY["epochs"]
    assert len(json.loads((weights.parent / "test.json").read_text("utf-8"))["images"]) == 2


def test_it_keeps_the_contract_of_segmenters(trained, tmp_path):
    name, weights = trained
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, {"weight": torch.zeros(2)}, {"family": "another", "settings": {}})
    create = load_plugins().segmenter(name).create
    check_segmenter(create, weights=weights, foreign_weights=[foreign])


def test_it_is_used_by_its_name_and_says_which_weights(trained, tmp_path):
    name, weights = trained
    write_png(draw_phantom(450, 300).radiograph.pixels, tmp_path / "film.png")
    words = ["--segmenter", name, "--weights", weights, "--device", "cpu", "--formats", "json"]
    assert exit_code("analyze", tmp_path / "film.png", "-o", tmp_path, *words) in {OK, SOME_FAILED}
    study = json.loads((tmp_path / "film" / "study.json").read_text("utf-8"))
    assert study["manifest"]["segmenter"] == name
    sha256 = json.loads((weights.parent / "weights.json").read_text("utf-8"))["sha256"]
    assert study["manifest"]["weights_sha256"] == sha256
