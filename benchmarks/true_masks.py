"""Measurements from the simulator's true masks alone against its true geometry.

    python benchmarks/true_masks.py --anatomy DIR [--films 200] [--first SEED] [--settings FILE]

What the route from masks to corners (morphology and line fits) loses, without any model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spinemorph.measure.discs import DiscSpaces
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.heights import VertebralHeights
from spinemorph.measure.lordosis import Lordosis
from spinemorph.measure.slip import Slip
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm
from spinemorph.types import (
    Instance,
    LabeledSpine,
    LabeledVertebra,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
)


def errors(film: SimulatedFilm) -> list[tuple[str, str, float]]:
    """Name, uppermost level and error of every measurement that has a true value."""
    truth = film.truth
    bodies = [body for body in truth.bodies if body.visible > 0.98]
    vertebrae = tuple(
        LabeledVertebra(Instance(body.category, 1.0, body.mask, body.box), body.level)
        for body in bodies
    )
    spine = LabeledSpine(vertebrae, (), Numbering(1.0), truth.facing)
    spacing = PixelSpacing(truth.spacing_mm, truth.spacing_mm, "user")
    radiograph = Radiograph(film.pixels, Source("film", ""), spacing)
    provided = EndplatesAndCorners().process(radiograph, spine, {}).provided
    known = {(name, levels): value for name, levels, value in truth.measurements}
    found = []
    for postprocessor in (Lordosis(), DiscSpaces(), VertebralHeights(), Slip()):
        for item in postprocessor.process(radiograph, spine, provided).measurements:
            true = known.get((item.name, item.levels))
            if true is not None and item.value is not None:
                found.append((item.name, item.levels[0], item.value - true))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    settings = Settings.load(options.settings) if options.settings else Settings()
    bones = load_anatomy(options.anatomy)
    rows: list[tuple[str, str, float]] = []
    for seed in range(options.first, options.first + options.films):
        film = simulate_film(bones, settings, seed)
        if film.truth.view == "lateral":
            rows += errors(film)
    print(
        f"settings sha256 {settings.digest()[:16]}; "
        f"seeds {options.first} to {options.first + options.films - 1}"
    )
    for name in dict.fromkeys(row[0] for row in rows):
        values = np.array([row[2] for row in rows if row[0] == name])
        print(
            f"{name}: n {len(values)}, "
            f"mean absolute error {np.abs(values).mean():.2f}, "
            f"median {np.median(np.abs(values)):.2f}, bias {values.mean():+.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
