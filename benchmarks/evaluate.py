"""Speed and memory of the evaluation.

    python benchmarks/evaluate.py [--films 1000] [--workers 2]

Prints the ratio of our pixel metrics to a class-by-class implementation of the published algorithm
(which builds the masks of every class anew for each of the four metrics) on one film of 2,000 x
1,000 pixels; then films per second and the peak memory of the evaluation of label masks of that
size, all evaluators, for a tenth of the films and for all of them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinemorph import builtins
from spinemorph.data.files import write_bytes
from spinemorph.data.formats import open_annotations
from spinemorph.data.masks import png_bytes
from spinemorph.evaluate.metrics import pixel_metrics
from spinemorph.evaluate.runner import score_films

SIZE = 2000, 1000
Labels = NDArray[np.uint8]


def class_by_class(predicted: Labels, reference: Labels) -> tuple[float, float, float, float]:
    """The four metrics as the published tool goes about them: float masks of every class."""

    def masks(classes: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        stacks = np.zeros((len(classes), *SIZE)), np.zeros((len(classes), *SIZE))
        for index, label in enumerate(classes):
            stacks[0][index], stacks[1][index] = predicted == label, reference == label
        return stacks

    def held() -> NDArray[np.uint8]:
        return np.unique(reference)

    def union() -> NDArray[np.uint8]:
        return np.union1d(np.unique(predicted), np.unique(reference))

    ours, theirs = masks(held())
    hit = sum(np.logical_and(a, b).sum() for a, b in zip(ours, theirs, strict=True))
    accuracy = hit / sum(b.sum() for b in theirs)
    ours, theirs = masks(held())
    each = [np.logical_and(a, b).sum() / b.sum() for a, b in zip(ours, theirs, strict=True)]
    ious, weighted = [], []
    for target in (ious, weighted):
        ours, theirs = masks(union())
        for a, b in zip(ours, theirs, strict=True):
            if a.sum() == 0 or b.sum() == 0:
                continue
            both, true, guess = np.logical_and(a, b).sum(), b.sum(), a.sum()
            iou = both / (true + guess - both)
            target.append(iou if target is ious else true * iou)
    return accuracy, np.mean(each), sum(ious) / len(held()), sum(weighted) / reference.size


def film(seed: int) -> Labels:
    """A column of five bodies and a sacrum, each a little off its place."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(SIZE, np.uint8)
    for index in range(6):
        top, left = 200 + 260 * index + generator.integers(-8, 8, 2), 350
        labels[top[0] : top[0] + 200, left + top[1] % 16 : left + 300] = 2 if index == 5 else 1
    return labels


def best(call: Callable[[], object], repeats: int = 7) -> float:
    """Least processor time of several runs, in seconds: other work on the machine does not count."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def score(folder: Path, workers: int) -> None:
    """Evaluate a folder and print its speed and memory (run in a process of its own)."""
    start = time.perf_counter()
    predicted, reference = (open_annotations(folder / name) for name in ("ours", "theirs"))
    results = list(score_films(predicted, reference, builtins.spinemorph_evaluators, workers))
    seconds = time.perf_counter() - start
    assert all(result.failure is None for result in results)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, child = (each.ru_maxrss / 1024 for each in usage)
    spent = sum(each.ru_utime + each.ru_stime for each in usage)
    print(
        f"{len(results)} films, {workers} processes: {len(results) / seconds:.1f} films a second "
        f"({1000 * spent / len(results):.0f} ms of processor time a film, start included), "
        f"peak memory {own:.0f} MB in the main process, {child:.0f} MB in a worker"
    )


def main() -> None:
    """Make the films, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score:
        score(options.score, options.workers)
        return
    first, second = film(1), film(2)
    metrics = pixel_metrics(first, second)
    for ours, theirs in zip(vars(metrics).values(), class_by_class(first, second), strict=True):
        assert abs(ours - theirs) < 1e-12
    fast = best(lambda: pixel_metrics(first, second))
    slow = best(lambda: class_by_class(first, second), 3)
    print(
        f"pixel metrics of {SIZE[0]} x {SIZE[1]}: {1000 * fast:.1f} ms, class by class "
        f"{1000 * slow:.0f} ms, ratio {slow / fast:.0f}"
    )
    with tempfile.TemporaryDirectory() as name:
        for films in (max(options.films // 10, 1), options.films):
            folder = Path(name) / str(films)
            for side, shift in (("ours", 0), ("theirs", 1_000_000)):
                pictures = [png_bytes(film(seed + shift)) for seed in range(min(films, 20))]
                for index in range(films):
                    path = folder / side / f"f{index:05d}.png"
                    write_bytes(path, pictures[index % len(pictures)])
            command = [sys.executable, __file__, "--score", str(folder)]
            command += ["--workers", str(options.workers)]
            subprocess.run(command, check=True)  # noqa: S603  our own script


if __name__ == "__main__":
    main()
