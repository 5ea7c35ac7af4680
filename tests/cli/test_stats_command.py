"""stats and agreement from the command line's point of view."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from spinemorph.cli import main
from spinemorph.evaluate.figures.models import density, format_p
from spinemorph.evaluate.report.sheets import Sheet, figure, markdown


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    streams = capsys.readouterr()
    return stopped.value.code, streams.out, streams.err


def metrics(path, models=("Net A", "Netz B"), images=12):
    rng = np.random.default_rng(0)
    lines = ["image,model,fold,mean_iou,recognized"]
    for shift, model in enumerate(models):
        lines += [
            f"i{i},{model},1,{0.8 + 0.02 * shift + rng.normal(0, 0.02)},{int(i % 4 >= shift)}"
            for i in range(images)
        ]
    path.write_text("\n".join(lines))
    return path


def strict(path):
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_stats_writes_everything_and_the_same_again(tmp_path, capsys):
    table = metrics(tmp_path / "m.csv")
    first, second = tmp_path / "one", tmp_path / "two"
    code, out, _ = run(capsys, "stats", table, "-o", first, "--json")
    assert code == 0
    document = strict(first / "stats.json")
    assert document == json.loads(out)
    assert list(document) == ["omnibus", "posthoc", "normality", "summary"]
    assert set(document["omnibus"][0]) == {
        "metric",
        "test",
        "statistic",
        "p",
        "n",
        "effect",
        "reason",
    }
    assert set(document["posthoc"][0]) == {
        "metric",
        "method",
        "model_1",
        "model_2",
        "statistic",
        "p",
        "p_corrected",
        "reject",
        "effect",
        "ci95",
        "reason",
    }
    names = {path.name for path in first.iterdir()}
    assert names == {
        "stats.json",
        "tables.md",
        "tables.csv",
        "report.pdf",
        "density_mean_iou.png",
        "density_mean_iou.svg",
        "boxplot_mean_iou.png",
        "boxplot_mean_iou.svg",
        "rates_recognized.png",
        "rates_recognized.svg",
        "boxplot_recognized.png",
        "boxplot_recognized.svg",
    }
    assert (first / "density_mean_iou.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (first / "boxplot_mean_iou.svg").read_text()
    assert (first / "report.pdf").read_bytes()[:5] == b"%PDF-"
    assert "| Mean IoU | Netz B |" in (first / "tables.md").read_text()
    with (first / "tables.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["table"] for row in rows} == {"summary", "normality", "omnibus", "posthoc"}
    run(capsys, "stats", table, "-o", second)
    assert {path.name: path.read_bytes() for path in second.iterdir()} == {
        path.name: path.read_bytes() for path in first.iterdir()
    }


def test_stats_of_one_model_and_a_chosen_metric(tmp_path, capsys):
    table = metrics(tmp_path / "m.csv", models=("only",))
    code, _, _ = run(capsys, "stats", table, "-o", tmp_path / "r", "--metrics", "recognized")
    assert code == 0
    document = strict(tmp_path / "r" / "stats.json")
    assert not document["posthoc"]
    assert {row["metric"] for row in document["omnibus"]} == {"recognized"}
    assert run(capsys, "stats", table, "-o", tmp_path / "r", "--metrics", "iou")[0] == 2


def test_agreement_writes_everything(tmp_path, capsys):
    path = tmp_path / "long.csv"
    rng = np.random.default_rng(2)
    lines = [
        f"s{i},slip,{levels},{reader},{i + rng.normal()},mm"
        for i in range(9)
        for levels in ("L4-L5", "L5-S1")
        for reader in ("Änne", "model")
    ]
    path.write_text("study,measurement,levels,reader,value,unit\n" + "\n".join(lines))
    code, out, _ = run(capsys, "agreement", path, "-o", tmp_path / "r", "--json")
    assert code == 0
    records = strict(tmp_path / "r" / "agreement.json")["agreement"]
    assert records == json.loads(out)["agreement"]
    assert [(r["levels"], r["n"]) for r in records] == [("L4-L5", 9), ("L5-S1", 9), ("all", 18)]
    assert 0.5 < records[2]["icc_2_1"]["value"] < 1
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"bland_altman_slip_L4-L5.png", "scatter_slip_all.svg", "report.pdf"} <= names
    arguments = ("agreement", path, "-o", tmp_path / "r", "--measurements", "angle")
    assert run(capsys, *arguments)[0] == 2


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 30.0)])
def test_density_stays_inside_its_bounds_and_sums_to_one(low, high):
    values = np.random.default_rng(0).beta(1.1, 1.1, 80) * (high - low) + low
    grid = np.linspace(low - 20 * high, high + 20 * high, 40001)
    heights = density(values, grid)
    assert np.trapezoid(heights, grid) == pytest.approx(1, abs=0.01)
    assert not heights[grid < low].any()
    if high == 1:
        assert not heights[grid > high].any()


def test_words_for_numbers():
    assert [format_p(p) for p in (None, 0.0004, 0.0421, 1.0)] == ["–", "< 0.001", "0.042", "1.000"]
    assert [figure(v, 3) for v in (None, 0.0, 0.00002, 1.5)] == ["–", "0.000", "2.0e-05", "1.500"]
    text = markdown("T", [Sheet("S", ("a|b",), (("x",),), "note")])
    assert "| a\\|b |" in text
    assert text.endswith("note\n")
