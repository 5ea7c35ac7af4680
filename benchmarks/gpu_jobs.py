"""What the processes of ``families_gpu.py`` do: one family on one device, each function a job of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from family_speed import family_class

from spinemorph.learn.dataset import Film
from spinemorph.learn.films import Prepared, prepare
from spinemorph.learn.settings import RunSettings
from spinemorph.types import Radiograph, Segmentation

#: Films that inference looks at together, and that a throughput is measured on.
BATCH = 8
#: Threads that look at test films in one process: splitting and scaling masks are numpy's and OpenCV's.
THREADS = 3


class OutOfTime(Exception):  # noqa: N818  it is no error of the program
    pass


# -- films, on the CPU ----------------------------------------------------------------------------


def simulated(folder: Path, anatomy: Path | None, seeds: Sequence[int]) -> int:
    """Write the films that are missing; how many."""
    from spinemorph.simulate.anatomy_source import load_anatomy
    from spinemorph.simulate.files import write_film
    from spinemorph.simulate.film import simulate_film
    from spinemorph.simulate.settings import Settings

    cv2.setNumThreads(1)
    missing = [seed for seed in seeds if not (folder / f"film_{seed:07d}.json").exists()]
    bones = load_anatomy(anatomy) if missing else None
    for seed in missing:
        write_film(simulate_film(bones, Settings(), seed), folder)
    return len(missing)


def fitted(films: Sequence[Film], windows: Mapping[str, RunSettings], folder: Path) -> list[str]:
    """Films in the windows of the settings, one file each; lines about films that were left out."""
    cv2.setNumThreads(1)
    problems = []
    for film in films:
        read = film.read()
        once: Any = SimpleNamespace(name=film.name, read=lambda read=read: read)
        for window, settings in windows.items():
            (folder / window).mkdir(parents=True, exist_ok=True)
            made, faults = prepare([once], settings)
            problems += faults
            for each in made:
                path = folder / window / f"{each.name}.npz"
                np.savez(path, image=each.image, bits=each.bits, labels=each.labels)
    return problems


_kept: dict[Path, dict[str, Prepared]] = {}


def prepared(folder: Path) -> dict[str, Prepared]:
    """The films that ``fitted`` wrote, read once in a process."""
    if folder not in _kept:
        found = {}
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as film:
                found[path.stem] = Prepared(path.stem, film["image"], film["bits"], film["labels"])
        _kept[folder] = found
    return _kept[folder]


# -- training -------------------------------------------------------------------------------------


def training(
    name: str,
    settings: RunSettings,
    films: Path,
    device: str,
    folder: Path,
    *,
    train: Sequence[str],
    validation: Sequence[str] = (),
) -> Any:
    from spinemorph.learn.trainer import Training

    known = prepared(films)
    parts = [[known[film] for film in names if film in known] for names in (train, validation)]
    return Training(family_class(name)(settings), *parts, folder, seed=1, device=device)


def warm(name: str, films: Path, device: str) -> str:
    """Libraries, films and the device made ready before anything is timed."""
    import torch

    family_class(name)
    prepared(films)
    return str(torch.zeros(1, device=device).device)


def steps(name: str, device: str, seconds: float, **about: Any) -> dict[str, Any]:
    """Steps alone, on films that lie on the device already."""
    import torch

    from spinemorph.learn.inference import parameters

    run = training(name, device=device, **about)
    _still(run)
    run.network.train()
    ready = list(islice(run.batches(1), 6))
    for images, targets in (*ready, *ready)[:8]:
        run.step(images, targets)
    _wait(device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    done, films, started = 0, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        images, targets = ready[done % len(ready)]
        run.step(images, targets)
        done, films = done + 1, films + len(images)
    _wait(device)
    took = time.perf_counter() - started
    memory = torch.cuda.max_memory_allocated() if device != "cpu" else 0
    reserved = torch.cuda.max_memory_reserved() if device != "cpu" else 0
    return {
        "films_per_second": films / took,
        "steps": done,
        "memory": memory,
        "reserved": reserved,
        "parameters": parameters(run.network),
    }


def trial(name: str, device: str, seconds: float, validation: Sequence[str], **about: Any) -> Any:
    """Seconds a step with films made on the way, and seconds a validation film."""
    some = list(validation)[:16]
    run = training(name, device=device, validation=some, **about)
    _still(run)
    run.network.train()
    begun, done, started = 0, 0, time.perf_counter()
    loader = run.batches(1)
    for done, (images, targets) in enumerate(loader, start=1):
        run.step(images, targets)
        if done == min(4, run.steps // 2):  # the first steps choose kernels and fill the queue
            begun, started = done, time.perf_counter()
        if done > begun + 1 and time.perf_counter() - started > seconds:
            break
    step = (time.perf_counter() - started) / max(done - begun, 1)
    loader.close()
    run.validate()
    started = time.perf_counter()
    run.validate()
    return {"step": step, "validation": (time.perf_counter() - started) / max(len(some), 1)}


def fold(
    name: str,
    device: str,
    settings: RunSettings,
    until: float,
    number: int,
    weights: Path,
    **about: Any,
) -> dict[str, Any]:
    """Train one fold to the end of its schedule, or until there is no time left."""
    from spinemorph.learn.checkpoint import drop_checkpoints
    from spinemorph.learn.weights_file import save_weights

    drop_checkpoints(weights.parent)  # of an earlier run, which this one does not go on with
    started = time.perf_counter()
    run = training(name, device=device, settings=settings, folder=weights.parent, **about)
    manifest = {"family": name, "settings": settings.to_dict(), "fold": number, "seed": 1}

    def keep(log: Sequence[Any], tensors: Mapping[str, Any], best: bool) -> None:
        if best:
            save_weights(weights, tensors, {**manifest, "epoch": log[-1].number})

    def tick(done: int, total: int) -> None:
        if time.monotonic() > until:
            raise OutOfTime(f"stopped after {done} of {total} steps")

    stopped = None
    try:
        run.run(keep, tick)
    except OutOfTime as reason:
        stopped = str(reason)
        save_weights(weights, run.weights(), {**manifest, "stopped": stopped})
    drop_checkpoints(weights.parent)
    last = run.log[-1] if run.log else None
    return {
        "fold": number,
        "films": len(run.train),
        "steps": run.steps * settings.epochs,
        "epochs": settings.epochs,
        "seconds": time.perf_counter() - started,
        "loss": last.loss if last else None,
        "validation_mean_iou": last.mean_iou if last else None,
        "stopped": stopped,
    }


def _still(run: Any) -> None:
    """Steps that are only timed must not lead anywhere."""
    for group in run.optimiser.param_groups:
        group["lr"] = 1e-6


def _wait(device: str) -> None:
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


# -- inference ------------------------------------------------------------------------------------


def segmenter(name: str, weights: Path | None, device: str) -> Any:
    from spinemorph.plugins import load_plugins

    return load_plugins().segmenter(name).create(weights=weights, device=device)


def finding(
    name: str, weights: Path, device: str, settings: RunSettings, films: Path, seconds: float
) -> dict[str, float]:
    """Films a second that the family finds bodies on, ``BATCH`` at a time, masks in the window."""
    import torch

    from spinemorph.learn.inference import half_on_cuda
    from spinemorph.learn.weights_file import load_weights

    family = family_class(name)(settings)
    network = family.build()
    network.load_state_dict(dict(load_weights(weights, name).tensors))
    network = network.to(device).eval()
    images = np.stack([film.image for film in islice(prepared(films).values(), 4 * BATCH)])
    ready = torch.from_numpy(images).to(device)[:, None].float().div(255).split(BATCH)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    answer = {}
    with torch.inference_mode(), half_on_cuda(device):
        for what, call in (("find", family.find), ("forward", lambda net, batch: net(batch))):
            for batch in ready[:2]:
                call(network, batch)
            _wait(device)
            count, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                for batch in ready:
                    call(network, batch)
                    count += len(batch)
                _wait(device)
            answer[what] = count / (time.perf_counter() - started)
    memory = torch.cuda.max_memory_allocated() if device != "cpu" else 0
    return {**answer, "memory": memory}


def single(
    name: str, weights: Path | None, device: str, films: Sequence[Film], seconds: float
) -> dict[str, Any]:
    """Median seconds of the whole segmenter on one film at its own pixels, reading left out."""
    from spinemorph.read import read_radiograph

    used = segmenter(name, weights, device)
    looked = [read_radiograph(film.image) for film in films[:12]]
    for film in looked[:3]:
        used.segment(film)
    took: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(took) < 3:
        started = time.perf_counter()
        used.segment(looked[len(took) % len(looked)])
        took.append(time.perf_counter() - started)
    return {"seconds": float(np.median(took)), "films": len(took), "device": str(used.device)}


class Ahead:
    """A segmenter that looks at the next films while the last answers are written."""

    def __init__(self, used: Any, films: Sequence[Film], pool: ThreadPoolExecutor) -> None:
        self.answers: Iterator[Future[Segmentation]] = iter(
            [pool.submit(self._look, used, film) for film in films]
        )

    @staticmethod
    def _look(used: Any, film: Film) -> Segmentation:
        from spinemorph.read import read_radiograph

        return used.segment(read_radiograph(film.image))

    def segment(self, _radiograph: Radiograph) -> Segmentation:
        return next(self.answers).result()


def predicted(
    name: str, weights: Path | None, device: str, films: Sequence[Film], target: Path
) -> dict[str, Any]:
    """What the segmenter finds on films, as COCO in ``target``."""
    from spinemorph.learn.predict import write_predictions

    target.parent.mkdir(parents=True, exist_ok=True)
    used = segmenter(name, weights, device)
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        problems = write_predictions(Ahead(used, films, pool), films, target)
    return {"seconds": time.perf_counter() - started, "problems": problems}


def scored(predictions: Path, truth: Path, names: Sequence[str]) -> dict[str, Any]:
    """Scores of the films of these names as spinemorph's evaluators give them, by film."""
    from spinemorph.data.formats import open_annotations
    from spinemorph.evaluate.runner import score_films

    ours, theirs = open_annotations(predictions), open_annotations(truth)
    chosen = {name: loader for name, loader in theirs.loaders.items() if name in set(names)}
    scores = list(score_films(ours, replace(theirs, loaders=chosen), _evaluators))
    return {
        "values": [dict(score.values) for score in scores if score.failure is None],
        "missing": len(names) - len(scores) + sum(score.failure is not None for score in scores),
    }


def _evaluators() -> Any:
    from spinemorph.plugins import load_plugins

    wanted = {"mean_iou", "recognized"}
    return [each for each in load_plugins().evaluators() if wanted & set(each.metrics)]


def shared_memory() -> float:
    """GB that processes can hand each other films in; 0 where the system has no such place."""
    try:
        stats = os.statvfs("/dev/shm")  # noqa: S108  where Linux keeps it
    except (OSError, AttributeError):
        return 0.0
    return stats.f_bavail * stats.f_frsize / 1e9
