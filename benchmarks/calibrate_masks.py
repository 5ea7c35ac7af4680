"""Fit the network from outlines to landmarks that spinemorph/measure/mask_shape.npz holds.

    python benchmarks/calibrate_masks.py --anatomy DIR [--films 21000] [--first 2000000] [--workers 2]

Bodies of simulated films (geometry only, nothing is rendered; two of three from the meshes of DIR, the
others from anatomies of the package of several seeds; of every eight films five have the settings of the
tests, two those of training, one many fractures) with their true corners, middles and osteophytes, and
drawn quadrilaterals, some hollow or with a beak, as readers outline bodies. A ridge regression, and a small
network for what it leaves. Prints the errors of what was left out, then writes the file. Seeds from
1,000,000 are for fitting, those below for testing. Needs torch. ``--samples FILE`` keeps the bodies, and
reads them where the file is there already.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from spinemorph.measure.mask_corners import UNUSUAL, described
from spinemorph.measure.outline import PARTS, QUARTERS, outlines, profile
from spinemorph.simulate.anatomy_source import load_anatomy, parametric_bones
from spinemorph.simulate.film import film_geometry
from spinemorph.simulate.meshes import Anatomy
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import TrueBody, Truth
from spinemorph.types import Box, FloatArray, Instance

HERE = Path(__file__).parent
OUT = HERE.parent / "spinemorph" / "measure" / "mask_shape.npz"
SETTINGS = ("test", "test", "test", "test", "test", "train", "train", "fractured")
RIDGE = 0.5
HIDDEN, ROUNDS, BATCH = 192, 45, 256
DRAWN = 6000
#: Of how many films one is left out, by its seed.
HELD = 8
#: Outputs of a body above S1: corners, sunken middles, osteophytes, outline without them less outline.
OUTPUTS = {"lumbar": (8, 2, 4, 4 * PARTS), "sacrum": (4, 1)}
#: A half size in mm by which outputs are weighed against each other, and the weight of each group.
TYPICAL_MM = 16.0
WEIGHTS = (1.0, 0.7, 3.0, 0.3)


def upward(bodies: list[TrueBody]) -> list[FloatArray]:
    """Unit vectors from the centres of the masks of the neighbours, as in the measurement."""
    centres = []
    for body in bodies:
        rows, columns = np.nonzero(body.mask)
        centres.append([columns.mean() + body.box.left, rows.mean() + body.box.top])
    last = len(centres) - 1
    steps = [
        np.subtract(centres[max(i - 1, 0)], centres[min(i + 1, last)]) for i in range(last + 1)
    ]
    return [step / max(float(np.linalg.norm(step)), 1e-9) for step in steps]


#: Category, features (f,), targets (o,), half the body's size in mm (2,).
Sample = tuple[str, FloatArray, FloatArray, FloatArray]


def sample(
    instance: Instance,
    up: FloatArray,
    forward: FloatArray,
    millimetre: float,
    corners: FloatArray,
    middles: FloatArray,
    spurs_mm2: FloatArray,
    bare: Instance | None,
) -> Sample:
    features, start, (axes, centre, half) = described(instance, up, forward, 1.0)
    true = (corners @ axes.T - centre) / half * np.array(QUARTERS)
    ends = 2 if instance.category == "sacrum" else 4
    moved = (true - start)[:ends].ravel()
    sunk = []
    for k in range(ends // 2):
        a, b = corners[2 * k] @ axes.T, corners[2 * k + 1] @ axes.T
        normal = np.array([-(a - b)[1], (a - b)[0]]) / np.linalg.norm(a - b)
        away = float((middles[k] @ axes.T - (a + b) / 2) @ normal)
        sunk.append((-away if k == 0 else away) / half[1])
    if instance.category == "sacrum":
        return "sacrum", features, np.concatenate([moved, sunk]), half * millimetre
    whole = features[-4 * PARTS :]
    without = whole
    if bare is not None:
        without = profile((outlines(bare, 1.0)[0] @ axes.T - centre) / half).ravel()
    share = spurs_mm2 / (4 * half[0] * half[1] * millimetre**2)
    return (
        "lumbar",
        features,
        np.concatenate([moved, sunk, share, without - whole]),
        half * millimetre,
    )


def simulated(truth: Truth) -> list[Sample]:
    """Every body that is whole on the film."""
    bodies = [body for body in truth.bodies if body.visible > 0.98]
    if len(bodies) < 2:
        return []
    found = []
    for body, up in zip(bodies, upward(bodies), strict=True):
        forward = np.array([-up[1], up[0]]) * (-1 if truth.facing == "left" else 1)
        instance = Instance(body.category, 1.0, body.mask, body.box)
        rest = body.mask & ~body.osteophytes
        bare = None
        if body.osteophytes.any() and rest.any():
            bare = Instance(body.category, 1.0, rest, body.box)
        found.append(
            sample(
                instance,
                up,
                forward,
                truth.spacing_mm,
                body.corners,
                body.middles,
                body.osteophyte_mm2,
                bare,
            )
        )
    return found


def drawn(rng: np.random.Generator, category: str) -> Sample:
    """A quadrilateral with its corners; in part with hollow endplates and a beak at one corner."""
    pixel, depth = rng.uniform(0.2, 0.8), rng.uniform(26, 42)
    height = depth * rng.uniform(0.55, 1.0)
    quad = np.array(QUARTERS) * [depth / 2, height / 2] + rng.normal(0, 0.04 * depth, (4, 2))
    if category == "sacrum":
        quad[2:, 0] = quad[2:, 0] * rng.uniform(0.55, 1.05) + rng.normal(0, 3)
    angle = np.radians(rng.normal(0, 8))
    cos, sin = np.cos(angle), np.sin(angle)
    side = float(rng.choice([-1, 1]))
    points = quad @ np.array([[cos, sin], [-sin, cos]]) * [side, -1] / pixel
    points += 0.3 * depth / pixel + rng.uniform(0, 1, 2) - points.min(axis=0)
    columns, rows = np.ceil(points.max(axis=0) + 0.3 * depth / pixel).astype(int)
    canvas = np.zeros((rows, columns), np.uint8)
    _fill(canvas, points[[0, 1, 3, 2]])
    middles = (points[[0, 2]] + points[[1, 3]]) / 2
    if category == "lumbar" and rng.random() < 0.4:
        middles = _hollow(canvas, points, rng.uniform(0.02, 0.12))
    plain, spurs = canvas.copy(), np.zeros(4)
    if category == "lumbar" and rng.random() < 0.3:
        k = int(rng.integers(4))
        out, down = points[k] - points[k ^ 1], points[k ^ 2] - points[k]
        tip = points[k] + rng.uniform(0.05, 0.2) * out + rng.uniform(-0.05, 0.05) * down
        _fill(canvas, np.array([points[k], tip, points[k] + rng.uniform(0.1, 0.25) * down]))
        spurs[k] = float((canvas > plain).sum()) * pixel**2
    return sample(
        _instance(category, canvas),
        np.array([0.0, -1.0]),
        np.array([side, 0.0]),
        pixel,
        points,
        middles,
        spurs,
        _instance(category, plain),
    )


def _instance(category: str, canvas: np.ndarray) -> Instance:
    rows, columns = np.nonzero(canvas)
    low, high = (int(rows.min()), int(columns.min())), (int(rows.max()), int(columns.max()))
    box = Box(low[0], low[1], high[0] + 1, high[1] + 1)
    return Instance(category, 1.0, canvas[box.slices].astype(bool), box)


def _fill(canvas: np.ndarray, points: FloatArray) -> None:
    cv2.fillPoly(canvas, [np.rint(points * 256).astype(np.int32)], 1, shift=8)


def _hollow(canvas: np.ndarray, points: FloatArray, depth: float) -> FloatArray:
    """Take an ellipse out of each endplate; the middles (2, 2) that are left."""
    height = float(np.linalg.norm(points[0] - points[2]))
    size = max(round(depth * height), 1)
    middles = []
    for a, b, c, d in ((0, 1, 2, 3), (2, 3, 0, 1)):
        axis, middle = points[a] - points[b], (points[a] + points[b]) / 2
        angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
        across = np.array([-axis[1], axis[0]]) / np.linalg.norm(axis)
        inward = across * np.sign(across @ ((points[c] + points[d]) / 2 - middle))
        centre = (round(float(middle[0])), round(float(middle[1])))
        axes = (round(0.36 * float(np.linalg.norm(axis))), size)
        cv2.ellipse(canvas, centre, axes, angle, 0, 360, 0, -1)
        middles.append(middle + inward * size)
    return np.array(middles)


@lru_cache(maxsize=1)
def anatomies(folder: Path | None) -> list[Anatomy]:
    """Several shapes of bone: what holds for one sacrum only is of no use."""
    own = [load_anatomy(None), *(parametric_bones(seed) for seed in (11, 12, 13))]
    return [*([load_anatomy(folder)] * 8), *own] if folder else own


def films(job: tuple[Path | None, int, range]) -> list[tuple[int, int, Sample]]:
    """Seed, index of the anatomy and sample of every body of every film."""
    folder, first, seeds = job
    settings = [Settings.load(HERE / "settings" / f"{name}.json") for name in SETTINGS]
    sources = anatomies(folder)
    found = []
    for seed in seeds:
        which = (seed - first) % len(sources)
        chosen = settings[((seed - first) // len(sources)) % len(settings)]
        truth = film_geometry(sources[which], chosen, seed)
        found += [(seed, which, row) for row in simulated(truth)]
    return found


def gathered(options: argparse.Namespace) -> dict[str, dict[str, FloatArray]]:
    """Arrays by kind: features, targets, half sizes, seed and anatomy (-1: drawn) of every sample."""
    last = options.first + options.films
    parts = [
        (options.anatomy, options.first, range(start, min(start + 100, last)))
        for start in range(options.first, last, 100)
    ]
    rows: list[tuple[int, int, Sample]] = []
    with ProcessPoolExecutor(options.workers) as pool:
        for done, part in enumerate(pool.map(films, parts)):
            rows += part
            print(f"{100 * (done + 1)} films, {len(rows)} bodies", file=sys.stderr, flush=True)
    rng = np.random.default_rng(options.first)
    rows += [(i, -1, drawn(rng, "sacrum" if i % 6 == 1 else "lumbar")) for i in range(DRAWN)]
    return {
        kind: {
            "features": np.array([r[2][1] for r in rows if r[2][0] == kind], np.float32),
            "targets": np.array([r[2][2] for r in rows if r[2][0] == kind], np.float32),
            "half": np.array([r[2][3] for r in rows if r[2][0] == kind], np.float32),
            "source": np.array([r[:2] for r in rows if r[2][0] == kind], np.int64),
        }
        for kind in OUTPUTS
    }


def fitted(
    given: FloatArray, targets: FloatArray, counts: FloatArray, use: np.ndarray, seed: int
) -> tuple[FloatArray, list[tuple[FloatArray, FloatArray]]]:
    """Linear map (f, o) and layers of the network that corrects it; inputs have mean 0 and spread 1."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean = (targets[use] * counts[use, None]).sum(axis=0) / counts[use].sum()
    weighed = given[use] * counts[use, None]
    normal = weighed.T @ given[use] + RIDGE * np.eye(given.shape[1])
    linear = np.linalg.solve(normal, weighed.T @ (targets[use] - mean))
    rest = torch.tensor((targets - mean - given @ linear).astype(np.float32))
    inputs, worth = (torch.tensor(part.astype(np.float32)) for part in (given, counts))
    network = torch.nn.Sequential(
        torch.nn.Linear(given.shape[1], HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Linear(HIDDEN, targets.shape[1]),
    )
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    order, steps = np.nonzero(use)[0], ROUNDS * (int(use.sum()) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    rng = np.random.default_rng(seed)
    loss = torch.nn.SmoothL1Loss(reduction="none", beta=0.5)
    for _ in range(ROUNDS):
        mixed = rng.permutation(order)
        for batch in np.split(mixed[: len(mixed) // BATCH * BATCH], len(mixed) // BATCH):
            noise = 0.02 * torch.randn(BATCH, given.shape[1])
            away = loss(network(inputs[batch] + noise), rest[batch]).mean(dim=1)
            optimizer.zero_grad()
            (away * worth[batch]).mean().backward()
            optimizer.step()
            schedule.step()
    layers = [
        (
            part.weight.detach().numpy().T.astype(np.float64),
            part.bias.detach().numpy().astype(np.float64),
        )
        for part in network
        if isinstance(part, torch.nn.Linear)
    ]
    layers[-1] = (layers[-1][0], layers[-1][1] + mean)
    return linear, layers


def evaluated(
    given: FloatArray, linear: FloatArray, layers: list[tuple[FloatArray, FloatArray]]
) -> FloatArray:
    hidden = given
    for weights, bias in layers[:-1]:
        hidden = hidden @ weights + bias
        hidden = hidden / (1 + np.exp(-hidden))
    return given @ linear + hidden @ layers[-1][0] + layers[-1][1]


def calibrate(kind: str, data: dict[str, FloatArray], first: int) -> dict[str, FloatArray]:
    """The arrays of one kind as the file keeps them."""
    features, targets = data["features"].astype(float), data["targets"].astype(float)
    half, (seed, which) = data["half"].astype(float), data["source"].T
    keep = np.isfinite(targets).all(axis=1)
    features, targets, half = features[keep], targets[keep], half[keep]
    seed, which = seed[keep], which[keep]
    hand = which < 0
    held = np.where(hand, (seed // 6) % HELD == 0, (seed - first) % HELD == 3)
    mean, scale = features[~held].mean(axis=0), features[~held].std(axis=0) + 1e-3
    given = np.clip((features - mean) / scale, -UNUSUAL, UNUSUAL)
    groups = OUTPUTS[kind]
    weight = TYPICAL_MM * np.repeat(WEIGHTS[: len(groups)], groups)
    counts = np.where(hand, 0.25 * (~hand).sum() / max(hand.sum(), 1), 1.0)
    linear, layers = fitted(given, targets * weight, counts, ~held, 0)
    linear, layers[-1] = linear / weight, (layers[-1][0] / weight, layers[-1][1] / weight)
    stored = {"mean": mean, "scale": scale, "linear": linear}
    for i, (weights, bias) in enumerate(layers):
        stored[f"w{i}"], stored[f"b{i}"] = weights, bias
    error = targets - evaluated(given, linear, layers)
    corners, plates = groups[0] // 2, groups[1]
    moved = error[:, : 2 * corners].reshape(-1, corners, 2)
    sunk = error[:, groups[0] : groups[0] + plates]
    parts = {"simulated": ~hand & held, "drawn": hand & held, "fitted": ~hand & ~held}
    for name, part in parts.items():
        away = np.abs(moved[part] * half[part][:, None]).mean(axis=(0))
        print(
            f"{kind}, {name}: {part.sum()} bodies, mean absolute error of corners in mm forward "
            f"{np.round(away[:, 0], 2).tolist()}, up {np.round(away[:, 1], 2).tolist()}, of middles "
            f"{np.round(np.abs(sunk[part] * half[part, 1:]).mean(axis=0), 2).tolist()}"
        )
    part = parts["simulated"]
    stored["spread"] = np.einsum("nki,nkj->kij", moved[part], moved[part]) / part.sum()
    errors = [np.sqrt((sunk[part] ** 2).mean(axis=0))]
    if kind == "lumbar":
        true = targets[:, 10:14]
        told = np.maximum(true - error[:, 10:14], 0)
        area = 4 * half.prod(axis=1)[:, None]
        for name in ("simulated", "fitted"):
            a, b = (told * area)[parts[name]], (true * area)[parts[name]]
            print(
                f"osteophytes, {name}: correlation of areas by corner "
                f"{np.corrcoef(a.ravel(), b.ravel())[0, 1]:.3f}, by body "
                f"{np.corrcoef(a.sum(axis=1), b.sum(axis=1))[0, 1]:.3f}"
            )
        away, size = np.abs(error[part][:, 10:14]), told[part]
        for k in range(
            4
        ):  # standard deviation as base and growth: least squares on mean deviations
            design = np.stack([np.ones(part.sum()), size[:, k]], axis=1)
            base, growth = np.linalg.lstsq(design, away[:, k] * 1.25, rcond=None)[0]
            errors.append(np.array([max(base, 1e-4), max(growth, 0.0)]))
        errors = [errors[0], *np.array(errors[1:]).T]
    stored["errors"] = np.concatenate(errors)
    return {f"{kind}_{name}": value.astype(np.float32) for name, value in stored.items()}


def curve(data: dict[str, FloatArray], first: int) -> None:
    """What more films would bring: errors on films left out, after fits to parts of the others."""
    features, targets = data["features"].astype(float), data["targets"].astype(float)
    half, (seed, which) = data["half"].astype(float), data["source"].T
    keep = np.isfinite(targets).all(axis=1) & (which >= 0)
    features, targets, half, seed = features[keep], targets[keep], half[keep], seed[keep]
    held, rng = (seed - first) % HELD == 3, np.random.default_rng(1)
    for part in (0.06, 0.12, 0.25, 0.5, 1.0):
        use = ~held & (rng.random(len(seed)) < part)
        mean, scale = features[use].mean(axis=0), features[use].std(axis=0) + 1e-3
        given = np.clip((features - mean) / scale, -UNUSUAL, UNUSUAL)
        weight = TYPICAL_MM * np.repeat(WEIGHTS, OUTPUTS["lumbar"])
        linear, layers = fitted(given, targets * weight, np.ones(len(seed)), use, 0)
        error = {}
        for name, rows in (("fitted", use), ("left out", held)):
            told = evaluated(given[rows], linear, layers) / weight
            away = (targets[rows] - told)[:, :8].reshape(-1, 4, 2) * half[rows][:, None]
            error[name] = np.abs(away).mean(axis=(0, 1))
        print(
            f"{use.sum()} bodies: mean absolute error of a corner forward and up, in mm: "
            + "; ".join(f"{name} {value[0]:.3f} {value[1]:.3f}" for name, value in error.items())
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--films", type=int, default=21_000)
    parser.add_argument("--first", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--samples", type=Path)
    parser.add_argument(
        "--curve", action="store_true", help="print a learning curve, write nothing"
    )
    options = parser.parse_args()
    if options.samples and options.samples.is_file():
        with np.load(options.samples) as kept:
            data = {
                kind: {
                    key: kept[f"{kind}_{key}"] for key in ("features", "targets", "half", "source")
                }
                for kind in OUTPUTS
            }
    else:
        data = gathered(options)
        if options.samples:
            flat = {f"{kind}_{key}": v for kind, of in data.items() for key, v in of.items()}
            np.savez(options.samples, **flat)
    if options.curve:
        curve(data["lumbar"], options.first)
        return 0
    stored: dict[str, FloatArray] = {}
    for kind in OUTPUTS:
        stored |= calibrate(kind, data[kind], options.first)
    digests = [Settings.load(HERE / "settings" / f"{n}.json").digest()[:16] for n in SETTINGS[4::2]]
    note = (
        f"Made by benchmarks/calibrate_masks.py, seeds {options.first} to "
        f"{options.first + options.films - 1}, settings sha256 {', '.join(digests)}"
    )
    half = {
        name: value.astype(np.float16) if value.size > 400 else value
        for name, value in stored.items()
    }
    np.savez_compressed(OUT, note=np.array(note), **half)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
