"""Make the example film: ``python examples/make.py --anatomy DIR`` writes lateral_lumbar.dcm here."""

from __future__ import annotations

import argparse
from pathlib import Path

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

SEED, ROWS, COLUMNS = 44, 2000, 900


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    options = parser.parse_args()
    here = Path(__file__).parent
    settings = Settings.load(here / "settings.json")
    film = simulate_film(load_anatomy(options.anatomy), settings, SEED, (ROWS, COLUMNS))
    write_dicom(film, here / "lateral_lumbar.dcm")
    for name, levels, value in film.truth.measurements:
        if name == "lumbar_lordosis":
            print(f"true {name} {'-'.join(levels)}: {value:.1f} degrees")


if __name__ == "__main__":
    main()
