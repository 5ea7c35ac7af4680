"""What positioning alone changes: two films of an unchanged spine, landmarks exact.

    python benchmarks/positioning.py --anatomy DIR [--pairs 600] [--first SEED] [--write]

The patient stands turned by 2.8 degrees (standard deviation, roll and yaw) against the first film; the
camera (distance, centre of the beam, tilt, facing) is drawn anew. ``--write`` puts the standard
deviations into spinemorph/compare/limits.json. They are those of the normal distribution that reaches as
far as the differences do at the 95th and the 99th percentile: a test decides in the tail.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from exact import Measurer

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import film_geometry
from spinemorph.simulate.followup import Visit, follow_up_geometry
from spinemorph.simulate.settings import Settings
from spinemorph.types import Study

LIMITS = Path(__file__).parents[1] / "spinemorph" / "compare" / "limits.json"
Row = tuple[str, tuple[str, ...], str, float, float]


def settings_of_pairs(path: Path | None) -> Settings:
    """Lateral films that show the sacrum."""
    chosen = Settings.load(path) if path else Settings()
    framing = replace(chosen.framing, above_sacrum=0.0, ap_view=0.0)
    return replace(chosen, framing=framing, inverted=0.0)


def run(job: tuple[Path | None, Path | None, range]) -> list[Row]:
    anatomy, path, seeds = job
    bones, settings, measurer = load_anatomy(anatomy), settings_of_pairs(path), Measurer()
    rows: list[Row] = []
    for seed in seeds:
        one = measurer.study(film_geometry(bones, settings, seed))
        two = measurer.study(follow_up_geometry(bones, settings, seed, Visit(1)))
        rows += differences(one, two)
    return rows


def differences(one: Study, two: Study) -> Iterator[Row]:
    for item in one.measurements:
        other = two.find(item.name, item.levels, item.site)
        if item.value is not None and other is not None and other.value is not None:
            yield item.name, item.levels, item.unit, other.value - item.value, item.value


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--first", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    last = options.first + options.pairs
    jobs = [
        (options.anatomy, options.settings, range(options.first + k, last, options.workers))
        for k in range(options.workers)
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        rows = [row for part in pool.map(run, jobs) for row in part]
    by_name = defaultdict(list)
    for name, levels, unit, difference, value in rows:
        by_name[name, unit].append((levels, difference, value))
    table = {}
    for (name, unit), found in by_name.items():
        if name.endswith("_grade"):
            continue
        every = np.array([difference for _, difference, _ in found])
        entry = {"unit": unit, "all": spread(every)}
        table[name] = entry
        print(
            f"{name:32s} {unit:4s} n {len(every):5d} sd {every.std():8.4f} "
            f"kept {entry['all']:8.4f} kurtosis {kurtosis(every):6.1f}"
        )
    if options.write:
        data = json.loads(LIMITS.read_text(encoding="utf-8"))
        data["positioning"] = table
        LIMITS.write_text(layout(data), encoding="utf-8")
    return 0


def spread(values: np.ndarray) -> float:
    """The standard deviation of a normal that reaches as far at the 95th and the 99th percentile."""
    reach = [np.percentile(np.abs(values), share) / z for share, z in ((95, 1.960), (99, 2.576))]
    return float(f"{max(reach):.3g}")


def kurtosis(values: np.ndarray) -> float:
    return float(np.mean((values - values.mean()) ** 4) / max(values.var(), 1e-12) ** 2)


def layout(data: dict) -> str:
    """One record a line."""
    published = ",\n".join(f"  {json.dumps(row)}" for row in data["published"])
    parts = [
        f' "{part}": {{\n'
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in data[part].items())
        + "\n }"
        for part in ("positioning", "implants", "tails")
    ]
    return (
        f'{{\n "note": {json.dumps(data["note"])},\n "published": [\n{published}\n ],\n'
        + ",\n".join(parts)
        + "\n}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
