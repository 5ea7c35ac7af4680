"""Fit how deep the middles of endplates lie that the embedded model sees, and write it into its weights file.

    python benchmarks/calibrate_middles.py WEIGHTS --anatomy DIR [-o FILE] [--films 110] [--first 41000]

The films that the model was trained on have deeper endplates than those of the tests, and the model errs
to that side. A straight line for each kind of endplate (true depth against seen depth, in lengths of the
endplate) takes that away; films have the settings of the tests, and seeds that no test uses.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from spinemorph.learn.export import write_archive
from spinemorph.segmenters.compact import CompactSegmenter
from spinemorph.segmenters.compact.refine import depth_of
from spinemorph.segmenters.compact.weights import FACTS, FINDER, REFINER
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import TrueBody
from spinemorph.types import Instance, Radiograph, Source

#: Usual error of a depth, in lengths of the endplate.
USUAL = 0.005
KINDS = ("superior", "inferior", "sacrum")


def found_bodies(
    segmenter: CompactSegmenter, folder: Path | None, settings: Settings, seeds: Iterable[int]
) -> Iterator[tuple[TrueBody, Instance, bool]]:
    """Bodies of simulated films, what the model found of each, and whether the film faces left."""
    anatomy = load_anatomy(folder)
    for seed in seeds:
        film = simulate_film(anatomy, settings, seed)
        pixels = 1 - film.pixels if film.truth.inverted else film.pixels
        found = segmenter.segment(Radiograph(pixels, Source("film", "")))
        for body in film.truth.bodies:
            if body.visible < 0.98 or body.replaced:
                continue
            size = np.linalg.norm(body.corners[0] - body.corners[1])
            for each in found:
                if each.category == body.category and each.corners is not None:
                    away = each.corners[:2].mean(axis=0) - body.corners[:2].mean(axis=0)
                    if np.linalg.norm(away) < 0.2 * size:
                        yield body, each, film.truth.facing == "left"
                        break


def without_fact(weights: Path, fact: str, out: Path) -> tuple[dict[str, bytes], dict]:
    """Networks and facts of a weights file, which is written to ``out`` without the one to be fitted."""
    with zipfile.ZipFile(weights) as archive:
        parts = {name: archive.read(name) for name in (FINDER, REFINER)}
        facts = json.loads(archive.read(FACTS))
    facts.pop(fact, None)
    write_archive(out, parts, facts)
    return parts, facts


def pairs(body: TrueBody, instance: Instance, facing_left: bool) -> list[tuple[str, float, float]]:
    """Kind, seen depth and true depth of the endplates of a body."""
    sacrum = body.level == "S1"
    found = []
    for k in range(1 if sacrum else 2):
        ends = slice(2 * k, 2 * k + 2)
        seen, true = (
            depth_of(each.corners[ends], each.middles[k], k == 0, facing_left)
            for each in (instance, body)
        )
        found.append(("sacrum" if sacrum else KINDS[k], seen, true))
    return found


def straight(seen: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Slope and shift of the line through these depths; one endplate far off, as of an S1 that lies on
    another line, does not turn it.
    """

    def away(line: np.ndarray) -> np.ndarray:
        return np.asarray(line[0] * seen + line[1] - true)

    fitted = least_squares(away, (1.0, 0.0), loss="soft_l1", f_scale=USUAL).x
    return float(fitted[0]), float(fitted[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("-o", "--out", type=Path, help="without it WEIGHTS is changed")
    parser.add_argument("--films", type=int, default=110)
    parser.add_argument("--first", type=int, default=41_000)
    options = parser.parse_args()
    out = options.out or options.weights
    parts, facts = without_fact(options.weights, "middle_depth", out)
    seeds = range(options.first, options.first + options.films)
    rows = [
        row
        for found in found_bodies(CompactSegmenter(out, "cpu"), options.anatomy, Settings(), seeds)
        for row in pairs(*found)
    ]
    facts["middle_depth"] = {}
    for kind in KINDS:
        seen, true = np.array([row[1:] for row in rows if row[0] == kind]).T
        slope, shift = straight(seen, true)
        facts["middle_depth"][kind] = [round(float(slope), 4), round(float(shift), 4)]
        before, after = np.abs(seen - true).mean(), np.abs(slope * seen + shift - true).mean()
        print(
            f"{kind}: {len(seen)} endplates, true depth {slope:.3f} x seen {shift:+.4f} lengths; "
            f"mean absolute error {before:.4f} -> {after:.4f}, "
            f"correlation {np.corrcoef(seen, true)[0, 1]:.2f}"
        )
    write_archive(out, parts, facts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
