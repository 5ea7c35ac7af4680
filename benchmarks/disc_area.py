"""Areas of disc spaces from true masks, with the true corners and without, against the true mid-lines.

python benchmarks/disc_area.py --anatomy DIR [--films 50] [--first SEED]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spinemorph.measure.discs import DiscSpaces
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm, TrueBody
from spinemorph.types import (
    Instance,
    LabeledSpine,
    LabeledVertebra,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
)


def instance(body: TrueBody, *, corners: bool) -> Instance:
    ends = 2 if body.level == "S1" else 4
    known = np.where(np.arange(4)[:, None] < ends, body.corners, np.nan)
    return Instance(body.category, 1.0, body.mask, body.box, known if corners else None)


def areas(simulated: SimulatedFilm, *, corners: bool) -> Iterator[tuple[Measurement, float]]:
    """Every measured area with its true value in mm2."""
    truth = simulated.truth
    bodies = [body for body in truth.bodies if body.visible > 0.98 and not body.replaced]
    vertebrae = tuple(LabeledVertebra(instance(b, corners=corners), b.level) for b in bodies)
    spine = LabeledSpine(vertebrae, (), Numbering(1.0), truth.facing)
    spacing = PixelSpacing(truth.spacing_mm, truth.spacing_mm, "user")
    film = Radiograph(simulated.pixels, Source("film", ""), spacing)
    provided = EndplatesAndCorners().process(film, spine, {}).provided
    true = {
        levels: value for name, levels, value in truth.measurements if name == "disc_area_midline"
    }
    for item in DiscSpaces().process(film, spine, provided).measurements:
        if item.name == "disc_area" and item.value is not None and item.levels in true:
            yield item, true[item.levels]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--films", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    bones, settings = load_anatomy(options.anatomy), Settings()
    films = [
        simulate_film(bones, settings, seed)
        for seed in range(options.first, options.first + options.films)
    ]
    print(f"settings sha256 {settings.digest()[:16]}; {options.films} films from {options.first}")
    for corners in (True, False):
        found = [pair for film in films for pair in areas(film, corners=corners)]
        for sacral in (False, True):
            here = [pair for pair in found if (pair[0].levels[1] == "S1") is sacral]
            error = np.array([item.value - true for item, true in here])
            inside = [
                item.interval95 is not None and item.interval95[0] <= true <= item.interval95[1]
                for item, true in here
            ]
            print(
                f"{'true corners' if corners else 'masks and film'}, {'L5/S1' if sacral else 'above'}: "
                f"n {len(here)}, true mean {np.mean([true for _, true in here]):.0f} mm2, mean absolute "
                f"error {np.abs(error).mean():.0f}, bias {error.mean():+.0f}, covered "
                f"{100 * np.mean(inside):.0f} %"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
