"""Time and memory of the whole program, as a user runs it.

    python benchmarks/speed.py [--films 50]

A simulated film as a 12-bit 1,100 x 2,870 DICOM: one cold process with all reports, a batch of copies,
the largest memory of a batch of ten times fewer against the whole one, and `--help`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.dicom import write_dicom
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

ROWS, COLUMNS = 2870, 1100
SEED = 44


def run(*arguments: str) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "spinemorph", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {said}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--films", type=int, default=50)
    options = parser.parse_args()
    settings = Settings.load(Path(__file__).parents[1] / "examples" / "settings.json")
    film = simulate_film(load_anatomy(None), settings, SEED, (ROWS // 2, COLUMNS // 2))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dicom(film, folder / "one.dcm", rows=ROWS, columns=COLUMNS)
        few, many = max(options.films // 10, 1), options.films
        for count in (few, many):
            (folder / f"batch{count}").mkdir()
            for i in range(count):
                shutil.copy(folder / "one.dcm", folder / f"batch{count}" / f"film{i:03d}.dcm")
        out = str(folder / "results")
        helps = sorted(run("--help")[0] for _ in range(5))
        print(f"--help: median {helps[2]:.2f} s")
        cold = sorted(run("analyze", str(folder / "one.dcm"), "-o", out)[0] for _ in range(5))
        print(
            f"analyze one film {COLUMNS} x {ROWS}, cold process: "
            f"median {cold[2]:.2f} s, slowest {cold[-1]:.2f} s"
        )
        small = run("analyze", str(folder / f"batch{few}"), "-o", out)
        large = run("analyze", str(folder / f"batch{many}"), "-o", out)
        print(f"batch of {many}: {large[0] / many:.2f} s a film ({large[0]:.1f} s in all)")
        print(
            f"peak memory: batch of {few} {small[1]:.0f} MB, "
            f"of {many} {large[1]:.0f} MB, ratio {large[1] / small[1]:.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
