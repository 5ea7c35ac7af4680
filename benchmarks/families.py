"""The model families trained on simulated films with their light presets, and what they find on new ones.

    python benchmarks/families.py WORK --anatomy DIR [--only NAME ...] [--table FOLDER]

Makes ``WORK/train`` (seeds from 1,300,000) and ``WORK/test`` (from 1,310,000) with ``spinemorph
simulate``, trains every family with ``spinemorph train`` (done ones are kept, an interrupted one goes
on), lets it and the embedded model find the bodies of the test films, scores them with ``spinemorph
evaluate`` and compares them with ``spinemorph stats``. ``--only`` trains these alone, without a table,
so that several can run beside each other. ``--table``: where table.md and the pictures go.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spinemorph.data.annotation import AnnotatedInstance, Annotation, class_mask
from spinemorph.data.coco import write_coco
from spinemorph.learn.dataset import FilmSet, open_films
from spinemorph.learn.inference import parameters
from spinemorph.learn.predict import write_predictions
from spinemorph.plugins import load_plugins
from spinemorph.read import read_radiograph
from spinemorph.types import Box

INSTANCE = ("maskrcnn", "yolact", "yolo")
SEMANTIC = ("unet", "deeplabv3", "pspnet")
TRAIN_SEED, TEST_SEED = 1_300_000, 1_310_000
COLUMNS = (
    "mean_iou",
    "pixel_accuracy",
    "mean_accuracy",
    "frequency_weighted_iou",
    "recognized",
    "composite_recognized",
)
PROGRAM = [sys.executable, "-m", "spinemorph"]


def run(*arguments: Any) -> None:
    subprocess.run([*PROGRAM, *map(str, arguments)], check=True)  # noqa: S603  our own program


def films(folder: Path, count: int, seed: int, anatomy: Path | None) -> FilmSet:
    """Simulated films, made where they are missing."""
    missing = count - len(list(folder.glob("film_*.json")))
    if missing > 0:
        source = ["--anatomy", anatomy] if anatomy else []
        run("simulate", "-o", folder, "-n", missing, "--seed", seed + count - missing, *source)
    return open_films(folder)


def train(family: str, data: Path, work: Path) -> dict[str, Any]:
    """Train with the light preset; the facts of the one fold."""
    run("train", data, "-o", work / family, "--segmenter", family, "--seed", 1)
    found: dict[str, Any] = json.loads((work / family / "fold-1" / "done.json").read_text("utf-8"))
    return found


def predict(family: str, weights: Path | None, test: FilmSet, target: Path) -> dict[str, Any]:
    """Find the bodies of all test films; seconds a film of the segmenter alone, and its size."""
    segmenter = load_plugins().segmenter(family).create(weights=weights, device="cpu")
    first = [read_radiograph(film.image) for film in test.films[:11]]
    segmenter.segment(first[0])
    took = []
    for film in first[1:]:
        started = time.perf_counter()
        segmenter.segment(film)
        took.append(time.perf_counter() - started)
    problems = write_predictions(segmenter, test.films, target)
    for problem in problems:
        print(problem)
    network = getattr(segmenter, "_network", None)
    return {
        "seconds": float(np.median(took)),
        "parameters": parameters(network) if network is not None else None,
    }


def trivial(train_set: FilmSet, test: FilmSet, target: Path) -> None:
    """The commonest class of every place of the training films, stretched to each test film."""
    counts = np.zeros((3, 512, 256))
    for film in train_set.films[:300]:
        labels = class_mask(film.read()[1]).astype(np.uint8)
        placed = cv2.resize(labels, (256, 512), interpolation=cv2.INTER_NEAREST)
        counts += np.stack([placed == k for k in range(3)])
    commonest = counts.argmax(axis=0).astype(np.uint8)

    def annotations() -> Any:
        for film in test.films:
            rows, columns = read_radiograph(film.image).pixels.shape
            common = cv2.resize(commonest, (columns, rows), interpolation=cv2.INTER_NEAREST)
            instances = tuple(
                AnnotatedInstance(
                    name,
                    score=1.0,
                    outline_mask=common == label,
                    outline_box=Box(0, 0, *common.shape),
                )
                for label, name in ((1, "lumbar"), (2, "sacrum"))
                if (common == label).any()
            )
            yield Annotation(film.image.name, rows, columns, instances)

    write_coco(annotations(), target)


def scores(path: Path) -> dict[str, dict[str, float | None]]:
    """Metrics by film."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            row["image"]: {name: float(row[name]) if row[name] else None for name in COLUMNS}
            for row in csv.DictReader(stream)
        }


def mean(table: dict[str, dict[str, float | None]], name: str) -> float:
    return float(np.mean([row[name] for row in table.values() if row[name] is not None]))


def difference(tables: dict[str, Any], name: str) -> tuple[float, float, float]:
    """Instance minus semantic families in percent, mean over films, with a bootstrap 95 % interval."""
    images = sorted(set.intersection(*(set(table) for table in tables.values())))
    rows = []
    for image in images:
        means = []
        for group in (INSTANCE, SEMANTIC):
            values = [tables[f][image][name] for f in group if f in tables]
            means.append(np.mean([v for v in values if v is not None] or [np.nan]))
        rows.append(100 * (means[0] - means[1]))
    values = np.array([row for row in rows if np.isfinite(row)])
    rng = np.random.default_rng(1)
    drawn = rng.choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def table(work: Path, target: Path, test: FilmSet, train_set: FilmSet) -> None:
    target.mkdir(parents=True, exist_ok=True)
    facts: dict[str, dict[str, Any]] = {}
    names = [n for n in (*INSTANCE, *SEMANTIC) if (work / n / "fold-1/done.json").exists()]
    for name in [*names, "compact", "trivial"]:
        folder = work / "predicted" / name
        folder.mkdir(parents=True, exist_ok=True)
        found = folder / f"{name}.json"
        if name == "trivial":
            trivial(train_set, test, found)
            facts[name] = {}
        else:
            done = work / name / "fold-1"
            weights = done / "weights.safetensors" if name in names else None
            facts[name] = predict(name, weights, test, found)
            if name in names:
                result = json.loads((done / "done.json").read_text("utf-8"))
                facts[name] |= {"epochs": result["epochs"], "minutes": result["seconds"] / 60}
        run("evaluate", found, test.source, "-o", folder, "--model", name)
    tables = {name: scores(work / "predicted" / name / "metrics.csv") for name in facts}
    titles = (
        "model", "kind", "mean IoU", "pixel accuracy", "mean accuracy", "frequency weighted IoU",
        "recognition", "composite recognition", "s a film", "parameters", "epochs", "minutes",
    )  # fmt: skip
    about = (
        f"{len(train_set.films)} films to learn from, a fifth of them only to watch; {len(test.films)} new "
        "ones to judge by. Light presets on one processor core, from random weights; `minutes` are those of "
        "a machine that did other work beside. Percent are means over the films. `compact` is the embedded "
        "model, `trivial` the commonest class of every place. Tests and plots of the paper's statistics are "
        "in this folder, with the learning curve and the manifest of every run. Recognition asks for every "
        "body of a film, also thoracic ones that its edge cuts; the embedded model leaves these out."
    )
    lines = [
        "# Model families on simulated films",
        "",
        "    python benchmarks/families.py WORK --anatomy ANATOMY",
        "",
        about,
        "",
        f"| {' | '.join(titles)} |",
        "|---|---" + "|--:" * (len(titles) - 2) + "|",
    ]
    for name, fact in facts.items():
        kind = "instance" if name in INSTANCE else "semantic" if name in SEMANTIC else "-"
        values = " | ".join(f"{100 * mean(tables[name], column):.1f}" for column in COLUMNS)
        seconds = f"{fact['seconds']:.3f}" if "seconds" in fact else "-"
        size = f"{fact['parameters'] / 1e6:.1f} M" if fact.get("parameters") else "-"
        spent = f"{fact['epochs']} | {fact['minutes']:.0f}" if "minutes" in fact else "- | -"
        lines.append(f"| {name} | {kind} | {values} | {seconds} | {size} | {spent} |")
    lines += [
        "",
        "Instance minus semantic families, percent of films, 95 % interval (bootstrap of films):",
        "",
    ]
    families = {name: tables[name] for name in names}
    for name in ("recognized", "composite_recognized", "mean_iou"):
        value, low, high = difference(families, name)
        lines.append(f"* {name}: {value:+.1f} ({low:+.1f} to {high:+.1f})")
    text = "\n".join(lines) + "\n"
    (target / "table.md").write_text(text, "utf-8")
    print(text)
    sheets = [work / "predicted" / name / "metrics.csv" for name in [*names, "compact"]]
    run("stats", *sheets, "-o", work / "stats", "--metrics", ",".join(COLUMNS))
    for file in (work / "stats").iterdir():
        if file.suffix in {".md", ".png"}:
            shutil.copy(file, target / file.name)
    for name in names:
        shutil.copy(work / name / "fold-1" / "curves.png", target / f"curves_{name}.png")
        shutil.copy(work / name / "fold-1" / "weights.json", target / f"manifest_{name}.json")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--films", type=int, default=700)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=(*INSTANCE, *SEMANTIC))
    parser.add_argument("--table", type=Path, default=Path("reports/families"))
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options.work.mkdir(parents=True, exist_ok=True)
    train_set = films(options.work / "train", options.films, TRAIN_SEED, options.anatomy)
    test = films(options.work / "test", options.test, TEST_SEED, options.anatomy)
    for family in options.only or (*INSTANCE, *SEMANTIC):
        print(family, train(family, train_set.source, options.work), flush=True)
    if not options.only:
        table(options.work, options.table, test, train_set)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
