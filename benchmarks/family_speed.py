"""One film on the CPU: the whole ``analyze`` of the embedded model against one forward pass of each family.

    python benchmarks/family_speed.py [--film FILE] [--rounds 5] [--threads 1] [--only NAME ...]

The embedded model and every network have a process of their own, as they would in use. All of it,
onnxruntime, OpenCV and the typesetter included, runs on as many cores as ``--threads`` says, where the
system can hold a process to its cores (Linux). Networks have random weights (instance families then hardly
look at masks, which flatters them); every family in its light and its full preset. All are timed in turn
within one run; printed are the median of the rounds, and the median of the ratios to the embedded model in
the same round, so that a machine that others use too slows both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from spinemorph.pipeline import Options, Pipeline
from spinemorph.plugins import load_plugins
from spinemorph.read import read_radiograph

FAMILIES = ("maskrcnn", "yolact", "yolo", "unet", "deeplabv3", "pspnet")


def family_class(name: str) -> Callable:
    """The class behind a plugin of ours."""
    from importlib import import_module

    module = import_module(f"spinemorph_{name}.model")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and getattr(value, "name", None) == name
    ]
    return found[0]


def analysis(film: Path, out: Path) -> tuple[Callable[[], None], str]:
    """What to time for the embedded model, and what it is."""
    pipeline = Pipeline(load_plugins(), Options(formats=("pdf", "json", "csv", "png")))

    def once() -> None:
        pipeline.write(pipeline.analyze(film), out)

    return once, "PDF, JSON, CSV, PNG"


def forward(name: str, size: str, threads: int, path: Path) -> tuple[Callable[[], None], str]:
    """What to time for a family in a preset, and what it is."""
    import torch

    from spinemorph.learn.inference import parameters
    from spinemorph.learn.run import preset
    from spinemorph.learn.window import fit

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    family = family_class(name)
    settings = preset(family, size)
    made = family(settings)
    network = made.build().eval()
    film = read_radiograph(path)
    window = fit((film.rows, film.columns), (settings.rows, settings.columns), film.aspect)
    image = torch.from_numpy(window.image(film.pixels))[None, None]

    def once() -> None:
        with torch.inference_mode():
            made.find(network, image)

    count = f"{parameters(network) / 1e6:.1f} M parameters"
    return once, f"{count}, {settings.backbone}, {settings.rows} x {settings.columns}"


class Timed:
    """One job in a process of its own."""

    def __init__(self, make: Callable[[], tuple[Callable[[], None], str]], threads: int) -> None:
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_prepare, initargs=(make, threads)
        )
        self.what = self._process.submit(_warm).result()
        self.took: list[float] = []

    def once_more(self) -> None:
        self.took.append(self._process.submit(_once).result())

    def close(self) -> None:
        self._process.shutdown()


#: The job of this process.
_job: list[tuple[Callable[[], None], str]] = []


def _prepare(make: Callable[[], tuple[Callable[[], None], str]], threads: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    _job.append(make())


def _warm() -> str:
    once, what = _job[0]
    once()
    return what


def _once() -> float:
    once, _ = _job[0]
    started = time.perf_counter()
    once()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--film", type=Path, default=Path("examples/lateral_lumbar.dcm"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=FAMILIES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        makers = {
            "compact, whole analyze": partial(analysis, options.film, Path(folder) / "film")
        } | {
            f"{name} {size}, forward": partial(forward, name, size, options.threads, options.film)
            for name in options.only
            for size in ("light", "full")
        }
        jobs = {name: Timed(make, options.threads) for name, make in makers.items()}
        for _ in range(options.rounds):
            for job in jobs.values():
                job.once_more()
        for job in jobs.values():
            job.close()
    ours = jobs["compact, whole analyze"].took
    print(f"{options.threads} thread(s), {options.rounds} rounds, {options.film.name}")
    for name, job in jobs.items():
        ratio = f"{np.median(np.divide(job.took, ours)):.2f} x"
        print(
            f"{name:28s} {statistics.median(job.took):.3f} s  {ratio:>8s} the embedded model's  ({job.what})"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
