"""How often two films on one picture are said to be two, and one film is not.

python benchmarks/two_films.py --anatomy DIR [--settings FILE] [--pairs 60] [--first 70000]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from looking import Looker

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

FLAG = "second_column"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--first", type=int, default=70000)
    options = parser.parse_args()
    settings = Settings.load(options.settings) if options.settings else Settings()
    bones, looker = load_anatomy(options.anatomy), Looker(None)
    films: list[np.ndarray] = []
    seed = options.first
    while len(films) < 2 * options.pairs:
        film = simulate_film(bones, settings, seed)
        if film.truth.view == "lateral":
            films.append(film.pixels)
        seed += 1
    single = [FLAG in looker.look(pixels).spine.flags for pixels in films]
    pairs = []
    for left, right in zip(films[::2], films[1::2], strict=True):
        rows = min(len(left), len(right))
        picture = np.ascontiguousarray(np.hstack([left[:rows], right[:rows]]))
        pairs.append(FLAG in looker.look(picture).spine.flags)
    print(f"settings sha256 {settings.digest()[:16]}; seeds {options.first} to {seed - 1}")
    print(f"one film on a picture: called two {sum(single)} of {len(single)}")
    print(f"two films side by side: called two {sum(pairs)} of {len(pairs)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
