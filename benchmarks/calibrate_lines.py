"""Teach the part of the strip reader that sees lines, alone, before calibrate_strips.py --lines takes it up.

    python benchmarks/calibrate_lines.py FOLDER ... --run RUN [--minutes 60] [--threads 2]

Each FOLDER is what benchmarks/strip_samples.py has made. Strips are seen as they are, not grained or cut
anew: lines lie tenths of a millimetre apart. Films that calibrate_strips.py leaves out are left out here too;
how far the middles of endplates there are off is printed for each folder. RUN keeps the state every few
minutes; a run that was stopped goes on, also with more films.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from small_network import batches, learn
from stored_strips import CONTRAST, WORTH_OF_S1, Samples
from strip_reader import BETWEEN, PLACES, LineReader
from torch import Tensor

from spinemorph.measure.strips import ACROSS, KINDS, ROWS

#: Strips of a step, the highest rate of learning, how fast weights decay.
BATCH, RATE, DECAY = 192, 1e-3, 0.1
#: Share of strips that are inverted.
INVERTED = 0.05
#: By how many rows and columns a frame is moved, how often, and in what part of the time: whole ones, since
#: strips that are cut anew are blurred.
ASIDE, OFTEN, MOVED = (-1, 0, 1), (0.2, 0.6, 0.2), 0.75
LINES = "lines.pt"


def seen(samples: Samples, rows: np.ndarray, down: int = 0, forward: int = 0) -> Tensor:
    """What the reader sees of strips whose frame lies so many of their columns and rows aside."""
    strips = samples.strips(rows, slice(BETWEEN.start + forward, BETWEEN.stop + forward))
    at = (torch.arange(ROWS) + down).clamp(0, ROWS - 1)
    return strips[:, :, at].contiguous(memory_format=torch.channels_last)


def contrasted(strips: Tensor) -> Tensor:
    count = len(strips)
    sign = torch.where(torch.rand(count) < INVERTED, -1.0, 1.0)
    strips[:, :2] *= (sign * (1 + CONTRAST * torch.randn(count)))[:, None, None, None]
    return strips


def loss_of(
    reader: LineReader, samples: Samples, rows: np.ndarray, down: int, forward: int
) -> Tensor:
    """Mean absolute errors of the middle and of the depths, in hundredths of the endplate."""
    kinds, at = samples.kinds[rows], samples.points[rows].clone()
    at[..., 1] -= down * 2 * ACROSS / (ROWS - 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        strips = contrasted(seen(samples, rows, down, forward))
        _, middle, depths = reader(strips, kinds)
    true = torch.from_numpy(samples.depths[rows]).reshape(depths.shape)
    worth = 1 + (WORTH_OF_S1 - 1) * kinds[:, 2]
    known = torch.isfinite(at[:, 2, 1]) * worth
    off = (torch.nan_to_num(at[:, 2, 1]) - middle).abs() * known
    return 100 * off.sum() / known.sum() + apart_in_depth(depths, true, at)


def apart_in_depth(deep: Tensor, depths: Tensor, at: Tensor) -> Tensor:
    """How far, in hundredths, the depths (n, places, parts) that were read across the strips lie from the
    true ones, which are counted from the line between the true corners ``at`` (n, 3, 2).
    """
    ends = at[:, :2, 1]
    line = ends.mean(1)[:, None] + torch.tensor(PLACES) * (ends[:, 0] - ends[:, 1])[:, None]
    true = line[:, :, None] + depths
    known = torch.isfinite(true)
    off = 100 * (torch.nan_to_num(true) - deep).abs() * known
    return off.sum() / known.sum().clamp(min=1)


def fit(samples: Samples, run: Path, minutes: float) -> LineReader:
    """Fitted for so many minutes, those of a run that is taken up included; its averaged weights."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    reader = LineReader().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = np.random.default_rng()
    optimizer = torch.optim.AdamW(reader.parameters(), RATE, weight_decay=DECAY, fused=True)
    steps = batches(np.flatnonzero(~samples.held[samples.film_of]), BATCH, rng)

    def loss(over: float) -> Tensor:
        down, forward = rng.choice(ASIDE, 2, p=OFTEN) if over < MOVED else (0, 0)
        return loss_of(reader, samples, next(steps), down, forward)

    learn(reader, optimizer, loss, run / LINES, minutes, {})
    return reader


def report(name: str, reader: LineReader, samples: Samples, rows: np.ndarray) -> None:
    off = []
    with torch.no_grad():
        for own in np.array_split(rows, len(rows) // 1000 + 1):
            _, middle, _ = reader(seen(samples, own), samples.kinds[own])
            off.append((samples.points[own, 2, 1] - middle).numpy() * samples.length_mm[own])
    away = np.abs(np.concatenate(off))
    told = (
        f"{np.nanmean(away[samples.kind[rows] == kind]):.3f} mm {plate}"
        for kind, plate in zip(range(KINDS), ("superior", "inferior", "S1"), strict=True)
    )
    print(f"{name}: {len(rows)} endplates left out, middle {', '.join(told)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples = Samples(options.folders)
    print(f"{len(samples.films)} films, {len(samples.kind)} strips", flush=True)
    reader = fit(samples, options.run, options.minutes)
    for i, folder in enumerate(options.folders):
        left_out = samples.held & samples.plain & (samples.folder == i)
        rows = np.flatnonzero(left_out[samples.film_of] & samples.whole)
        report(f"{folder.name}: true masks, settings of the tests", reader, samples, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
