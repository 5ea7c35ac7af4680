"""Ways to hold the error of a whole comparison, on exact geometry with landmark errors that are known.

    python benchmarks/error_control.py --anatomy DIR [--pairs 200]

Every corner is moved by a normal error of 2 % of the body's height, and the intervals know it: what differs
is only how a report decides. Half of the pairs are unchanged; in the others one disc space of L2/3
to L5/S1 is changed in height, angle and slip by 1, 2 or 3 minimal detectable changes of the pair, with
a cage and screws there. Printed for each way: unchanged pairs in which anything is called changed, and
true changes called, by their size.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from exact import Measurer
from positioning import settings_of_pairs

from spinemorph.compare import compare_studies
from spinemorph.compare.control import holm, two_sided
from spinemorph.compare.limits import positioning_error
from spinemorph.compare.types import Change
from spinemorph.measure.values import Quantity
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import film_geometry
from spinemorph.simulate.followup import SegmentChange, Visit, follow_up_geometry
from spinemorph.types import Implant, Study

WAYS = ("each at 95 %", "Benjamini-Hochberg", "Holm", "max-T", "stage-wise")
SD = 0.02
DISCS = (("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1"))


@dataclass(frozen=True)
class Outcome:
    """One pair: by way the names of what was called, and the judged true changes."""

    size: int
    called: dict[str, int]
    rows: list[tuple[str, float, dict[str, bool]]]
    false: tuple[str, ...] = ()


class Recorder:
    """Keeps the joint draws of every measure of one film."""

    def __init__(self) -> None:
        self.draws: dict[tuple[str, tuple[str, ...]], np.ndarray] = {}

    def study(self, measurer: Measurer, *arguments: object) -> Study:
        plain = Quantity.measured

        def measured(  # noqa: ANN202
            quantity: Quantity, landmarks: Any, levels: Any, draws: Any, **more: Any
        ):
            self.draws[quantity.name, levels] = np.asarray(draws)
            return plain(quantity, landmarks, levels, draws, **more)

        with mock.patch.object(Quantity, "measured", measured):
            study = measurer.study(*arguments)  # type: ignore[arg-type]
        # outlines are exact here: what is measured on them alone has no error to hold
        kept = tuple(m for m in study.measurements if not m.name.startswith("osteophyte"))
        return replace(study, measurements=kept)


def decide(changes: list[Change], one: Recorder, two: Recorder) -> dict[str, list[bool]]:
    """Which of the rows each way calls changed."""
    z = np.array([1.96 * c.difference / c.limit.propagated for c in changes])
    large = np.array(
        [c.limit.published is None or abs(c.difference) > c.limit.published for c in changes]
    )
    p = np.array([two_sided(value) for value in z])
    order = np.argsort(p)
    ranks = np.empty(len(p))
    ranks[order] = np.arange(1, len(p) + 1)
    passing = p <= 0.05 * ranks / len(p)
    least = p[passing].max() if passing.any() else -1.0
    joint, noise = [], np.random.default_rng(1)
    for c in changes:
        away = two.draws[c.name, c.levels] - one.draws[c.name, c.levels]
        placed = positioning_error(c.name, c.levels, c.unit) * noise.standard_normal(len(away) - 1)
        joint.append((away[1:] - away[0] + placed) * 1.96 / c.limit.propagated)
    bound = np.nanquantile(np.nanmax(np.abs(np.array(joint)), axis=0), 0.95)
    return {
        "each at 95 %": list(large & (p <= 0.05)),
        "Benjamini-Hochberg": list(large & (p <= least)),
        "Holm": list(large & (np.array(holm(list(p))) <= 0.05)),
        "max-T": list(large & (np.abs(z) > bound)),
        "stage-wise": [c.verdict == "changed" for c in changes],
    }


def pair(job: tuple[Measurer, object, object, int, int]) -> Outcome | None:
    measurer, bones, settings, seed, size = job
    rng = np.random.default_rng([seed, 5])
    truth = film_geometry(bones, settings, seed)
    one, two = Recorder(), Recorder()
    first = one.study(measurer, truth, None, SD, rng, "one")
    visit, true, implants = Visit(1), {}, ()
    if size:
        upper, lower = DISCS[int(rng.integers(len(DISCS)))]
        probe = {
            c.name: c.limit
            for c in compare_studies([first, renamed(first)]).changes
            if c.levels == (upper, lower) and c.limit is not None
        }
        if not {"disc_height_dabbs", "disc_angle", "slip"} <= set(probe):
            return None
        sign = rng.choice([-1, 1], 2)
        change = SegmentChange(
            upper,
            size * probe["disc_height_dabbs"].value,
            float(sign[0]) * size * probe["disc_angle"].value,
            float(sign[1]) * size * probe["slip"].value,
        )
        visit = Visit(1, (change,))
        implants = (cage(upper, lower), screw(upper), screw(lower))
        same = replace(visit, roll_yaw_sd=0.0)
        rest = Visit(1, roll_yaw_sd=0.0)
        after = measurer.true_values(follow_up_geometry(bones, settings, seed, same))
        before = measurer.true_values(follow_up_geometry(bones, settings, seed, rest))
        true = {key: after[key] - before[key] for key in after if key in before}
    later = follow_up_geometry(bones, settings, seed, visit)
    second = two.study(measurer, later, None, SD, rng, "two")
    second = replace(second, implants=implants)
    compared = compare_studies([first, second])
    changes = [
        c
        for c in compared.changes
        if c.limit is not None and not c.reasons and c.name != "cage_subsidence"
    ]
    ways = decide(changes, one, two)
    rows = [
        (c.name, abs(true[c.name, c.levels]) / c.limit.value, {w: ways[w][i] for w in WAYS})
        for i, c in enumerate(changes)
        if abs(true.get((c.name, c.levels), 0.0)) > 0.75 * c.limit.value
    ]
    false = tuple(
        f"{c.name} {'-'.join(c.levels)} {c.p:.2g}" for c in changes if c.verdict == "changed"
    )
    return Outcome(size, {w: sum(ways[w]) for w in WAYS}, rows, () if size else false)


def renamed(study: Study) -> Study:
    return replace(study, source=replace(study.source, sha256="again"))


def cage(upper: str, lower: str) -> Implant:
    return Implant("cage-1", "cage", (upper, lower), np.zeros((3, 2)), 0.99)


def screw(level: str) -> Implant:
    return Implant(f"screw-{level}", "screw", (level,), np.zeros((3, 2)), 0.99)


def run(job: tuple[Path | None, range, int]) -> list[Outcome]:
    anatomy, seeds, first = job
    bones, settings, measurer = load_anatomy(anatomy), settings_of_pairs(None), Measurer()
    found = [
        pair(
            (
                measurer,
                bones,
                settings,
                seed,
                0 if (seed - first) % 2 else 1 + (seed - first) // 2 % 3,
            )
        )
        for seed in seeds
    ]
    return [outcome for outcome in found if outcome is not None]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--first", type=int, default=600_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    first, last = options.first, options.first + options.pairs
    jobs = [
        (options.anatomy, range(first + k, last, options.workers), first)
        for k in range(options.workers)
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        outcomes = [outcome for part in pool.map(run, jobs) for outcome in part]
    still = [outcome for outcome in outcomes if outcome.size == 0]
    print(f"{len(still)} unchanged pairs, {len(outcomes) - len(still)} changed")
    for way in WAYS:
        any_called = sum(outcome.called[way] > 0 for outcome in still)
        cells = []
        for times in (1, 2, 3):
            hits = [
                called[way]
                for outcome in outcomes
                for _, ratio, called in outcome.rows
                if abs(ratio - times) <= 0.25
            ]
            cells.append(f"{times} x: {100 * np.mean(hits):5.1f} % of {len(hits)}")
        print(
            f"{way:20s} unchanged pairs called {100 * any_called / max(len(still), 1):5.1f} %; "
            + "; ".join(cells)
        )
    for outcome in still:
        if outcome.false:
            print("  called in an unchanged pair:", "; ".join(outcome.false))
    names = defaultdict(list)
    for outcome in outcomes:
        for name, ratio, called in outcome.rows:
            if abs(ratio - 2) <= 0.25:
                names[name].append(called["stage-wise"])
    for name, hits in sorted(names.items()):
        print(f"  2 x, stage-wise, {name:28s} {100 * np.mean(hits):5.1f} % of {len(hits)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
