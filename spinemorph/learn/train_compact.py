"""Train the embedded model on a pool of simulated films; can be stopped and taken up again.

``python -m spinemorph.learn.train_compact finder|refiner --pool DIR --run DIR --minutes M [--start WEIGHTS]``

The learning rate falls over the minutes of the budget, not over steps, since shared processors
make steps of unequal length. A run folder that exists is taken up where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spinemorph.learn.crops import crop_samples
from spinemorph.learn.losses import finder_loss, refiner_loss
from spinemorph.learn.networks import Finder, Refiner
from spinemorph.learn.pool import films_in, load
from spinemorph.learn.samples import finder_sample
from spinemorph.learn.start import start_from


@dataclass(frozen=True)
class TrainSettings:
    """One run; ``minutes`` is the whole budget, resumed time included."""

    network: str
    pool: Path
    run: Path
    minutes: float
    batch: int
    rate: float
    seed: int = 1
    threads: int = 1
    #: processes that prepare samples, and where the network computes ("cpu", "cuda")
    workers: int = 1
    device: str = "cpu"
    average: float = 0.998
    #: a weights file of the embedded model to go on from, where the run is new
    start: Path | None = None


class Windows(torch.utils.data.IterableDataset):  # type: ignore[type-arg]
    """An endless stream of samples from a pool that may still grow."""

    def __init__(self, network: str, pool: Path, seed: int) -> None:
        self.network, self.pool, self.seed = network, pool, seed

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        import cv2

        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, 0 if worker is None else worker.id, time.time_ns()])
        paths: list[Path] = []
        drawn = 0
        waiting: list[tuple[Any, ...]] = []
        while True:
            if drawn % 500 == 0:
                paths = films_in(self.pool)
            drawn += 1
            film = load(paths[int(rng.integers(0, len(paths)))])
            if film.lateral and len(film.levels) < 2:
                continue  # hidden, or hardly on the film: it teaches nothing
            if self.network == "finder":
                # one film read serves two windows
                yield finder_sample(film, rng).arrays()
                yield finder_sample(film, rng).arrays()
            else:
                waiting += [sample.arrays() for sample in crop_samples(film, rng)]
                if len(waiting) > 120:
                    rng.shuffle(waiting)
                    while len(waiting) > 40:
                        yield waiting.pop()


class Training:
    """One network with its optimiser, averaged weights and log in a run folder."""

    def __init__(self, settings: TrainSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.network: nn.Module = Finder() if settings.network == "finder" else Refiner()
        if settings.start is not None and not (settings.run / "state.json").exists():
            start_from(self.network, settings.start, _first_images(settings))
        self.network = self.network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=0.01
        )
        self.elapsed, self.steps = 0.0, 0
        self._resume()

    def _resume(self) -> None:
        run = self.settings.run
        run.mkdir(parents=True, exist_ok=True)
        if (run / "state.json").exists():
            state = json.loads((run / "state.json").read_text())
            self.elapsed, self.steps = state["elapsed"], state["steps"]
            self.network.load_state_dict(load_file(run / "last.safetensors"))
            average = load_file(run / "weights.safetensors")
            self.average = {k: v.to(self.settings.device) for k, v in average.items()}
            moments = torch.load(run / "optimiser.pt", weights_only=True)
            self.optimiser.load_state_dict(moments)

    def save(self) -> None:
        """Every file appears whole; the state last, so a crash leaves the state before."""
        run = self.settings.run
        last = {k: v.contiguous() for k, v in self.network.state_dict().items()}
        average = {k: v.contiguous() for k, v in self.average.items()}
        save_file(last, run / "last.part")
        save_file(average, run / "weights.part")
        torch.save(self.optimiser.state_dict(), run / "optimiser.part")
        (run / "last.part").replace(run / "last.safetensors")
        (run / "weights.part").replace(run / "weights.safetensors")
        (run / "optimiser.part").replace(run / "optimiser.pt")
        state = {"elapsed": self.elapsed, "steps": self.steps, "batch": self.settings.batch}
        (run / "state.part").write_text(json.dumps(state))
        (run / "state.part").replace(run / "state.json")

    def _rate(self) -> float:
        """Warm-up over 300 steps, then half a cosine over the budget of time."""
        done = min(self.elapsed / (60 * self.settings.minutes), 1.0)
        warm = min((self.steps + 1) / 300, 1.0)
        return self.settings.rate * warm * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * done))))

    def step(self, batch: list[Tensor]) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        device = self.settings.device
        batch = [part.to(device, non_blocking=True) for part in batch]
        image = batch[0].contiguous(memory_format=torch.channels_last)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            outputs = self.network(image)
        loss = finder_loss if self.settings.network == "finder" else refiner_loss
        parts = loss(outputs, batch[1:])
        total = torch.stack(list(parts.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if torch.isfinite(total):
            self.optimiser.step()
        keep = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].mul_(keep).add_(value, alpha=1 - keep)
                else:
                    self.average[name].copy_(value)
        self.steps += 1
        return {name: float(value.detach()) for name, value in parts.items()}

    def run(self) -> None:
        settings = self.settings
        torch.set_num_threads(settings.threads)
        source = Windows(settings.network, settings.pool, settings.seed)
        loader = torch.utils.data.DataLoader(
            source,
            batch_size=settings.batch,
            num_workers=settings.workers,
            prefetch_factor=6,
            multiprocessing_context="spawn",
            pin_memory=settings.device != "cpu",
        )
        with (settings.run / "log.csv").open("a") as log:
            self._steps(loader, log)

    def _steps(self, loader: Any, log: TextIO) -> None:
        """Step until the budget is spent; a line in the log every 100 steps, a save every 150 s."""
        sums: dict[str, float] = {}
        saved = last = time.monotonic()
        self.network.train()
        for batch in loader:
            for name, value in self.step(batch).items():
                sums[name] = sums.get(name, 0.0) + value
            now = time.monotonic()
            self.elapsed += now - last
            last = now
            if self.steps % 100 == 0:
                row = " ".join(f"{name}={value / 100:.4f}" for name, value in sums.items())
                print(f"{self.steps},{self.elapsed:.0f},{row}", file=log, flush=True)
                sums = {}
            spent = self.elapsed > 60 * self.settings.minutes
            if spent or now - saved > 150:
                self.save()
                saved = now
            if spent:
                return


def _first_images(settings: TrainSettings) -> list[Tensor]:
    """Eight batches of samples, for the statistics of the layers."""
    source = iter(Windows(settings.network, settings.pool, settings.seed))
    count = settings.batch
    return [torch.from_numpy(np.stack([next(source)[0] for _ in range(count)])) for _ in range(8)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", choices=("finder", "refiner"))
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare samples")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--start", type=Path)
    options = parser.parse_args(arguments)
    batch = options.batch or (14 if options.network == "finder" else 48)
    settings = TrainSettings(
        options.network,
        options.pool,
        options.run,
        options.minutes,
        batch,
        options.rate,
        threads=options.threads,
        workers=options.workers,
        device=options.device,
        start=options.start,
    )
    Training(settings).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
