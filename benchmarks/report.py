"""Time and size of each report writer on one film of 2,870 x 1,100 pixels.

    python benchmarks/report.py [--runs 5]

The first PDF of a process includes the import of reportlab and the reading of the fonts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.hookspecs import ReportWriter
from spinemorph.report.csv_writer import CsvWriter
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


def drawn_study() -> tuple[Study, Radiograph]:
    """A film of noise and seven bodies with outlines of 400 points and 130 measurements."""
    rng = np.random.default_rng(1)
    rows = np.linspace(0.1, 0.8, ROWS, dtype=np.float32)[:, None]
    pixels = np.clip(rows + rng.normal(0, 0.05, (ROWS, COLUMNS)).astype(np.float32), 0, 1)
    spacing = PixelSpacing(0.15, 0.15, "detector")
    source = Source("benchmark.dcm", "00" * 32)
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    bodies, measurements = [], []
    for index, level in enumerate(reversed(LEVELS_UPWARD[:7])):
        tilt = np.radians(25 - 8 * index)
        turned = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        centre = np.array([520.0 - 30 * np.sin(index), 500.0 + 270 * index])
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
    measurements += [
        Measurement("lumbar_lordosis", ("L1", "S1"), 48.0, "deg", "Cobb", interval95=(45, 51)),
        Measurement("disc_angle", ("L4", "L5"), 9.0, "deg", "facing endplates", interval95=(7, 11)),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    study, film = drawn_study()
    writers: dict[str, Callable[[], ReportWriter]] = {
        "report.pdf": PdfWriter,
        "overlay.png": OverlayWriter,
        "study.json": JsonWriter,
        "measurements.csv": CsvWriter,
    }
    print(f"film of {ROWS} x {COLUMNS} pixels; seconds of processor time")
    print(f"{'file':18}{'first':>8}{'median':>8}{'kB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, create in writers.items():
            seconds = []
            for run in range(runs + 1):
                path = Path(folder) / f"{run}-{name}"
                began = time.process_time()
                create().write(replace(study), film, path)
                seconds.append(time.process_time() - began)
            size = path.stat().st_size / 1000
            print(f"{name:18}{seconds[0]:8.3f}{statistics.median(seconds[1:]):8.3f}{size:8.0f}")


if __name__ == "__main__":
    main()
