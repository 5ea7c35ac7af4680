"""Fit the network that reads corners and middles of endplates from masks and film: measure/strips.onnx.

    python benchmarks/calibrate_lines.py FOLDER ... --run LINES
    python benchmarks/calibrate_strips.py FOLDER ... --run RUN --lines LINES [--minutes 60] [--threads 2]
        [--from FILE] [--keep-maps] [--try]

Each FOLDER is what benchmarks/strip_samples.py has made, say of films with bones from meshes and of films
with drawn bones; all are learned from. One film of sixteen is left out: errors are printed of the whole
bodies there, before (the mask alone) and after, for each folder, and spreads are set by all of them. RUN
keeps the state every few minutes; a run that was stopped goes on. What sees the lines is as LINES has left
it. ``--from`` starts with the network in FILE, which these films then teach further, all of it or with
``--keep-maps`` what comes after the maps (in a third of the time, on strips as they are). ``--minutes 0``
writes what RUN holds, ``--try`` only prints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from calibrate_lines import LINES
from small_network import batches, learn, write
from stored_strips import CONTRAST, WORTH_OF_S1, Samples
from strip_reader import REST, OfOneFilm, StripReader, learns, taken_up
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from spinemorph.measure.strips import ACROSS, ALONG, COLUMNS, FILE, KINDS, ROWS
from spinemorph.types import FloatArray

OUT = Path(__file__).parent.parent / "spinemorph" / "measure" / FILE
#: Films of a step, the highest rate of learning from nothing and of learning further, the steepest gradient.
BATCH, RATE, FURTHER, STEEPEST = 8, 2e-3, 8e-4, 5.0
#: How much the points of the maps count, and their usual error in lengths of an endplate.
MAPS, USUAL = 0.25, 0.012
#: How much the tilt of an endplate counts, and its usual error in radians: lordosis is made of it, and
#: corners that err alike do not tilt it. How much the place of its middle counts, of which middle heights
#: are made, and its usual error in lengths: a depth may make up for the corners that it is counted from.
TILTS, USUAL_TILT = 0.5, 0.006
MIDDLES, USUAL_MIDDLE = 0.5, 0.008
#: Share of films that are inverted, and spread of noise, while maps are learned.
INVERTED, NOISE = 0.1, 0.15
#: Part of the strips whose frame is moved, and the spreads of shift (in lengths of the endplate), turn (in
#: radians) and size.
JOLTED, SHIFT, TURN, SIZE = 0.5, 0.008, 0.01, 0.01


def shaken(strips: Tensor, film: Tensor, films: int) -> Tensor:
    """With other contrast, noise, and some films inverted; ``film`` (n,) of each strip."""
    sign = torch.where(torch.rand(films) < INVERTED, -1.0, 1.0)
    contrast = sign * (1 + CONTRAST * torch.randn(films))
    noise = NOISE * torch.rand(films) ** 2
    strips[:, :2] *= contrast[film][:, None, None, None]
    strips[:, :2] += torch.randn_like(strips[:, :2]) * noise[film][:, None, None, None]
    return strips.contiguous(memory_format=torch.channels_last)


def jolted(strips: Tensor, true: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some strips as they are seen from frames a little aside, with what is told of them (n, 5 and more
    depths) and their points (n, 3, 2) in that frame.
    """
    count = len(strips)
    some = (torch.rand(count) < JOLTED).float()
    shift, size = (
        SHIFT * torch.randn(count, 2) * some[:, None],
        1 + SIZE * torch.randn(count) * some,
    )
    turn = TURN * torch.randn(count) * some
    cos, sin, over = torch.cos(turn), torch.sin(turn), ACROSS / ALONG
    x = torch.stack([size * cos, -size * sin * over, shift[:, 0] / ALONG], 1)
    y = torch.stack([size * sin / over, size * cos, shift[:, 1] / ACROSS], 1)
    moved = strips.clone()
    which = torch.nonzero(some).squeeze(1)
    grid = affine_grid(torch.stack([x, y], 1)[which], [len(which), *strips.shape[1:]], True)
    moved[which] = grid_sample(strips[which], grid, padding_mode="border", align_corners=True)
    rest = torch.tensor(REST)
    apart = (at + rest - shift[:, None]) / size[:, None, None]
    turned = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    points = apart @ turned - rest
    return moved, torch.cat([points[:, :2].flatten(1), true[:, 4:] / size[:, None]], 1), points


def loss_of(reader: StripReader, samples: Samples, chosen: np.ndarray, maps: bool) -> Tensor:
    """With ``maps`` that learn, strips are moved and grained; else they are seen as they are."""
    rows, place, there = samples.batch(chosen)
    strips, kinds = samples.strips(rows), samples.kinds[rows]
    true, at = torch.from_numpy(samples.true[rows]), samples.points[rows]
    if maps:
        film = torch.repeat_interleave(torch.arange(len(chosen)), there.sum(1).long())
        strips, true, at = jolted(strips, true, at)
        strips = shaken(strips, film, len(chosen))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        told, spread, points = reader.together(strips, kinds, place, there)
    worth = 1 + (WORTH_OF_S1 - 1) * kinds[:, 2:]
    known = torch.isfinite(true) * worth
    off = torch.nan_to_num(true) - told
    likely = ((off.abs() / reader.scale * torch.exp(-spread) + spread) * known).sum()
    tilted = (off[:, 1] - off[:, 3]).abs() / USUAL_TILT * known[:, 1]
    placed = ((off[:, 1] + off[:, 3]) / 2 + off[:, 4]).abs() / USUAL_MIDDLE * known[:, 4]
    loss = likely / known.sum() + TILTS * tilted.sum() / known[:, 1].sum()
    loss = loss + MIDDLES * placed.sum() / known[:, 4].sum()
    if not maps:
        return loss
    shown = torch.isfinite(at).all(2) * worth
    beside = ((points - torch.nan_to_num(at)).abs().sum(2) / USUAL * shown).sum() / shown.sum()
    return loss + MAPS * beside


def fit(
    samples: Samples,
    run: Path,
    minutes: float,
    lines: Path | None = None,
    written: Path | None = None,
    maps: bool = True,
) -> StripReader:
    """Fitted for so many minutes, those of a run that is taken up included, from nothing or from a network
    that was ``written``, of which the ``maps`` may be left as they are; its averaged weights. What sees
    ``lines`` is as the run of calibrate_lines.py there has left it, or as it was written.
    """
    torch.manual_seed(0)
    reader, rng = StripReader().to(memory_format=torch.channels_last), np.random.default_rng(0)  # type: ignore[call-overload]
    reader.scale.copy_(torch.tensor(samples.scale, dtype=torch.float32))
    if written is not None:
        taken_up(reader, written)
    if lines is not None:
        reader.lines.load_state_dict(torch.load(lines / LINES, weights_only=True)["average"])
    learns(reader, maps=maps, norms=written is None)
    rate = RATE if written is None else FURTHER
    optimizer = torch.optim.AdamW(reader.parameters(), rate, weight_decay=0.02)
    steps = batches(np.flatnonzero(~samples.held), BATCH, rng)

    def loss(_: float) -> Tensor:
        return loss_of(reader, samples, next(steps), maps)

    learn(
        reader,
        optimizer,
        loss,
        run / "state.pt",
        minutes,
        {"--from": written is not None, "maps learn": maps},
        STEEPEST,
    )
    return reader


def told_of(
    reader: StripReader, samples: Samples, films: np.ndarray
) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Rows of the whole bodies of these films, what is told of them (n, 5), and how sure (n, 5) before it
    is set.
    """
    rows, told, spread = [], [], []
    with torch.no_grad():
        for first in range(0, len(films), BATCH):
            own, place, there = samples.batch(films[first : first + BATCH])
            away, sure, _ = reader.together(samples.strips(own), samples.kinds[own], place, there)
            rows.append(own)
            told.append(away.numpy().astype(np.float64))
            spread.append((torch.exp(sure) * reader.scale).numpy().astype(np.float64))
    every = np.concatenate(rows)
    whole = samples.whole[every]
    return every[whole], np.concatenate(told)[whole], np.concatenate(spread)[whole]


def report(name: str, samples: Samples, rows: np.ndarray, told: FloatArray) -> None:
    before, after = samples.true[rows] - samples.by_mask[rows], samples.true[rows] - told
    mm = samples.length_mm[rows, None]
    for kind, plate in enumerate(("superior", "inferior", "S1")):
        own = samples.kind[rows] == kind
        line = f"{name}, {plate}: {own.sum()} endplates"
        for when, off in (("mask alone", before[own]), ("with the film", after[own])):
            turned = np.degrees(np.nanmean(np.abs(off[:, 1] - off[:, 3])))
            forward, inward, middle = (
                np.nanmean(np.abs(off * mm[own])[:, part]) for part in ([0, 2], [1, 3], [4])
            )
            line += (
                f"; {when}: corners {forward:.3f} mm forward, {inward:.3f} inward, "
                f"middle {middle:.3f}, endplate {turned:.3f} degrees"
            )
        print(line, flush=True)


def wider(samples: Samples, rows: np.ndarray, told: FloatArray, spread: FloatArray) -> FloatArray:
    """Factors (3, 5) with which 1.96 standard deviations hold 95 of 100 errors, by kind of endplate."""
    ratio = np.abs(samples.true[rows] - told) / (1.96 * spread)
    return np.array(
        [np.nanquantile(ratio[samples.kind[rows] == k], 0.95, axis=0) for k in range(KINDS)]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--lines", type=Path, help="run of calibrate_lines.py")
    parser.add_argument("--from", dest="written", type=Path)
    parser.add_argument(
        "--keep-maps", action="store_true", help="of the network in FILE, as they are"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--try", dest="only_try", action="store_true")
    options = parser.parse_args()
    if options.lines is None and options.written is None:
        parser.error("--lines RUN: what sees the lines is learned first, by calibrate_lines.py")
    torch.set_num_threads(options.threads)
    samples = Samples(options.folders)
    print(f"{len(samples.films)} films, {len(samples.kind)} strips", flush=True)
    reader = fit(
        samples,
        options.run,
        options.minutes,
        options.lines,
        options.written,
        not options.keep_maps,
    )
    rows, told, spread = told_of(reader, samples, np.flatnonzero(samples.held))
    for i, folder in enumerate(options.folders):
        for name, which in (
            ("true masks, settings of the tests", samples.plain),
            ("all, redrawn masks included", np.ones(len(samples.films), bool)),
        ):
            own = (which & (samples.folder == i))[samples.film_of[rows]]
            report(f"{folder.name}: {name}", samples, rows[own], told[own])
    if not options.only_try:
        note = f"benchmarks/calibrate_strips.py, {len(samples.films)} films"
        film = OfOneFilm(reader, wider(samples, rows, told, spread))
        given = {"strips": torch.zeros(3, 4, ROWS, COLUMNS), "kinds": torch.eye(KINDS)}
        write(film, given, ("away", "spread"), {"note": note}, OUT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
