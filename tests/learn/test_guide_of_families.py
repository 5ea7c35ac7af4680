"""The trainable family of docs/write-a-plugin.md is found, trains and analyses a film."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spinemorph.testing import draw_phantom, write_dataset, write_png

GUIDE = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"


@pytest.fixture
def program(tmp_path):
    """Runs the command line where the plugin of the guide is installed."""
    if not GUIDE.exists():
        pytest.skip("the documentation is not here")
    text = GUIDE.read_text(encoding="utf-8")
    second = text[text.index("## A model that can be trained") :]
    files = re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", second, re.MULTILINE | re.DOTALL)
    assert [Path(name).suffix for name, _ in files] == [".py", ".py", ".toml"]
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    info = tmp_path / "spinemorph_tiny-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spinemorph-tiny\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[spinemorph]\ntiny = spinemorph_tiny\n")
    path = [str(tmp_path), *(str(Path(each).resolve()) for each in sys.path if each)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "spinemorph", *map(str, arguments)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_family_of_the_guide_trains_and_finds_the_bodies_of_a_film(program, tmp_path):
    films = write_dataset(tmp_path / "films")
    (result,) = json.loads(
        program("train", "--segmenter", "tiny", films, "-o", "run", "--device", "cpu", "--json")
    )
    assert result["mean_iou"] > 0.6  # background alone gives 0.29
    write_png(draw_phantom().radiograph.pixels, tmp_path / "film.png")
    weights = tmp_path / "run" / "fold-1" / "weights.safetensors"
    program(
        "analyze", "film.png", "-o", "results", "--segmenter", "tiny", "--weights", weights,
        "--formats", "json",
    )  # fmt: skip
    study = json.loads((tmp_path / "results" / "film" / "study.json").read_text("utf-8"))
    assert study["manifest"]["segmenter"] == "tiny"
    assert len(study["vertebrae"]) >= 5
