"""Fit how wide intervals must be: spinemorph/measure/intervals.json.

    python benchmarks/calibrate_intervals.py --anatomy DIR [--films 500] [--workers 2] [--keep ROWS.jsonl]
        [--weights FILE] [--masks-only] [--settings FILE ...]

Films from seed 40,000 (no test uses them), drawn once and looked at from true masks and with the model. The
factor of a measure is the one with which its intervals hold the truth in 95 of 100 cases, for each route; a
measure that could not be checked keeps at least the spread of its draws, and osteophytes are judged where one
is told. The films have the settings of the tests, unless ``--settings`` names others, which share the films.
With ``--keep`` the raw rows are kept, and a run that was stopped goes on; ``--films 0`` fits to what is kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from rows import main as draw_rows
from summary import GRADES, TOLD, by_route, lines, named

HERE = Path(__file__).parent
OUT = HERE.parent / "spinemorph" / "measure" / "intervals.json"
FIRST = 40_000
LEAST = 60
#: No factor is larger than so many of all rows need. Osteophytes of masks reach less far than those of the
#: model, of which some are not there.
MOST = {"masks": 0.965, "model": 0.97}


def factors(films: list[dict], most: float) -> dict[str, float]:
    """Factor of every measure that at least ``LEAST`` rows tell of, and of any other."""
    found = {}
    for name, rows in named(films).items():
        known = [row for row in rows if row.spread is not None and row.spread > 0]
        if name in GRADES or len(known) < LEAST:
            continue
        ratios = np.array([abs(row.value - row.true) / (1.96 * (row.spread or 1)) for row in known])
        told = np.array([row.value >= TOLD.get(name, -np.inf) for row in known])
        times = min(np.quantile(ratios[told], 0.95), np.quantile(ratios, most))
        found[name] = round(float(times), 3)
    if found:
        found["any"] = round(float(np.median(list(found.values()))), 3)
    return dict(sorted(found.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--films", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--settings", type=Path, nargs="+")
    parser.add_argument("--masks-only", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    names = options.settings or [HERE / "settings" / "test.json"]
    with tempfile.TemporaryDirectory() as folder:
        rows = options.keep or Path(folder) / "rows.jsonl"
        share = options.films // len(names)
        for place, settings in enumerate(names):
            command = [str(rows)]
            command += ["--first", str(FIRST + place * share), "--films", str(share)]
            command += ["--settings", str(settings), "--workers", str(options.workers)]
            command += ["--anatomy", str(options.anatomy)] if options.anatomy else []
            command += ["--weights", str(options.weights)] if options.weights else []
            command += ["--no-model"] if options.masks_only else []
            draw_rows(command)
        routes = by_route(lines([rows]))
    stored = json.loads(OUT.read_text(encoding="utf-8"))
    known, counts = stored["factors"], stored.get("films", {})
    for route, films in routes.items():
        if found := factors(films, MOST.get(route, MOST["model"])):
            known[route], counts[route] = found, len(films)
    note = (
        "Factor on the standard deviation of the draws of each measure with which intervals hold the truth "
        f"in 95 of 100 cases. Made by benchmarks/calibrate_intervals.py from seed {FIRST}."
    )
    text = json.dumps({"note": note, "films": counts, "factors": known}, indent=1)
    OUT.write_text(text + "\n", encoding="utf-8")
    for route, found in known.items():
        print(
            f"{route}: {len(found)} factors, from {min(found.values(), default=0)} to "
            f"{max(found.values(), default=0)}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
