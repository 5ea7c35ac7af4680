"""Fit the function from outlines to corners that spinemorph/measure/mask_corners.json holds.

    python benchmarks/calibrate_masks.py --anatomy DIR [--films 3000] [--first 2000000] [--settings FILE]

Bodies of simulated films (geometry only, nothing is rendered; two of three from the meshes of DIR, the
third from the anatomy that ships with the package) with their true corners, and drawn
quadrilaterals, some hollow or with a beak, as readers outline bodies; ridge regression with Huber
weights. Prints the errors of what was left out, then writes the file. Seeds from 1,000,000 are for fitting,
those below for testing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from spinemorph.measure.mask_corners import described
from spinemorph.measure.outline import QUARTERS
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import film_geometry
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import TrueBody, Truth
from spinemorph.types import Box, FloatArray, Instance

OUT = Path(__file__).parents[1] / "spinemorph" / "measure" / "mask_corners.json"
RIDGE = 0.05
#: Errors beyond this many times the median count with their first power only.
HUBER = 1.5
DRAWN = 6000
#: What all drawn bodies count together, over all simulated ones.
DRAWN_SHARE = 0.3


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


Sample = tuple[str, FloatArray, FloatArray, FloatArray]


def sample(
    instance: Instance, corners: FloatArray, up: FloatArray, forward: FloatArray, millimetre: float
) -> Sample:
    """Category, features (f,), how far the true corners lie from the support points (2k,) and half the
    body's size in mm (2,).
    """
    features, start, (axes, centre, half) = described(instance, up, forward, 1.0)
    true = (corners @ axes.T - centre) / half * np.array(QUARTERS)
    ends = 2 if instance.category == "sacrum" else 4
    return instance.category, features, (true - start)[:ends].ravel(), half * millimetre


def simulated(truth: Truth) -> list[Sample]:
    """Every body that is whole on the film."""
    bodies = [body for body in truth.bodies if body.visible > 0.98]
    if len(bodies) < 2:
        return []
    found = []
    for body, up in zip(bodies, upward(bodies), strict=True):
        forward = np.array([-up[1], up[0]]) * (-1 if truth.facing == "left" else 1)
        instance = Instance(body.category, 1.0, body.mask, body.box)
        found.append(sample(instance, body.corners, up, forward, truth.spacing_mm))
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
    if category == "lumbar" and rng.random() < 0.4:
        _hollow(canvas, points, rng.uniform(0.02, 0.12))
    if category == "lumbar" and rng.random() < 0.3:
        k = int(rng.integers(4))
        out, down = points[k] - points[k ^ 1], points[k ^ 2] - points[k]
        tip = points[k] + rng.uniform(0.05, 0.2) * out + rng.uniform(-0.05, 0.05) * down
        _fill(canvas, np.array([points[k], tip, points[k] + rng.uniform(0.1, 0.25) * down]))
    found_rows, found_columns = np.nonzero(canvas)
    box = Box(
        int(found_rows.min()),
        int(found_columns.min()),
        int(found_rows.max()) + 1,
        int(found_columns.max()) + 1,
    )
    instance = Instance(category, 1.0, canvas[box.slices].astype(bool), box)
    return sample(instance, points, np.array([0.0, -1.0]), np.array([side, 0.0]), pixel)


def _fill(canvas: np.ndarray, points: FloatArray) -> None:
    cv2.fillPoly(canvas, [np.rint(points * 256).astype(np.int32)], 1, shift=8)


def _hollow(canvas: np.ndarray, points: FloatArray, depth: float) -> None:
    height = float(np.linalg.norm(points[0] - points[2]))
    for a, b in ((0, 1), (2, 3)):
        axis, middle = points[a] - points[b], (points[a] + points[b]) / 2
        angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
        size = (round(0.36 * float(np.linalg.norm(axis))), max(round(depth * height), 1))
        centre = (round(float(middle[0])), round(float(middle[1])))
        cv2.ellipse(canvas, centre, size, angle, 0, 360, 0, -1)


def fitted(features: FloatArray, targets: FloatArray, counts: FloatArray) -> FloatArray:
    """Weights (f, 2k) by iteratively reweighted ridge regression; ``counts`` (n,) what a row is worth."""
    weights = counts.copy()
    result = np.zeros((features.shape[1], targets.shape[1]))
    for _ in range(8):
        weighted = features * weights[:, None]
        normal = weighted.T @ features + RIDGE * np.eye(features.shape[1])
        result = np.linalg.solve(normal, weighted.T @ targets)
        away = np.linalg.norm(targets - features @ result, axis=1)
        weights = counts / np.maximum(1, away / (HUBER * np.median(away)))
    return result


def calibrate(
    category: str, films: list[tuple[int, Sample]], hand: list[tuple[int, Sample]]
) -> tuple[FloatArray, FloatArray]:
    """Weights (f, 2k), and covariance (k, 2, 2) of the error on films that were left out."""
    rows = [row for row in [*films, *hand] if row[1][0] == category]
    simulated_rows = sum(1 for row in films if row[1][0] == category)
    is_film = np.arange(len(rows)) < simulated_rows
    features, targets, halves = (np.array([row[1][k] for row in rows]) for k in (1, 2, 3))
    held = np.array([row[0] for row in rows]) % 5 == 0
    counts = np.where(is_film, 1.0, DRAWN_SHARE * simulated_rows / (~is_film).sum())
    trial = fitted(features[~held], targets[~held], counts[~held])
    error = (targets - features @ trial).reshape(len(rows), -1, 2)
    for name, part in (("simulated", is_film & held), ("drawn", ~is_film & held)):
        away = np.abs(error[part] * halves[part][:, None]).mean(axis=(0, 1))
        print(
            f"{category}, {name}: {part.sum()} bodies left out, mean absolute error "
            f"forward {away[0]:.2f} mm, up {away[1]:.2f} mm"
        )
    part = is_film & held
    spread = np.einsum("nki,nkj->kij", error[part], error[part]) / part.sum()
    return fitted(features, targets, counts), spread


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--films", type=int, default=3000)
    parser.add_argument("--first", type=int, default=2_000_000)
    options = parser.parse_args()
    settings = Settings.load(options.settings) if options.settings else Settings()
    # several shapes of bone: what holds for one sacrum only is of no use
    sources = [load_anatomy(options.anatomy), load_anatomy(options.anatomy), load_anatomy(None)]
    films = [
        (seed, row)
        for seed in range(options.first, options.first + options.films)
        for row in simulated(film_geometry(sources[seed % len(sources)], settings, seed))
    ]
    rng = np.random.default_rng(options.first)
    hand = [(i, drawn(rng, "sacrum" if i % 6 == 1 else "lumbar")) for i in range(DRAWN)]
    weights, spread = {}, {}
    for category in ("lumbar", "sacrum"):
        found, error = calibrate(category, films, hand)
        weights[category] = np.round(found, 4).tolist()
        spread[category] = np.round(error, 6).tolist()
    last = options.first + options.films - 1
    note = (
        "Made by benchmarks/calibrate_masks.py from films of two anatomies, "
        f"seeds {options.first} to {last}, "
        f"settings sha256 {settings.digest()}"
    )
    text = json.dumps({"note": note, "spread": spread, "weights": weights})
    OUT.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
