"""Time and size of each report writer on films of 2,870 x 1,100 pixels, and memory over many.

    python benchmarks/report.py [--runs 9] [--films 60]

Every run has another film, so that nothing is remembered from the run before. The first PDF of a process
includes the imports and the reading of the fonts. Memory is what the process holds after 20 reports and
after all of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.hookspecs import ReportWriter
from spinemorph.report.cohort import Cohort
from spinemorph.report.cohort_pdf import write_cohort_pdf
from spinemorph.report.csv_writer import CsvWriter
from spinemorph.report.html import HtmlWriter
from spinemorph.report.json_writer import JsonWriter
from spinemorph.report.overlay import OverlayWriter
from spinemorph.report.pdf import PdfWriter
from spinemorph.types import (
    ImageInfo,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
    Study,
    Vertebra,
)

ROWS, COLUMNS = 2870, 1100


def drawn_study(seed: int) -> tuple[Study, Radiograph]:
    """A film of noise and seven bodies with outlines of 400 points and 140 measurements."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0.1, 0.8, ROWS, dtype=np.float32)[:, None]
    pixels = np.clip(rows + rng.normal(0, 0.05, (ROWS, COLUMNS)).astype(np.float32), 0, 1)
    spacing = PixelSpacing(0.15, 0.15, "detector")
    source = Source(f"benchmark{seed}.dcm", "00" * 32)
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    bodies, measurements = [], []
    for index, level in enumerate(reversed(LEVELS_UPWARD[:7])):
        tilt = np.radians(25 - 8 * index)
        turned = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        centre = np.array([520.0 - 30 * np.sin(index) + seed % 7, 500.0 + 270 * index])
        corners = np.array([[-120.0, -90], [120, -90], [-120, 90], [120, 90]]) @ turned.T + centre
        contour = np.column_stack([130 * np.cos(turn), 95 * np.sin(turn)]) @ turned.T + centre
        if level == "S1":
            corners[2:] = np.nan
        category = "sacrum" if level == "S1" else "lumbar"
        bodies.append(Vertebra(level, category, 0.9, contour, corners))
        measurements += [
            Measurement(
                f"measure_{i}", (level,), float(i), "mm", "definition", interval95=(0, 2 * i)
            )
            for i in range(18)
        ]
    lordosis = float(rng.uniform(40, 60))
    measurements.append(
        Measurement(
            "lumbar_lordosis", ("L1", "S1"), lordosis, "deg", "Cobb", interval95=(lordosis, 61)
        )
    )
    levels = [body.level for body in bodies]
    for pair in zip(levels, levels[1:], strict=False):
        measurements += [
            Measurement(name, pair, 9.0, unit, "facing endplates", interval95=(7, 11))
            for name, unit in (("disc_angle", "deg"), ("disc_height_middle", "mm"), ("slip", "mm"))
        ]
    study = Study(
        source,
        ImageInfo(ROWS, COLUMNS, "left", spacing),
        tuple(bodies),
        (),
        tuple(measurements),
        Numbering(0.97),
        ("detector_scale",),
        {"spinemorph": "benchmark"},
    )
    return study, Radiograph(pixels, source, spacing)


def resident() -> float:
    """Megabytes that the process holds now."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--films", type=int, default=60)
    options = parser.parse_args()
    drawn = [drawn_study(seed) for seed in range(options.runs + 1)]
    writers: dict[str, Callable[[], ReportWriter]] = {
        "report.pdf": PdfWriter,
        "overlay.png": OverlayWriter,
        "study.json": JsonWriter,
        "measurements.csv": CsvWriter,
        "report.html": HtmlWriter,
    }
    print(f"films of {ROWS} x {COLUMNS} pixels; seconds of processor time")
    print(f"{'file':18}{'first':>8}{'median':>8}{'kB':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, create in writers.items():
            seconds = []
            for study, film in drawn:
                path = folder / f"{len(seconds)}-{file}"
                began = time.process_time()
                create().write(study, film, path)
                seconds.append(time.process_time() - began)
            size = path.stat().st_size / 1000
            print(f"{file:18}{seconds[0]:8.3f}{statistics.median(seconds[1:]):8.3f}{size:8.0f}")
        cohort, held = Cohort(), []
        for count in range(options.films):
            study, film = drawn_study(1000 + count)
            PdfWriter().write(study, film, folder / "memory.pdf")
            cohort.add(study, f"film{count}")
            if count + 1 in (min(20, options.films), options.films):
                held.append(resident())
        print(f"memory after 20 reports {held[0]:.0f} MB, after {options.films} {held[-1]:.0f} MB")
        began = time.process_time()
        write_cohort_pdf(cohort, folder / "cohort.pdf")
        print(f"cohort.pdf of {options.films} films: {time.process_time() - began:.3f} s")


if __name__ == "__main__":
    main()
