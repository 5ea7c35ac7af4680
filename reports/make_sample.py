"""Make the sample reports again: ``python reports/make_sample.py`` writes reports/sample.

The example film in English and German, as PDF and as a page, with its data and picture; and the summary
of twelve simulated films. All films are simulated: there is no patient. Takes about a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from spinemorph.cli import main as spinemorph
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
SAMPLE = HERE / "sample"
ROWS, COLUMNS, SEED = 1000, 450, 300


def analyze(*arguments: str) -> None:
    """Run the program; its exit code is 0 or this ends with it."""
    try:
        spinemorph(["analyze", *arguments])
    except SystemExit as end:
        if end.code:
            raise


def take(folder: Path, suffix: str = "") -> None:
    """Move the files of ``folder`` to the sample, with ``suffix`` before their extension."""
    for file in sorted(folder.iterdir()):
        if file.is_file():
            file.replace(SAMPLE / f"{file.stem}{suffix}{file.suffix}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--films", type=int, default=12)
    films = parser.parse_args().films
    SAMPLE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HERE) as name:
        folder = Path(name)
        film = str(EXAMPLES / "lateral_lumbar.dcm")
        analyze(film, "-o", str(folder / "en"), "--formats", "pdf,html,json,csv,png")
        take(folder / "en" / "lateral_lumbar")
        analyze(film, "-o", str(folder / "de"), "--formats", "pdf,html", "--language", "de")
        take(folder / "de" / "lateral_lumbar", "-de")
        settings = Settings.load(EXAMPLES / "settings.json")
        (folder / "films").mkdir()
        for seed in range(SEED, SEED + films):
            drawn = simulate_film(load_anatomy(None), settings, seed, (ROWS, COLUMNS))
            write_dicom(drawn, folder / "films" / f"film{seed}.dcm")
        analyze(str(folder / "films"), "-o", str(folder / "all"), "--formats", "pdf,csv")
        take(folder / "all")


if __name__ == "__main__":
    main()
