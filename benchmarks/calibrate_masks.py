"""Fit the network from outlines to landmarks that spinemorph/measure/mask_shape.onnx holds.

    python benchmarks/mask_samples.py FOLDER --anatomy DIR
    python benchmarks/calibrate_masks.py FOLDER [--films 40000] [--epochs 20] [--try]

One film of eight is left out, by its seed; what is printed at the end is measured on these (and, to show
what more films would bring, on those of the fit), then the file is written, or with ``--try`` is not. Needs
torch and onnx (``spinemorph[train]``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from small_network import write
from torch import nn
from torch.nn.functional import pad, silu

from spinemorph.measure.mask_corners import BARE, CORNERS, FILE, SPURS, SUNK
from spinemorph.measure.outline import POINTS
from spinemorph.simulate.settings import Settings
from spinemorph.types import FloatArray

HERE = Path(__file__).parent
OUT = HERE.parent / "spinemorph" / "measure" / FILE
FEATURES, HIDDEN, BESIDE = 12, 192, 64
#: Films of a step, and the highest rate of learning.
BATCH, RATE = 36, 3e-3
#: Of how many films one is left out, by its seed.
HELD = 8
OUTPUTS = BARE.stop
#: By how much the errors of each group of outputs count.
WORTH = np.concatenate(
    [np.full(8, 16.0), np.full(2, 11.0), np.full(4, 48.0), np.full(POINTS // 4, 5.0)]
)
#: Areas of osteophytes, in parts of the box of a body, for which errors are told.
SPUR_SIZES = (0.0, 0.00025, 0.0005, 0.00075, 0.0015, 0.003, 0.006, 0.015, 0.03, 0.06)
#: Noise on rings (parts of the box) and relations (standard deviations) while fitting.
NOISE = 0.003, 0.02
#: Inputs beyond this many standard deviations count as that many.
UNUSUAL = 5.0


class Step(nn.Module):
    """Half as many points of a ring with more features each, then a correction."""

    def __init__(self, before: int, after: int, width: int) -> None:
        super().__init__()
        self.margin = width // 2
        self.first = nn.Conv1d(before, after, width, stride=2)
        self.second = nn.Conv1d(after, after, 3)

    def forward(self, ring: torch.Tensor) -> torch.Tensor:
        found = silu(self.first(pad(ring, (self.margin, self.margin), mode="circular")))
        return found + silu(self.second(pad(found, (1, 1), mode="circular")))


class Reader(nn.Module):
    """What the rings of bodies tell of each of them, beside one another; S1 has a last layer of its own."""

    def __init__(self, facts: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in facts.items():
            self.register_buffer(name, value)
        self.steps = nn.Sequential(
            Step(2, FEATURES, 7),
            Step(FEATURES, 2 * FEATURES, 5),
            Step(2 * FEATURES, 2 * FEATURES, 5),
        )
        given = 2 * POINTS + 14
        self.own = nn.Linear(2 * FEATURES * POINTS // 8 + given, HIDDEN)
        self.told = nn.Linear(HIDDEN, BESIDE)
        self.mixed = nn.Linear(HIDDEN + 4 * BESIDE, HIDDEN)
        self.more = nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.ModuleList(nn.Linear(HIDDEN, OUTPUTS) for _ in range(2))
        self.straight = nn.ModuleList(nn.Linear(given, OUTPUTS) for _ in range(2))

    def forward(
        self, ring: torch.Tensor, relation: torch.Tensor, film: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n, OUTPUTS); ``film`` (n,): which film each body is of, in order; without it all are of one."""
        sacrum = relation[:, 13:] > 0.5
        mean = torch.where(sacrum[:, :, None], self.ring_mean[1], self.ring_mean[0])
        scale = torch.where(sacrum[:, :, None], self.ring_scale[1], self.ring_scale[0])
        ring = torch.clamp((ring - mean) / scale, -UNUSUAL, UNUSUAL)
        relation = torch.clamp(
            (relation - self.relation_mean) / self.relation_scale, -UNUSUAL, UNUSUAL
        )
        flat = torch.cat([ring.flatten(1), relation], 1)
        own = silu(self.own(torch.cat([self.steps(ring.transpose(1, 2)).flatten(1), flat], 1)))
        told = silu(self.told(own))
        hidden = silu(self.mixed(torch.cat([own, told, *_beside(told, film)], 1)))
        hidden = hidden + silu(self.more(hidden))
        body, s1 = (
            last(hidden) + straight(flat)
            for last, straight in zip(self.last, self.straight, strict=True)
        )
        return torch.where(sacrum, s1, body) / self.worth + torch.where(
            sacrum, self.usual[1], self.usual[0]
        )


def _beside(told: torch.Tensor, film: torch.Tensor | None) -> list[torch.Tensor]:
    """What the body above tells, the one below (0 where there is none), and all of the film on average."""
    nothing = torch.zeros_like(told[:1])
    above, below = torch.cat([nothing, told[:-1]]), torch.cat([told[1:], nothing])
    if film is None:
        return [above, below, told.mean(dim=0, keepdim=True).expand_as(told)]
    same = (film[1:] == film[:-1]).to(told.dtype)[:, None]
    one = torch.zeros_like(same[:1])
    films = int(film[-1]) + 1
    sums = torch.zeros(films, told.shape[1]).index_add(0, film, told)
    counts = torch.zeros(films).index_add(0, film, torch.ones(len(film)))
    return [
        above * torch.cat([one, same]),
        below * torch.cat([same, one]),
        (sums / counts[:, None])[film],
    ]


class Samples:
    """All bodies of a folder; ``films``: first and last row of each film, ``held``: which are left out."""

    def __init__(self, folder: Path, most: int) -> None:
        files = sorted(path for path in folder.glob("*.npz") if not path.stem.endswith(".part"))
        if not files:
            raise SystemExit(
                f"{folder}: holds no samples; make them with benchmarks/mask_samples.py"
            )
        parts = []
        for path in files[: -(-most // 500)]:
            with np.load(path, allow_pickle=False) as stored:
                parts.append({name: stored[name] for name in stored.files})
        every = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        told = np.concatenate(
            [every["corners"].reshape(-1, 8), every["sunk"], every["spurs"], every["left"]], axis=1
        ).astype(np.float32)
        wanted = np.ones((2, OUTPUTS), bool)
        wanted[1, 4:8] = wanted[1, 9:] = False
        self.sacrum, film = every["sacrum"], every["film"]
        self.wanted = wanted[self.sacrum.astype(int)]
        # a body of which something is not known tells nothing
        self.wanted[~np.where(self.wanted, np.isfinite(told), True).all(axis=1)] = False
        self.told = np.where(self.wanted, told, 0.0)
        self.ring, self.relation = every["ring"], every["relation"].astype(np.float32)
        self.half_mm, self.axes = every["half_mm"], every["axes"]
        self.drawn = every["drawn"]
        self.as_tested = every["mesh"] & (every["settings"] < 5) & ~self.drawn
        starts = np.flatnonzero(np.concatenate([[True], film[1:] != film[:-1]]))
        self.films = np.stack([starts, np.append(starts[1:], len(film))], axis=1)
        self.held = (film[starts] // 2) % HELD == 3

    def facts(self) -> dict[str, torch.Tensor]:
        """Means and spreads of what is fitted, for both kinds of body."""
        fitted = np.zeros(len(self.sacrum), bool)
        for first, last in self.films[~self.held]:
            fitted[first:last] = True
        kinds = [fitted & ~self.sacrum, fitted & self.sacrum]
        values = {
            "ring_mean": [self.ring[kind].mean(axis=0) for kind in kinds],
            "ring_scale": [self.ring[kind].std(axis=0) + 1e-3 for kind in kinds],
            "relation_mean": self.relation[fitted].mean(axis=0),
            "relation_scale": self.relation[fitted].std(axis=0) + 1e-3,
            "usual": [self.told[kind].mean(axis=0) for kind in kinds],
            "worth": WORTH,
        }
        return {name: torch.tensor(np.array(v), dtype=torch.float32) for name, v in values.items()}

    def batch(self, chosen: FloatArray) -> tuple[np.ndarray, torch.Tensor]:
        """Rows of these films, and which of them each row is of."""
        spans = self.films[chosen]
        rows = np.concatenate([np.arange(first, last) for first, last in spans])
        return rows, torch.tensor(np.repeat(np.arange(len(spans)), spans[:, 1] - spans[:, 0]))


def batches(films: FloatArray, rng: np.random.Generator) -> Iterator[FloatArray]:
    mixed = rng.permutation(films)
    yield from np.split(mixed[: len(mixed) // BATCH * BATCH], len(mixed) // BATCH)


def fit(samples: Samples, epochs: int) -> Reader:
    torch.manual_seed(0)
    network, rng = Reader(samples.facts()), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    films = np.flatnonzero(~samples.held)
    steps = epochs * (len(films) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.15
    )
    loss = nn.SmoothL1Loss(reduction="none", beta=0.5)
    worth, started = torch.tensor(WORTH, dtype=torch.float32), perf_counter()
    ring, relation = torch.tensor(samples.ring), torch.tensor(samples.relation)
    told, wanted = torch.tensor(samples.told), torch.tensor(samples.wanted)
    for epoch in range(epochs):
        total = 0.0
        for chosen in batches(films, rng):
            rows, film = samples.batch(chosen)
            own, beside = ring[rows], relation[rows]
            own = own + NOISE[0] * torch.randn_like(own)
            # the last is which kind it is, and stays
            noise = NOISE[1] * network.relation_scale * torch.randn_like(beside)
            beside = beside + torch.cat([noise[:, :-1], torch.zeros_like(noise[:, -1:])], 1)
            away = loss(network(own, beside, film) * worth, told[rows] * worth)
            value = (away * wanted[rows]).sum(dim=1).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += float(value.detach())
        print(
            f"epoch {epoch + 1} of {epochs}, loss {total / (len(films) // BATCH):.3f}, "
            f"{perf_counter() - started:.0f} s",
            flush=True,
        )
    return network.eval()


def errors(network: Reader, samples: Samples, films: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Rows of these films, and what is told of them less what is true, NaN where nothing is."""
    rows, film = samples.batch(films)
    with torch.no_grad():
        told = network(torch.tensor(samples.ring[rows]), torch.tensor(samples.relation[rows]), film)
    return rows, np.where(samples.wanted[rows], told.numpy() - samples.told[rows], np.nan)


def report(name: str, samples: Samples, rows: np.ndarray, away: FloatArray) -> None:
    half = samples.half_mm[rows]
    lumbar, s1 = ~samples.sacrum[rows], samples.sacrum[rows]
    corners = away[:, CORNERS].reshape(-1, 4, 2) * half[:, None]
    true = samples.told[rows][:, CORNERS].reshape(-1, 4, 2) * half[:, None]

    def tilt(k: int, who: np.ndarray) -> float:
        """Mean absolute error of the direction of an endplate, in degrees."""
        found = true + corners
        along, wanted = (p[who, 2 * k] - p[who, 2 * k + 1] for p in (found, true))
        turned = np.arctan2(along[:, 1], along[:, 0]) - np.arctan2(wanted[:, 1], wanted[:, 0])
        return float(np.degrees(np.nanmean(np.abs(turned))))

    forward, upward = np.nanmean(np.abs(corners[lumbar]), axis=(0, 1))
    sunk = np.nanmean(np.abs(away[lumbar][:, SUNK] * half[lumbar, 1:]), axis=0)
    print(
        f"{name}: {lumbar.sum()} bodies, corner forward {forward:.3f}, upward {upward:.3f} mm, "
        f"endplates {tilt(0, lumbar):.2f} and {tilt(1, lumbar):.2f} degrees, middles {sunk.round(2)} mm; "
        f"{s1.sum()} S1, {np.nanmean(np.abs(corners[s1, :2])):.3f} mm, {tilt(0, s1):.2f} degrees"
    )


def spread_of(samples: Samples, rows: np.ndarray, away: FloatArray) -> dict[str, Any]:
    """By category: covariance (4, 2, 2) of corners and standard deviations of middles (2,); ``spurs``: areas
    of osteophytes and the standard deviation of each.
    """
    facts: dict[str, Any] = {}
    for kind, sacrum in (("lumbar", False), ("sacrum", True)):
        own = away[samples.sacrum[rows] == sacrum]
        own = own[np.isfinite(own[:, 0])]
        corners = np.nan_to_num(own[:, CORNERS]).reshape(-1, 4, 2)
        facts[kind] = {
            "spread": (np.einsum("nki,nkj->kij", corners, corners) / len(own)).tolist(),
            "errors": np.sqrt((np.nan_to_num(own[:, SUNK]) ** 2).mean(axis=0)).tolist(),
        }
    lumbar = ~samples.sacrum[rows]
    true = samples.told[rows][lumbar][:, SPURS].ravel()
    told = np.maximum(true + away[lumbar][:, SPURS].ravel(), 0.0)  # no area is below 0
    known = np.isfinite(told)
    return facts | {"spurs": _by_size(np.abs(told - true)[known], told[known])}


def _by_size(size: FloatArray, told: FloatArray) -> list[list[float]]:
    """Standard deviations that 95 of 100 errors keep to, around each of :data:`SPUR_SIZES`."""
    between = np.array(SPUR_SIZES[:-1]) / 2 + np.array(SPUR_SIZES[1:]) / 2
    group = np.searchsorted(between, told)
    spread = [float(np.quantile(size[group == k], 0.95)) / 1.96 for k in range(len(SPUR_SIZES))]
    return [list(SPUR_SIZES), spread]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=40_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--try", dest="only_try", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    samples = Samples(options.folder, options.films)
    print(f"{len(samples.films)} films, {len(samples.sacrum)} bodies", flush=True)
    network = fit(samples, options.epochs)
    rows, away = errors(network, samples, np.flatnonzero(samples.held))
    plain = ~samples.drawn[rows]
    for name, part in (
        ("left out, simulated", plain),
        ("left out, as in the tests", samples.as_tested[rows]),
        ("left out, drawn", ~plain),
    ):
        report(name, samples, rows[part], away[part])
    some, fitted = errors(network, samples, np.flatnonzero(~samples.held)[:2000])
    report("fitted", samples, some[~samples.drawn[some]], fitted[~samples.drawn[some]])
    area = 4 * samples.half_mm[rows].prod(axis=1)[:, None]
    true = (samples.told[rows][:, SPURS] * area)[plain & ~samples.sacrum[rows]]
    told = true + (away[:, SPURS] * area)[plain & ~samples.sacrum[rows]]
    known = np.isfinite(told).all(axis=1)
    by_corner = np.corrcoef(told[known].ravel(), true[known].ravel())[0, 1]
    print(f"osteophytes: correlation of areas by corner {by_corner:.3f}")
    if not options.only_try:
        digests = [
            Settings.load(HERE / "settings" / f"{n}.json").digest()[:16]
            for n in ("test", "train", "fractured")
        ]
        note = f"benchmarks/calibrate_masks.py, {len(samples.films)} films, settings {', '.join(digests)}"
        given = {"ring": torch.zeros(3, POINTS, 2), "relation": torch.zeros(3, 14)}
        facts = spread_of(samples, rows[plain], away[plain]) | {"note": note}
        write(network, given, ("told",), facts, OUT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
