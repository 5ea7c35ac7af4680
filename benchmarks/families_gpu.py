"""The model families on a GPU: full presets, the folds of the paper, films per second.

    python benchmarks/families_gpu.py WORK --anatomy DIR --out FOLDER [--seconds 60] [--only NAME ...]

Simulates 730 films to learn from and 100 to judge by (the seeds of ``families.py``), and splits the
730 into five folds, the same for every family. For each family: films a second in training, on one
process alone; the folds at the same time on the one GPU, with as many epochs as fit into
``--seconds``; what they find on the test films, scored; films a second in inference. A family's
figures are written as soon as they are there (``FOLDER/NAME.json``), and the table ``FOLDER/gpu.md``
anew from all that are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gpu_jobs as jobs
import gpu_workers
import numpy as np
from families import COLUMNS, INSTANCE, SEMANTIC, TEST_SEED, TRAIN_SEED
from family_speed import family_class
from gpu_table import FOLDS, write_table

from spinemorph.learn.dataset import FilmSet, open_films
from spinemorph.learn.folds import Fold, split
from spinemorph.learn.run import preset
from spinemorph.learn.settings import RunSettings

#: Seconds that a family needs besides those of its training, about.
BESIDE = 35
#: Of the device's memory that the folds may fill, and what a process takes of it besides its tensors.
FILL, CONTEXT = 0.9, 0.8e9
STARTED = time.monotonic()


def say(*words: Any) -> None:
    print(f"[{time.monotonic() - STARTED:6.1f} s]", *words, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Bench:
    """What every family is measured with."""

    work: Path
    device: str
    seconds: float
    workers: Sequence[gpu_workers.Worker]
    pool: ProcessPoolExecutor
    processes: int
    test: FilmSet
    folds: Sequence[Fold]
    loaders: int
    kind: str

    def one(self, job: Any, most: float, **arguments: Any) -> Any:
        """A job on the first worker alone; RuntimeError where it failed."""
        answer = gpu_workers.together(self.workers[:1], job, [arguments], most)[0]
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    def films(self, settings: RunSettings) -> tuple[Path, Path]:
        """Prepared films to learn from and to judge by."""
        return tuple(self.work / f"{part}-fitted" / window(settings) for part in ("train", "test"))


def window(settings: RunSettings) -> str:
    return f"{settings.rows}x{settings.columns}"


def make_films(
    pool: ProcessPoolExecutor,
    processes: int,
    work: Path,
    part: str,
    seeds: range,
    anatomy: Path | None,
) -> FilmSet:
    folder = work / part
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    pieces = [seeds[k :: 4 * processes] for k in range(min(4 * processes, len(seeds)))]
    made = sum(pool.map(jobs.simulated, *zip(*((folder, anatomy, p) for p in pieces), strict=True)))
    films = open_films(folder)
    say(f"{part}: {made} films made, {len(films)} there")
    return films


def fit_films(
    pool: ProcessPoolExecutor, films: FilmSet, windows: Mapping[str, RunSettings], folder: Path
) -> None:
    missing = [
        film
        for film in films.films
        if any(not (folder / name / f"{film.name}.npz").exists() for name in windows)
    ]
    waiting = [
        pool.submit(jobs.fitted, missing[k : k + 4], windows, folder)
        for k in range(0, len(missing), 4)
    ]
    for each in waiting:
        for problem in each.result():
            say("left out:", problem)
    say(f"{folder.name}: {len(missing)} films in {len(windows)} windows")


def shortened(settings: RunSettings, epochs: int, steps: int, loaders: int) -> RunSettings:
    """The preset for a run of so few steps: its schedule ends with the run, and so do warm-up and mean."""
    return replace(
        settings,
        epochs=epochs,
        validate=epochs,
        patience=0,
        warmup=min(settings.warmup, steps // 10),
        average=min(settings.average, max(1 - 10 / steps, 0.0)),
        workers=loaders,
    )


def measure(name: str, bench: Bench) -> Iterator[dict[str, Any]]:
    """The figures of a family, piece by piece."""
    settings = replace(preset(family_class(name), bench.kind), workers=bench.loaders)
    train_films, test_films = bench.films(settings)
    folds, device = bench.folds, bench.device
    short = min(max(bench.seconds / 12, 0.3), 3.0)
    yield {
        "backbone": settings.backbone,
        "window": window(settings),
        "batch": settings.batch,
        "preset": {
            "epochs": settings.epochs,
            "warmup": settings.warmup,
            "average": settings.average,
        },
    }
    each = {"name": name, "films": train_films, "device": device}
    ready = gpu_workers.together(bench.workers, jobs.warm, [each] * FOLDS, 120)
    failed = [answer for answer in ready if isinstance(answer, RuntimeError)]
    if failed:
        raise failed[0]
    say(f"{name}: libraries and films ready")

    about = {**each, "settings": settings, "folder": bench.work / name}
    alone = bench.one(jobs.steps, 90 + short, seconds=short, train=folds[0].train, **about)
    yield {"training": alone}
    say(
        f"{name}: {alone['films_per_second']:.1f} films/s in training, {alone['reserved'] / 1e9:.1f} GB"
    )

    count = at_once(bench, alone["reserved"])
    groups = [range(k, min(k + count, FOLDS)) for k in range(0, FOLDS, count)]
    budget = bench.seconds / len(groups)
    tried = gpu_workers.together(
        bench.workers[:count],
        jobs.trial,
        [
            {**about, "seconds": short, "train": part.train, "validation": part.validation}
            for part in folds[:count]
        ],
        90 + short,
    )
    known = [answer for answer in tried if not isinstance(answer, RuntimeError)]
    if not known:
        raise tried[0]
    slowest = max(answer["step"] for answer in known)
    validation = max(answer["validation"] for answer in known) * len(folds[0].validation)
    steps = max(len(folds[0].train) // settings.batch, 1)
    # a second for the start of the loaders and the samples that the first batch waits for
    epoch = steps * slowest + 1.0
    epochs = max(int((budget - validation - 3.0) / epoch), 1)
    run = shortened(settings, epochs, epochs * steps, bench.loaders)
    yield {
        "at_once": count,
        "run": {
            "epochs": epochs,
            "steps": epochs * steps,
            "warmup": run.warmup,
            "average": run.average,
        },
    }
    say(
        f"{name}: {count} folds at once, {slowest:.3f} s a step, validation {validation:.1f} s: "
        f"{epochs} epochs of {steps} steps"
    )

    trained, scores = [], []
    for group in groups:
        until = time.monotonic() + 1.35 * budget + 25
        trained += gpu_workers.together(
            bench.workers[:count],
            jobs.fold,
            [
                {
                    **each,
                    "settings": run,
                    "until": until,
                    "number": k + 1,
                    "weights": weights_of(bench, name, k),
                    "train": folds[k].train,
                    "validation": folds[k].validation,
                }
                for k in group
            ],
            1.35 * budget + 45,
        )
    yield {"folds": [{"error": str(a)} if isinstance(a, RuntimeError) else a for a in trained]}
    done = [k for k, answer in enumerate(trained) if not isinstance(answer, RuntimeError)]
    for answer in trained:
        say(f"{name}:", answer if isinstance(answer, RuntimeError) else _short(answer))
    if not done:
        raise trained[0]

    looked = gpu_workers.together(
        bench.workers,
        jobs.predicted,
        [
            {
                "name": name,
                "weights": weights_of(bench, name, k),
                "device": device,
                "films": bench.test.films,
                "target": bench.work / name / f"test-{k + 1}.json",
            }
            for k in done
        ],
        120,
    )
    say(f"{name}: test films looked at:", *(_short(answer) for answer in looked))
    for k, answer in zip(done, looked, strict=True):
        if isinstance(answer, RuntimeError):
            say(f"{name}: fold {k + 1}:", answer)
        else:
            scores.append(bench.work / name / f"test-{k + 1}.json")
    yield evaluated(bench, scores)
    say(f"{name}: scored")
    own = {"name": name, "weights": weights_of(bench, name, done[0]), "device": device}
    brief = min(short, 2.0)
    finding = bench.one(jobs.finding, 60, **own, settings=settings, films=test_films, seconds=brief)
    alone = bench.one(jobs.single, 60, **own, films=bench.test.films, seconds=brief)
    yield {"finding": finding, "segmenter": alone}
    say(
        f"{name}: {finding['find']:.1f} films/s found, whole segmenter {1 / alone['seconds']:.1f} films/s"
    )


def at_once(bench: Bench, reserved: float) -> int:
    """Folds that fit into the device's memory together."""
    if bench.device == "cpu":
        return FOLDS
    import torch

    total = torch.cuda.get_device_properties(0).total_memory
    return int(min(max(FILL * total // (reserved + CONTEXT), 1), FOLDS))


def evaluated(bench: Bench, predictions: Sequence[Path]) -> dict[str, Any]:
    """Mean over the films for each fold, then mean and SD over the folds."""
    names = [film.name for film in bench.test.films]
    parts = max(bench.processes // max(len(predictions), 1), 1)
    waiting = [
        [
            bench.pool.submit(jobs.scored, path, bench.test.source, names[k::parts])
            for k in range(parts)
        ]
        for path in predictions
    ]
    folds = []
    missing = 0
    for group in waiting:
        answers = [each.result() for each in group]
        missing += sum(answer["missing"] for answer in answers)
        rows = [row for answer in answers for row in answer["values"]]
        folds.append({column: _mean(row[column] for row in rows) for column in COLUMNS})
    scores = {}
    for column in COLUMNS:
        values = [fold[column] for fold in folds if fold[column] is not None]
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        scores[column] = {"mean": _mean(values), "sd": sd, "folds": values}
    return {"scores": scores, "films_without_score": missing}


def embedded(bench: Bench) -> Iterator[dict[str, Any]]:
    """The embedded model on the same films; there is nothing to train."""
    target = bench.work / "compact" / "test.json"
    own = {"name": "compact", "weights": None, "device": "auto", "films": bench.test.films}
    yield {"segmenter": bench.one(jobs.single, 60, **own, seconds=min(bench.seconds / 12, 4.0))}
    yield {"looking": bench.one(jobs.predicted, 120, **own, target=target)}
    yield evaluated(bench, [target])


def weights_of(bench: Bench, name: str, fold: int) -> Path:
    return bench.work / name / f"fold-{fold + 1}" / "weights.safetensors"


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _short(facts: Any) -> str:
    if not isinstance(facts, Mapping):
        return str(facts)
    parts = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items() if v)
    return ", ".join(parts)


def record(
    name: str, pieces: Iterator[dict[str, Any]], machine: Mapping[str, Any], out: Path
) -> None:
    """Write what a family gave so far after every piece, and its error if it has one."""
    began = time.monotonic()
    facts: dict[str, Any] = {"name": name, **machine}
    path = out / f"{name}.json"
    try:
        for piece in pieces:
            facts |= piece | {"wall_seconds": round(time.monotonic() - began, 1)}
            path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    except Exception as fault:  # noqa: BLE001  the next family is measured all the same
        facts["error"] = str(fault) or type(fault).__name__
        path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
        say(f"{name}: FAILED\n{traceback.format_exc()}")
    write_table(out)
    say(f"{name}: done in {time.monotonic() - began:.1f} s")


def machine_facts(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    cuda = options.device != "cpu"
    only = f" --only {' '.join(options.only)}" if options.only else ""
    return {
        "device_name": torch.cuda.get_device_name(0) if cuda else "CPU",
        "device_memory": torch.cuda.get_device_properties(0).total_memory if cuda else None,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "films": options.films,
        "test_films": options.test,
        "seconds": options.seconds,
        "kind": options.preset,
        "also": options.also,
        "command": f"python benchmarks/families_gpu.py WORK --anatomy ANATOMY --out FOLDER "
        f"--seconds {options.seconds:g} --films {options.films} --test {options.test}{only}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="of training, a family")
    parser.add_argument(
        "--within", type=float, help="begin no family that could end after so many seconds"
    )
    parser.add_argument("--only", nargs="+", choices=(*INSTANCE, *SEMANTIC))
    parser.add_argument("--films", type=int, default=730)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--processes", type=int, default=10, help="for films and scores")
    parser.add_argument(
        "--loaders", type=int, default=2, help="processes a fold that prepare films"
    )
    parser.add_argument("--preset", choices=("full", "light"), default="full")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--also", default="", help="what else the machine did, for the table")
    options = parser.parse_args(arguments)
    # every process works on one core, and inherits this
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    options.out.mkdir(parents=True, exist_ok=True)
    machine = machine_facts(options)
    shared = jobs.shared_memory()
    say(
        ", ".join(f"{key} {value}" for key, value in machine.items()),
        f"shared memory {shared:.1f} GB",
    )
    loaders = options.loaders if shared > 4 or options.device == "cpu" else 0
    chosen = options.only or (*INSTANCE, *SEMANTIC)
    settings = [preset(family_class(name), options.preset) for name in chosen]
    windows = {window(each): each for each in settings}
    workers = [gpu_workers.Worker() for _ in range(FOLDS)]
    try:
        with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
            sets = []
            for part, count, seed in (
                ("test", options.test, TEST_SEED),
                ("train", options.films, TRAIN_SEED),
            ):
                seeds = range(seed, seed + count)
                sets.append(
                    make_films(pool, options.processes, options.work, part, seeds, options.anatomy)
                )
                fit_films(pool, sets[-1], windows, options.work / f"{part}-fitted")
            test, train = sets
            parts = split([film.name for film in train.films], FOLDS, 0, 1).folds
            bench = Bench(
                options.work,
                options.device,
                options.seconds,
                workers,
                pool,
                options.processes,
                test,
                parts,
                loaders,
                options.preset,
            )
            record("compact", embedded(bench), machine, options.out)
            for name in chosen:
                spent = time.monotonic() - STARTED
                if options.within and spent + options.seconds + BESIDE > options.within:
                    say(f"{name}: not begun, {options.within - spent:.0f} s are left")
                    continue
                record(name, measure(name, bench), machine, options.out)
    finally:
        for worker in workers:
            worker.stop()
    print((options.out / "gpu.md").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
