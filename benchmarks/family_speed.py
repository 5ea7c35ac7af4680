"""One film on the CPU: the whole ``analyze`` of the embedded model against one forward pass of each family.

    python benchmarks/family_speed.py [--film FILE] [--rounds 5] [--threads 1] [--only NAME ...]

All of it, onnxruntime, OpenCV and the typesetter included, runs on as many cores as ``--threads`` says, where
the system can hold a process to its cores (Linux). Networks have random weights (instance families then
hardly look at masks, which flatters them); every family in its light and its full preset. All are timed in
turn within one run; printed are the median of the rounds, and the median of the ratios to the embedded model
in the same round, so that a machine that others use too slows both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from spinemorph.learn.inference import parameters
from spinemorph.learn.run import preset
from spinemorph.learn.window import fit
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


def forward(name: str, size: str, path: Path) -> tuple[Callable[[], None], int, str]:
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

    return once, parameters(network), f"{settings.backbone}, {settings.rows} x {settings.columns}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--film", type=Path, default=Path("examples/lateral_lumbar.dcm"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=FAMILIES)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    pipeline = Pipeline(load_plugins(), Options(formats=("pdf", "json", "csv", "png")))
    with tempfile.TemporaryDirectory() as folder:

        def analyze() -> None:
            analysis = pipeline.analyze(options.film)
            pipeline.write(analysis, Path(folder) / "film")

        jobs: dict[str, tuple[Callable[[], None], int | None, str]] = {
            "compact, whole analyze": (analyze, None, "PDF, JSON, CSV, PNG")
        }
        for name in options.only:
            for size in ("light", "full"):
                jobs[f"{name} {size}, forward"] = forward(name, size, options.film)
        took: dict[str, list[float]] = {name: [] for name in jobs}
        for each, _, _ in jobs.values():
            each()
        for _ in range(options.rounds):
            for name, (each, _, _) in jobs.items():
                started = time.perf_counter()
                each()
                took[name].append(time.perf_counter() - started)
    ours = took["compact, whole analyze"]
    print(f"{options.threads} thread(s), {options.rounds} rounds, {options.film.name}")
    for name, (_, size, what) in jobs.items():
        middle = statistics.median(took[name])
        count = "" if size is None else f"{size / 1e6:.1f} M parameters, "
        ratio = f"{np.round(np.median(np.divide(took[name], ours)), 2)} x"
        print(f"{name:28s} {middle:.3f} s  {ratio:>8s} the embedded model's  ({count}{what})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
