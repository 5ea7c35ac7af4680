"""What the rows of ``pairs.py`` say: changes called, unchanged patients, implants, subsidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from simulated import share

#: A true change counts as k times the minimal detectable change within this.
BIN = 0.25


def key_of(name: str, levels: Iterable[str]) -> str:
    return f"{name} {'-'.join(levels)}"


def _claims(row: dict[str, Any]) -> bool:
    """Whether an implant is said to be new or gone."""
    return any(event[0] in ("appeared", "vanished") for event in row["events"])


def summary(rows: list[dict[str, Any]]) -> None:
    """All figures of the issue, and what stands behind them."""
    kinds = Counter(row["kind"] for row in rows)
    print(f"{len(rows)} pairs: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    films = [right for row in rows for right in row["numbered_right"]]
    print(
        f"films numbered right {films.count(True)}, wrong {films.count(False)}, "
        f"withheld or not numbered {films.count(None)}"
    )
    still = [row for row in rows if row["kind"].startswith("unchanged")]
    for name in ("unchanged", "unchanged_operated", ""):
        part = [
            row
            for row in still
            if row["kind"].startswith(name) and (not name or row["kind"] == name)
        ]
        called = [row for row in part if any(c["verdict"] == "changed" for c in row["changes"])]
        claimed = [row for row in part if row in called or _claims(row)]
        print(
            f"unchanged pairs ({name or 'all'}) with any measure changed: {share(len(called), len(part))}; "
            f"with that or an implant new or gone: {share(len(claimed), len(part))}"
        )
    for row in still:
        found = [c for c in row["changes"] if c["verdict"] == "changed"]
        if found:
            words = "; ".join(
                f"{key_of(c['name'], c['levels'])} {c['difference']:+.3g} (limit {c['limit']})"
                for c in found[:6]
                if c["difference"] is not None and c["limit"] is not None
            )
            print(f"  pair {row['pair']}, {row['kind']}, {row['scale']}: {words}")
    for words, kinds in (
        ("said to be new or gone", ("appeared", "vanished")),
        ("said to be seen on one film only", ("only_after", "only_before")),
    ):
        told = [row for row in still if any(event[0] in kinds for event in row["events"])]
        print(f"unchanged pairs with an implant {words}: {share(len(told), len(still))}")
    comparable = [
        sum(c["verdict"] != "not_comparable" for c in row["changes"]) / max(len(row["changes"]), 1)
        for row in rows
    ]
    print(f"measures that could be compared: {100 * np.mean(comparable):.1f} %")
    _power(rows)
    _subsidence([row for row in rows if row["kind"] == "settled"])
    surgery = [row for row in rows if row["kind"] == "surgery"]
    cages = [
        any(e[0] == "appeared" and e[1] == "cage" and e[2] == row["levels"] for e in row["events"])
        for row in surgery
    ]
    print(f"new cage found at its level: {share(sum(cages), len(surgery))}")
    print(f"seconds a pair: median {np.median([row['seconds'] for row in rows]):.1f}")


def _power(rows: list[dict[str, Any]]) -> None:
    hits: dict[int, list[bool]] = defaultdict(list)
    lost: dict[int, int] = Counter()
    names: dict[tuple[str, int], list[bool]] = defaultdict(list)
    wrong_way = 0
    for row in rows:
        for change in row["changes"]:
            true = row["true"].get(key_of(change["name"], change["levels"]))
            if true is None or change["limit"] is None or change["name"] == "cage_subsidence":
                continue
            ratio = abs(true) / change["limit"]
            for times in (1, 2, 3):
                if abs(ratio - times) <= BIN:
                    if change["verdict"] == "not_comparable":
                        lost[times] += 1
                        continue
                    called = change["verdict"] == "changed"
                    wrong_way += called and change["difference"] * true < 0
                    hits[times].append(called)
                    names[change["name"], times].append(called)
    for times in (1, 2, 3):
        print(
            f"true changes of {times} x the minimal detectable change called: "
            f"{share(sum(hits[times]), len(hits[times]))}; not comparable {lost[times]}"
        )
    print(f"  called in the wrong direction: {wrong_way}")
    for name in dict.fromkeys(name for name, _ in names):
        cells = [
            f"{times} x {share(sum(h), len(h))}" for times in (1, 2, 3) if (h := names[name, times])
        ]
        print(f"  {name}: " + ", ".join(cells))


def _subsidence(rows: list[dict[str, Any]]) -> None:
    errors, relative, grades = [], [], []
    for row in rows:
        key = "-".join(row["levels"])
        true = -row["true"].get(f"disc_height_dabbs {key}", np.nan)
        for c in row["changes"]:
            if (
                c["name"] != "cage_subsidence"
                or c["levels"] != row["levels"]
                or c["difference"] is None
            ):
                continue
            if c["unit"] == "mm" and c["label"] is not None:
                errors.append(abs(c["difference"] - true))
            if c["unit"] == "%":
                relative.append(c["difference"])
                grades.append(c["label"])
    if errors:
        print(
            f"subsidence in mm (scale of the patient): n {len(errors)} of {len(rows)}, median error "
            f"{np.median(errors):.2f}, 90th percentile {np.percentile(errors, 90):.2f}"
        )
    print(f"subsidence in percent and grade: n {len(relative)}; grades {dict(Counter(grades))}")
