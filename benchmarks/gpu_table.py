"""The table of ``families_gpu.py`` from the figures of its families."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gpu_jobs as jobs
from families import COLUMNS, INSTANCE, SEMANTIC

FOLDS = 5
TITLES = (
    "model", "kind", "mean IoU", "pixel accuracy", "mean accuracy", "frequency weighted IoU",
    "recognition", "composite recognition", "training, films/s", "five folds at once, films/s",
    "finding, films/s", "one film, s", "memory in training, GB", "parameters", "epochs", "steps",
)  # fmt: skip


def write_table(out: Path) -> None:
    """``gpu.md`` from all figures in ``out``."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in out.glob("*.json")}
    rows = [found[name] for name in (*INSTANCE, *SEMANTIC, "compact") if name in found]
    if not rows:
        return
    first = rows[0]
    about = (
        f"{first['films']} simulated films in {FOLDS} folds (80 % to learn from, 20 % to watch) and "
        f"{first['test_films']} others to judge by, the same for every family. The {first['kind']} "
        f"presets from random weights, all folds at the same time on one {first['device_name']} for "
        f"about {first['seconds']:g} s, instead of the epochs that the presets ask for: warm-up and "
        "running mean are shortened with the schedule, and the scores are those of networks that have "
        "learned for so long, not of fully trained ones. Percent are means over the films, then "
        "mean ± SD over the folds. `training`: forward, backward and step on films that lie on the "
        f"device, one process alone. `finding`: {jobs.BATCH} films at a time, masks in the window, "
        "weights of the first fold. `one film`: the whole segmenter at the film's own pixels, median. "
        "`compact` is the embedded model, on the CPU where onnxruntime has no other provider."
    )
    lines = ["# Model families on a GPU", "", f"    {first['command']}", "", about, ""]
    lines.append(f"torch {first['torch']}, {first['cores']} cores, Python {first['python']}.")
    lines += ["", f"| {' | '.join(TITLES)} |", "|---|---" + "|--:" * (len(TITLES) - 2) + "|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    notes = [note for row in rows for note in _notes(row)]
    missing = [name for name in (*INSTANCE, *SEMANTIC) if name not in found]
    if missing:
        notes.append(f"* not measured: {', '.join(missing)}")
    if first["also"]:
        notes.append(f"* meanwhile: {first['also']}")
    lines += ["", *notes] if notes else []
    (out / "gpu.md").write_text("\n".join(lines) + "\n", "utf-8")


def _cells(row: Mapping[str, Any]) -> list[str]:
    name = row["name"]
    kind = "instance" if name in INSTANCE else "semantic" if name in SEMANTIC else "-"
    cells = [name, kind]
    for column in COLUMNS:
        score = row.get("scores", {}).get(column, {})
        mean, sd = score.get("mean"), score.get("sd")
        spread = f" ± {100 * sd:.1f}" if sd is not None else ""
        cells.append("-" if mean is None else f"{100 * mean:.1f}{spread}")
    training, run = row.get("training", {}), row.get("run", {})
    for values, key, form in (
        (training, "films_per_second", "{:.1f}"),
        (_together(row), "films_per_second", "{:.1f}"),
        (row.get("finding", {}), "find", "{:.1f}"),
        (row.get("segmenter", {}), "seconds", "{:.3f}"),
    ):
        cells.append(form.format(values[key]) if key in values else "-")
    cells.append(f"{training['memory'] / 1e9:.1f}" if training.get("memory") else "-")
    cells.append(f"{training['parameters'] / 1e6:.1f} M" if training else "-")
    epochs = f"{run['epochs']} of {row['preset']['epochs']}" if run else "-"
    return [*cells, epochs, str(run.get("steps", "-"))]


def _together(row: Mapping[str, Any]) -> dict[str, float]:
    """Films a second of all folds at the same time, with the making of samples and validation."""
    folds = [fold for fold in row.get("folds", []) if "seconds" in fold]
    if not folds or row["at_once"] < FOLDS:
        return {}
    films = row["batch"] * sum(fold["steps"] for fold in folds if not fold["stopped"])
    return {"films_per_second": films / max(fold["seconds"] for fold in folds)}


def _notes(row: Mapping[str, Any]) -> Iterator[str]:
    name = row["name"]
    if "error" in row:
        yield f"* {name} failed: {row['error'].strip().splitlines()[-1]}"
    for number, fold in enumerate(row.get("folds", []), start=1):
        if fold.get("error") or fold.get("stopped"):
            reason = (fold.get("error") or fold["stopped"]).strip().splitlines()[-1]
            yield f"* {name}, fold {number}: {reason}"
    if row.get("at_once", FOLDS) < FOLDS:
        yield f"* {name}: {row['at_once']} folds at a time, for want of memory"
    if row.get("films_without_score"):
        yield f"* {name}: {row['films_without_score']} predictions without a score"
    if name == "compact" and "segmenter" in row:
        yield f"* compact ran on: {row['segmenter']['device']}"
