"""Figures from the raw rows of rows.py.

    python benchmarks/summary.py ROWS.jsonl... [--print recognition errors coverage tails genant \\
        osteophytes] [--route model]

For every route: recognition, numbering, overlap and corners; error of every measure; how often its interval
holds the truth; how far errors reach (spinemorph/compare/limits.json); grades of deformity (weighted kappa,
sensitivity of each grade); areas of osteophytes.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm
from simulated import Tally, print_scaled, print_tally

from spinemorph.compare.families import place_of
from spinemorph.measure.intervals import factor

PARTS = ("recognition", "errors", "coverage", "tails", "genant", "osteophytes")
GRADES = ("genant_grade", "slip_grade", "osteophyte_grade")
#: Most corners have no osteophyte, and say nothing of the errors where there is one: those are judged where
#: at least this much is told (mm2, percent).
TOLD = {"osteophyte_area": 1.0, "osteophyte_area_percent": 0.1}


class Row(NamedTuple):
    name: str
    levels: str
    site: str | None
    value: float
    spread: float | None
    true: float
    label: str | None
    true_label: str | None


def lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Every lateral film of the files, each seed of a file once."""
    for path in paths:
        with path.open(encoding="utf-8") as stream:
            for text in stream:
                line = json.loads(text)
                if line["view"] == "lateral":
                    yield line


def by_route(films: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Route -> what it says of each film, with the film's fractures."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for film in films:
        for route, told in film["routes"].items():
            rows = [Row(*row) for row in told["rows"]]
            found[route].append({**told, "rows": rows, "fractures": film.get("fractures", {})})
    return found


def named(films: list[dict[str, Any]]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for film in films:
        for row in film["rows"]:
            found[row.name].append(row)
    return found


def tally(films: list[dict[str, Any]]) -> Tally:
    total = Tally()
    for film in films:
        total.add(Tally(**film.get("tally", {})))
    return total


def print_errors(measures: dict[str, list[Row]]) -> None:
    for name, rows in measures.items():
        if name not in GRADES:
            error = np.array([row.value - row.true for row in rows])
            print(
                f"  {name}: n {len(error)}, mean absolute error {np.abs(error).mean():.2f}, "
                f"median {np.median(np.abs(error)):.2f}, bias {error.mean():+.2f}"
            )


def covered(rows: list[Row], times: float) -> float:
    """Part of the rows whose interval, ``times`` the spread of its draws, holds the truth."""
    inside = [
        abs(row.value - row.true) <= 1.96 * times * row.spread + 1e-9
        for row in rows
        if row.spread is not None
    ]
    return float(np.mean(inside)) if inside else float("nan")


def print_coverage(measures: dict[str, list[Row]], route: str) -> None:
    """Over all rows, and over the fifth of the narrowest intervals to that of the widest."""
    kind = "masks" if route == "masks" else "model"
    for name, rows in measures.items():
        if name not in GRADES:
            times = factor(name, kind)
            known = sorted(
                (r for r in rows if r.spread is not None), key=lambda row: row.spread or 0
            )
            half = np.median([1.96 * times * row.spread for row in known])
            fifths = [
                f"{100 * covered([known[i] for i in part], times):.0f}"
                for part in np.array_split(np.arange(len(known)), 5)
            ]
            print(
                f"  {name}: n {len(rows)}, covered {100 * covered(rows, times):.1f} %, half width "
                f"{half:.2f} (median); by fifths of width {' '.join(fifths)} %"
            )


def print_tails(measures: dict[str, list[Row]], route: str) -> None:
    """How much farther errors reach at the 99.5th percentile than a normal that fits the 95th."""
    kind = "masks" if route == "masks" else "model"
    found: dict[str, list[float]] = defaultdict(list)
    for name, rows in measures.items():
        for row in rows:
            if name not in GRADES and row.spread and row.value >= TOLD.get(name, -np.inf):
                place, _ = place_of(name, tuple(row.levels.split("-")), None)
                found[place].append(abs(row.value - row.true) / (row.spread * factor(name, kind)))
    for place, errors in found.items():
        far, usual = np.quantile(errors, 0.995), np.quantile(errors, 0.95)
        print(
            f"  {place}: n {len(errors)}, tail {far / usual / (norm.ppf(0.9975) / norm.ppf(0.975)):.2f}"
        )


def kappa(a: np.ndarray, b: np.ndarray, power: int) -> float:
    """Weighted kappa of grades 0 to 3 (1: linear, 2: quadratic weights)."""
    counts = np.zeros((4, 4))
    np.add.at(counts, (a, b), 1)
    counts /= max(counts.sum(), 1)
    away = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) ** power
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0))
    return float(1 - (away * counts).sum() / max((away * chance).sum(), 1e-12))


def print_genant(films: list[dict[str, Any]]) -> None:
    rows = [row for film in films for row in film["rows"] if row.name == "genant_grade"]
    own = [
        (row, film["fractures"][row.levels])
        for film in films
        for row in film["rows"]
        if row.name == "genant_grade" and row.levels in film["fractures"]
    ]
    compare(
        "the same definition on true landmarks",
        np.array([int(row.value) for row in rows]),
        np.array([int(row.true) for row in rows]),
    )
    compare(
        "what the body has lost against itself",
        np.array([int(row.value) for row, _ in own]),
        np.array([grade for _, (_, grade) in own]),
    )
    typed = [row for row in rows if row.value > 0 and row.true > 0]
    if typed:
        same = np.mean([row.label == row.true_label for row in typed])
        print(f"  type right in {100 * same:.1f} % of {len(typed)} bodies graded above 0 by both")


def compare(against: str, found: np.ndarray, true: np.ndarray) -> None:
    if len(found) == 0:
        return
    print(
        f"  grade against {against}: {len(found)} bodies, weighted kappa "
        f"{kappa(found, true, 2):.3f} (quadratic), {kappa(found, true, 1):.3f} (linear)"
    )
    for grade in range(4):
        at = true == grade
        if at.any():
            right = np.mean(found[at] == grade)
            near = np.mean(np.abs(found[at] - grade) <= 1)
            print(
                f"    grade {grade}: {at.sum()} bodies, sensitivity {100 * right:.1f} %, "
                f"within one grade {100 * near:.1f} %"
            )
    fractured = true > 0
    if fractured.any() and not fractured.all():
        print(
            f"    any grade above 0: sensitivity {100 * np.mean(found[fractured] > 0):.1f} %, "
            f"specificity {100 * np.mean(found[~fractured] == 0):.1f} %"
        )


def print_osteophytes(measures: dict[str, list[Row]]) -> None:
    rows = measures.get("osteophyte_area", [])
    if rows:
        found, true = (np.array([getattr(row, of) for row in rows]) for of in ("value", "true"))
        bodies: dict[int, list[float]] = {}
        for i in range(0, len(rows), 4):
            bodies[i] = [found[i : i + 4].sum(), true[i : i + 4].sum()]
        whole = np.array(list(bodies.values()))
        print(
            f"  area: {len(rows)} corners, correlation {np.corrcoef(found, true)[0, 1]:.3f} "
            f"(sum of a body {np.corrcoef(*whole.T)[0, 1]:.3f}), mean absolute error "
            f"{np.abs(found - true).mean():.2f} mm2"
        )
    grades = measures.get("osteophyte_grade", [])
    if grades:
        found, true = (
            np.array([int(getattr(row, of)) for row in grades]) for of in ("value", "true")
        )
        compare("that of the true area", found, true)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--print", nargs="+", choices=PARTS, default=PARTS, dest="parts")
    parser.add_argument("--route", help="print this one alone: model, masks")
    options = parser.parse_args()
    for route, films in by_route(lines(options.rows)).items():
        if options.route not in (None, route):
            continue
        measures = named(films)
        print(f"{'from true masks' if route == 'masks' else route}: {len(films)} lateral films")
        if "recognition" in options.parts and route != "masks":
            print_tally(tally(films))
            print_scaled(tally(films))
        if "errors" in options.parts:
            print_errors(measures)
        if "coverage" in options.parts:
            print_coverage(measures, route)
        if "tails" in options.parts:
            print_tails(measures, route)
        if "genant" in options.parts:
            print_genant(films)
        if "osteophytes" in options.parts:
            print_osteophytes(measures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
