"""Fit how wide the errors of the embedded model's corners are, and write it into its weights file.

    python benchmarks/calibrate_spread.py WEIGHTS --anatomy DIR [-o FILE] [--films 400] [--first 42000]

The standard deviation of a corner is taken as a power of that of its map, both in lengths of the superior
endplate of its body: the likeliest one under a Student distribution of five degrees of freedom (a few
corners are far off), and then as wide as 95 % ellipses need. Films have the settings of the tests, and seeds
that no test uses. Printed: the share of corners inside, by how sharply they are seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from calibrate_middles import found_bodies, without_fact
from scipy.optimize import minimize
from scipy.stats import chi2

from spinemorph.learn.export import write_archive
from spinemorph.segmenters.compact import CompactSegmenter
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import TrueBody
from spinemorph.types import FloatArray, Instance

FREEDOM = 5
GROUPS = 8


def errors(body: TrueBody, instance: Instance) -> list[tuple[float, float, float]]:
    """Of each corner: error and standard deviation in lengths of the endplate, and the squared error in
    standard deviations along the axes of its covariance.
    """
    assert instance.corners is not None
    assert instance.covariance is not None
    length = float(np.linalg.norm(instance.corners[0] - instance.corners[1]))
    found = []
    for k in range(2 if body.level == "S1" else 4):
        away, covariance = instance.corners[k] - body.corners[k], instance.covariance[k]
        found.append(
            (
                float(np.linalg.norm(away)) / length,
                float(np.sqrt(np.trace(covariance) / 2)) / length,
                float(away @ np.linalg.solve(covariance, away)),
            )
        )
    return found


def law(error: FloatArray, spread: FloatArray) -> tuple[float, float]:
    """Scale and power with which ``scale * spread ** power`` is the likeliest spread of ``error``."""

    def unlikely(parameters: FloatArray) -> float:
        log = parameters[0] + parameters[1] * np.log(spread)
        tail = np.log1p(error**2 / (FREEDOM * np.exp(2 * log)))
        return float(np.mean(2 * log + (FREEDOM + 2) / 2 * tail))

    found = minimize(unlikely, np.array([0.0, 1.0]), method="Nelder-Mead")
    return float(np.exp(found.x[0])), float(found.x[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("-o", "--out", type=Path, help="without it WEIGHTS is changed")
    parser.add_argument("--films", type=int, default=400)
    parser.add_argument("--first", type=int, default=42_000)
    options = parser.parse_args()
    out = options.out or options.weights
    parts, facts = without_fact(options.weights, "corner_spread", out)
    seeds = range(options.first, options.first + options.films)
    settings = Settings.load(Path(__file__).parent / "settings" / "test.json")
    bodies = found_bodies(CompactSegmenter(out, "cpu"), options.anatomy, settings, seeds)
    rows = [row for body, found, _ in bodies for row in errors(body, found)]
    error, spread, squared = np.array(rows).T
    scale, power = law(error, spread)
    inside = squared / (scale * spread ** (power - 1)) ** 2
    scale *= float(np.sqrt(np.quantile(inside, 0.95) / chi2.ppf(0.95, 2)))
    facts["corner_spread"] = [round(scale, 3), round(power, 3)]
    write_archive(out, parts, facts)
    print(f"{len(error)} corners: standard deviation {scale:.3f} x that of the map ^ {power:.3f}")
    for group in np.array_split(np.argsort(spread), GROUPS):
        told = scale * spread[group] ** power
        before = np.mean(squared[group] < chi2.ppf(0.95, 2))
        after = np.mean(squared[group] * (spread[group] / told) ** 2 < chi2.ppf(0.95, 2))
        print(
            f"map {np.median(spread[group]):.4f}, told {np.median(told):.4f}, root mean square error along "
            f"an axis {np.sqrt(np.mean(error[group] ** 2) / 2):.4f}; inside 95 %: {100 * before:.1f} -> "
            f"{100 * after:.1f} %"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
