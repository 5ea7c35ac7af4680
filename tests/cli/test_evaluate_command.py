"""evaluate and convert from the command line's point of view."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from spinemorph.cli import evaluate as command
from spinemorph.cli import main
from spinemorph.data.annotation import AnnotatedInstance, Annotation
from spinemorph.data.formats import find_format
from spinemorph.hookspecs import API, EvaluatorPlugin
from spinemorph.types import PixelSpacing

CORNERS = np.array([[50.0, 100], [100, 100], [50, 140], [100, 140]])


class CountOfBodies:
    def evaluate(self, predicted, reference):
        return {"bodies": len(predicted.instances)}


def evaluators():
    from spinemorph import builtins

    own = EvaluatorPlugin("count", "Counts", API, CountOfBodies, ("bodies",))
    return [*builtins.spinemorph_evaluators(), own]


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(command, "installed_evaluators", evaluators)


def square(top, category="lumbar", level=None, shift=0.0):
    ring = np.array([[50.0, top], [100, top], [100, top + 40], [50, top + 40]]) + shift
    corners = CORNERS + (0, top - 100) + shift
    return AnnotatedInstance(category, level, rings=(ring,), corners=corners)


def film(name, shift=0.0, pitch=50):
    levels = ("L1", "L2", "L3", "L4", "L5")
    bodies = [square(20 + pitch * i, "lumbar", level, shift) for i, level in enumerate(levels)]
    bodies.append(square(20 + pitch * 5, "sacrum", "S1", shift))
    spacing = PixelSpacing(0.5, 0.5, "calibrated")
    return Annotation(name, 400, 200, tuple(bodies), spacing=spacing)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    streams = capsys.readouterr()
    return stopped.value.code, streams.out, streams.err


def write(form, path, *films):
    find_format(form).write(films, path)
    return path


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("workers", [1, 2])
def test_writes_the_long_form(tmp_path, capsys, workers):
    ours = write("coco", tmp_path / "ours.json", film("a.png"), film("b.png", shift=2))
    theirs = write("via", tmp_path / "theirs.json", film("a.dcm"), film("b.dcm"))
    code, out, _ = run(
        capsys,
        "evaluate",
        ours,
        theirs,
        "-o",
        tmp_path / "r",
        "--model",
        "mine",
        "--fold",
        3,
        "--workers",
        workers,
        "--json",
    )
    assert code == 0
    table = rows(tmp_path / "r")
    assert list(table[0])[:9] == [
        "image",
        "model",
        "fold",
        "pixel_accuracy",
        "mean_accuracy",
        "mean_iou",
        "frequency_weighted_iou",
        "recognized",
        "composite_recognized",
    ]
    assert [(row["image"], row["model"], row["fold"]) for row in table] == [
        ("a.dcm", "mine", "3"),
        ("b.dcm", "mine", "3"),
    ]
    first, second = table
    assert float(first["mean_iou"]) == float(first["dice"]) == 1
    assert float(first["hausdorff95_px"]) == float(first["corner_error_mm"]) == 0
    assert first["recognized"] == first["composite_recognized"] == "1"
    iou = 48 * 38 / (2 * 2000 - 48 * 38)
    assert float(second["matched_iou"]) == pytest.approx(iou)
    assert float(second["corner_error_px"]) == pytest.approx(2 * np.sqrt(2))
    assert float(second["corner_error_mm"]) == pytest.approx(np.sqrt(2))
    assert float(second["corner_error_percent"]) == pytest.approx(2 * np.sqrt(2) / 40 * 100)
    assert float(second["hausdorff95_mm"]) == pytest.approx(float(second["hausdorff95_px"]) / 2)
    assert float(first["bodies"]) == 6
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary == json.loads(out)
    assert summary["metrics"]["recognized"] == {"n": 2, "mean": 1.0, "sd": 0.0}
    assert summary["rules"]["match_iou"] == 0.5


def test_class_masks_cannot_be_judged_for_overlaps(tmp_path, capsys):
    ours = write("study", tmp_path / "ours", film("a.png"))
    theirs = write("label-masks", tmp_path / "theirs", film("a.png"))
    assert run(capsys, "evaluate", ours, theirs, "-o", tmp_path / "r")[0] == 0
    assert rows(tmp_path / "r")[0]["recognized"] == "1"
    assert rows(tmp_path / "r")[0]["composite_recognized"] == ""


def test_fused_mask_fails_where_the_reference_overlaps(tmp_path, capsys):
    ours = write("label-masks", tmp_path / "ours", film("a.png", pitch=38))
    theirs = write("instance-masks", tmp_path / "theirs", film("a.png", pitch=38))
    assert run(capsys, "evaluate", ours, theirs, "-o", tmp_path / "r")[0] == 0
    row = rows(tmp_path / "r")[0]
    assert row["recognized"] == row["composite_recognized"] == "0"
    assert float(row["mean_iou"]) == 1


def test_a_readers_judgement_replaces_ours(tmp_path, capsys):
    ours = write("coco", tmp_path / "ours.json", film("a.png"), film("b.png"))
    judgements = tmp_path / "judged.csv"
    judgements.write_text("image,recognized\na.png,no\n")
    code, _, _ = run(
        capsys, "evaluate", ours, ours, "-o", tmp_path / "r", "--judgements", judgements
    )
    assert code == 0
    words = [(row["recognized"], row["composite_recognized"]) for row in rows(tmp_path / "r")]
    assert words == [("0", "0"), ("1", "1")]
    judgements.write_text("image,recognized\na.png,perhaps\n")
    code, _, err = run(
        capsys, "evaluate", ours, ours, "-o", tmp_path / "r", "--judgements", judgements
    )
    assert code == 1
    assert "line 2" in err


def test_one_bad_film_does_not_stop_the_others(tmp_path, capsys):
    ours = write("label-masks", tmp_path / "ours", film("a.png"), film("b.png"))
    theirs = write("label-masks", tmp_path / "theirs", film("a.png"), film("b.png"), film("c.png"))
    Image.fromarray(np.full((400, 200), 77, np.uint8)).save(ours / "b.png")
    code, out, err = run(capsys, "evaluate", ours, theirs, "-o", tmp_path / "r", "--json")
    assert code == 3
    document = json.loads(out)
    assert list(document["failed"]) == ["b"]
    assert "found [77]" in err
    assert document["without_prediction"] == ["c"]
    assert [row["image"] for row in rows(tmp_path / "r")] == ["a.png"]


def test_different_sizes_are_refused_by_name(tmp_path, capsys):
    ours = write("label-masks", tmp_path / "ours", film("a.png"))
    theirs = write("label-masks", tmp_path / "theirs", film("a.png"))
    Image.fromarray(np.zeros((40, 20), np.uint8)).save(ours / "a.png")
    code, _, err = run(capsys, "evaluate", ours, theirs, "-o", tmp_path / "r")
    assert code == 1
    assert "prediction is 40 x 20, the reference 400 x 200" in err


def test_no_film_in_common(tmp_path, capsys):
    ours = write("coco", tmp_path / "ours.json", film("a.png"))
    theirs = write("coco", tmp_path / "theirs.json", film("b.png"))
    code, _, err = run(capsys, "evaluate", ours, theirs, "-o", tmp_path / "r")
    assert code == 1
    assert "no film in common" in err


def test_via_without_size_takes_it_from_the_images(tmp_path, capsys):
    source = tmp_path / "via.json"
    region = {
        "shape_attributes": {"name": "rect", "x": 2, "y": 3, "width": 10, "height": 5},
        "region_attributes": {"vertebra": {"L3": True}},
    }
    broken = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {}}
    entry = {"filename": "a.png", "size": 1, "regions": [region, broken]}
    source.write_text(json.dumps({"a.png1": entry}))
    films = tmp_path / "films"
    films.mkdir()
    Image.new("L", (60, 80)).save(films / "a.png")
    code, _, err = run(capsys, "convert", source, tmp_path / "m", "--to", "label-masks")
    assert code == 1
    assert "give --images" in err
    code, out, err = run(
        capsys,
        "convert",
        source,
        tmp_path / "m",
        "--to",
        "label-masks",
        "--images",
        films,
        "--json",
    )
    assert code == 3
    assert "a.png, region 1" in err
    assert json.loads(out)["lost"] == {"levels": 1}
    mask = np.asarray(Image.open(tmp_path / "m" / "a.png"))
    assert mask.shape == (80, 60)
    assert mask.sum() == 50


def test_convert_renames_classes(tmp_path, capsys):
    coco = write("coco", tmp_path / "a.json", film("a.png"))
    text = coco.read_text().replace('"lumbar"', '"Wirbel"')
    coco.write_text(text)
    code, _, err = run(capsys, "convert", coco, tmp_path / "b.json", "--to", "via")
    assert (code, err.count("not a known class")) == (3, 5)
    arguments = ["convert", coco, tmp_path / "b.json", "--to", "via", "--class", "Wirbel=lumbar"]
    assert run(capsys, *arguments)[0] == 0
    assert run(capsys, *arguments[:-1], "Wirbel=femur")[0] == 2
    assert run(capsys, *arguments[:-1], "Wirbel")[0] == 2


def test_convert_refuses_to_overwrite_its_source(tmp_path, capsys):
    coco = write("coco", tmp_path / "a.json", film("a.png"))
    assert run(capsys, "convert", coco, coco, "--to", "via")[0] == 2
