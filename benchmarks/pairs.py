"""Pairs of simulated films of one patient: what is called changed, and what is not.

    python benchmarks/pairs.py --anatomy DIR [--pairs 200] [--weights FILE] [--rows FILE] [--workers 2]

One command that can be stopped and started again: every pair is one line of ``--rows`` (JSON), kept
with the hashes of weights and settings, and a pair that is there already is not made again. Of the pairs

* half are unchanged: two films of an unoperated spine, or two of an operated one;
* three in ten are operated between the films: a cage and screws at one segment of L2/3 to L5/S1, its
  disc height, angle and (every third pair) slip changed by 1, 2 or 3 minimal detectable changes;
* two in ten were operated before the first film, and the cage has settled by 0 to 6 mm since.

The second film has another camera, soft tissue, noise, display and stand of the patient (roll and yaw by
2.8 degrees, standard deviation). Scales: both calibrated (1 % off); both at the detector, magnified by
1.0 to 1.3; detector and calibrated; both estimated (3 % off).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from exact import Measurer
from pairs_summary import key_of, summary
from positioning import settings_of_pairs

from spinemorph.compare import CompareOptions, Comparison, compare_studies
from spinemorph.pipeline import Options, Pipeline
from spinemorph.plugins import load_plugins
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.followup import (
    SegmentChange,
    Visit,
    follow_up_geometry,
    simulate_follow_up,
)
from spinemorph.simulate.implants import ImplantPlan
from spinemorph.simulate.meshes import Anatomy
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm
from spinemorph.types import PixelSpacing, Radiograph, Source, Study

DISCS = (("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1"))
KINDS = ("unchanged", "unchanged_operated", "surgery", "settled")
#: No surgeon changes a segment by more than this: mm, degrees, mm.
MOST = (8.0, 20.0, 7.0)


class Bench:
    """Everything that one worker loads once."""

    def __init__(self, anatomy: Path | None, settings: Path | None, weights: Path | None) -> None:
        self.bones: Anatomy = load_anatomy(anatomy)
        chosen = settings_of_pairs(settings)
        self.settings: Settings = replace(chosen, implants=replace(chosen.implants, operated=0.0))
        self.measurer = Measurer()
        self.pipeline = Pipeline(load_plugins(), Options(weights=weights, formats=("json",)))

    def analyze(self, film: SimulatedFilm, spacing: PixelSpacing, day: str) -> Study:
        digest = hashlib.sha256(film.pixels.tobytes()).hexdigest()
        source = Source(f"{day}.png", digest, patient_id=str(film.seed), study_date=day)
        return self.pipeline.study_of(Radiograph(film.pixels, source, spacing))

    def true_change(self, seed: int, before: Visit, after: Visit) -> dict[str, float]:
        """What the spine itself did: both states before one camera, in one stand of the patient."""
        values = [
            self.measurer.true_values(
                follow_up_geometry(
                    self.bones, self.settings, seed, replace(visit, number=9, roll_yaw_sd=0.0)
                )
            )
            for visit in (before, after)
        ]
        return {
            key_of(name, levels): values[1][name, levels] - value
            for (name, levels), value in values[0].items()
            if (name, levels) in values[1]
        }


def kind_of(number: int) -> str:
    if number % 2 == 0:
        return KINDS[number // 2 % 2]
    return "surgery" if number // 2 % 5 < 3 else "settled"


def spacings(
    number: int, pixels: tuple[float, float], rng: np.random.Generator
) -> tuple[PixelSpacing, PixelSpacing]:
    """What the two films claim of their pixels, which have these true sizes in mm."""
    kinds = (
        ("calibrated", "calibrated"),
        ("detector", "detector"),
        ("detector", "calibrated"),
        ("estimated", "estimated"),
    )[number // 2 % 4]
    found = []
    for kind, size in zip(kinds, pixels, strict=True):
        factor = {
            "calibrated": rng.normal(1, 0.01),
            "detector": rng.uniform(1.0, 1.3),
            "estimated": rng.normal(1, 0.03),
        }[kind]
        found.append(PixelSpacing(size * factor, size * factor, kind))  # type: ignore[arg-type]
    return found[0], found[1]


def operation(
    rng: np.random.Generator, upper: str, lower: str, size: tuple[float, float, float]
) -> tuple[tuple[SegmentChange, ...], ImplantPlan]:
    change = SegmentChange(upper, *(float(min(a, b)) for a, b in zip(size, MOST, strict=True)))
    screws = (upper, lower) if rng.random() < 0.8 else ()
    return (change,), ImplantPlan(screws=screws, cages=(upper,))


def one_pair(bench: Bench, number: int, first: int) -> dict[str, Any]:
    """Make two films, compare them, and keep everything that the summary may ask for."""
    started = time.time()
    seed, kind = first + number, kind_of(number)
    rng = np.random.default_rng([seed, 4])
    upper, lower = DISCS[int(rng.integers(len(DISCS)))]
    visits = [Visit(1), Visit(2)]
    times = 0
    if kind in ("unchanged_operated", "settled"):
        changes, plan = operation(rng, upper, lower, (3.0, 5.0, 0.0))
        settled = (SegmentChange(upper, -float(rng.uniform(0, 6))),) if kind == "settled" else ()
        visits = [Visit(1, changes, plan=plan), Visit(2, changes, settled, plan=plan)]
    films = [simulate_follow_up(bench.bones, bench.settings, seed, visits[0])]
    if kind == "surgery":
        times = 1 + number // 2 % 5
        spacing = PixelSpacing(*[films[0].truth.spacing_mm] * 2, "user")
        size = detectable(bench.analyze(films[0], spacing, "2024-01-01"), (upper, lower))
        slip = times * size[2] if number % 3 == 0 else 0.0
        changes, plan = operation(rng, upper, lower, (times * size[0], times * size[1], slip))
        visits[1] = Visit(2, changes, plan=plan)
    films.append(simulate_follow_up(bench.bones, bench.settings, seed, visits[1]))
    sizes = spacings(number, (films[0].truth.spacing_mm, films[1].truth.spacing_mm), rng)
    days = ("2024-01-01", "2024-07-01")
    studies = [
        bench.analyze(film, size, day) for film, size, day in zip(films, sizes, days, strict=True)
    ]
    compared = compare_studies(studies, options=CompareOptions())
    return {
        "pair": number,
        "seed": seed,
        "kind": kind,
        "times": times,
        "levels": [upper, lower],
        "true": bench.true_change(seed, *visits),
        "numbered_right": [_right(s, f) for s, f in zip(studies, films, strict=True)],
        "scale": [size.basis for size in sizes],
        **_rows(compared),
        "seconds": round(time.time() - started, 2),
    }


def detectable(study: Study, levels: tuple[str, str]) -> tuple[float, float, float]:
    """Minimal detectable change of height, angle and slip at a segment of two such films."""
    again = replace(study, source=replace(study.source, sha256="again", study_date="2024-07-01"))
    limits = {
        c.name: c.limit for c in compare_studies([study, again]).changes if c.levels == levels
    }
    found = [limits.get(name) for name in ("disc_height_dabbs", "disc_angle", "slip")]
    usual = (1.5, 3.0, 1.5)
    return tuple(  # type: ignore[return-value]
        fallback if limit is None else limit.value
        for limit, fallback in zip(found, usual, strict=True)
    )


def _right(study: Study, film: SimulatedFilm) -> bool | None:
    """Whether the levels are the true ones; None where nothing is numbered or it is withheld."""
    if "numbering_uncertain" in study.flags or not any(v.level for v in study.vertebrae):
        return None
    for vertebra in study.vertebrae:
        body = film.truth.at(vertebra.level) if vertebra.level else None
        if body is not None:
            size = np.linalg.norm(body.corners[0] - body.corners[1])
            away = np.linalg.norm(body.corners[:2].mean(0) - vertebra.corners[:2].mean(0))
            if away > 0.5 * size:
                return False
    return True


def _rows(compared: Comparison) -> dict[str, Any]:
    return {
        "checks": [[check.code, list(check.films), check.detail] for check in compared.checks],
        "events": [
            [e.kind, e.category, list(e.levels), round(e.score, 2)] for e in compared.events
        ],
        "changes": [
            {
                "name": c.name,
                "levels": list(c.levels),
                "unit": c.unit,
                "site": c.site,
                "before": c.before.value,
                "after": c.after.value,
                "difference": c.difference,
                "limit": None if c.limit is None else round(c.limit.value, 4),
                "propagated": None if c.limit is None else round(c.limit.propagated, 4),
                "p": c.p,
                "verdict": c.verdict,
                "primary": c.primary,
                "label": c.label,
                "reasons": list(c.reasons),
                "flags": list(c.flags),
            }
            for c in compared.changes
        ],
    }


def run(job: tuple[dict[str, Any], list[int], int, Path]) -> int:
    where, numbers, first, path = job
    bench = Bench(**where)
    stamp = stamp_of(bench)
    for number in numbers:
        row = {"stamp": stamp, **one_pair(bench, number, first)}
        line = json.dumps(row, allow_nan=False) + "\n"
        with path.open("a", encoding="utf-8") as stream:  # one write a line: workers do not mix
            stream.write(line)
    return len(numbers)


def stamp_of(bench: Bench) -> str:
    weights = getattr(bench.pipeline._segmenter, "weights_sha256", None) or "?"  # noqa: SLF001
    return f"weights {str(weights)[:12]} settings {bench.settings.digest()[:12]}"


def read_rows(path: Path, stamp: str) -> dict[int, dict[str, Any]]:
    """The pairs that are there already; those of other weights or settings do not count."""
    rows = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["stamp"] == stamp:
                rows[row["pair"]] = row
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument(
        "--settings", type=Path, default=Path(__file__).parent / "settings/test.json"
    )
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rows", type=Path, default=Path("pairs.jsonl"))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--first", type=int, default=700_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    where = {"anatomy": options.anatomy, "settings": options.settings, "weights": options.weights}
    stamp = stamp_of(Bench(**where))
    done = read_rows(options.rows, stamp)
    missing = [number for number in range(options.pairs) if number not in done]
    parts = [missing[k :: options.workers] for k in range(options.workers)]
    jobs = [(where, part, options.first, options.rows) for part in parts if part]
    with ProcessPoolExecutor(options.workers) as pool:
        list(pool.map(run, jobs))
    rows = read_rows(options.rows, stamp)
    print(f"{stamp}; patients {options.first} to {options.first + options.pairs - 1}")
    summary([rows[number] for number in sorted(rows) if number < options.pairs])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
