"""Error control over the whole report: first whether a place changed, then which of its measures.

A report tests a hundred measures; one in twenty would be called changed by chance. The places (the
whole, every motion segment, every body, every implant) are screened first, by their primary measures,
with a weighted Holm procedure over all places of all films: an unchanged patient gets any ``changed``
with probability ``alpha`` at most. Within a place that did change its measures are confirmed by
Holm's procedure at ``alpha``, the primary ones before the others (stage-wise testing as of Heller 2009).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from spinemorph.anatomy import level_above
from spinemorph.compare.families import ADJACENT, OPERATED, PRIMARY, SHARES, place_of

Place = tuple[str, tuple[str, ...]]
K = TypeVar("K")
_NEVER: Final = 1.0


@dataclass(frozen=True)
class Trial:
    """One test: measure, levels, implant, film, and the two-sided probability of its difference."""

    name: str
    levels: tuple[str, ...]
    instance: str | None
    film: int
    p: float

    @property
    def place(self) -> Place:
        return place_of(self.name, self.levels, self.instance)


def two_sided(z: float) -> float:
    """Probability that a standard normal is farther from 0 than ``z``."""
    return math.erfc(abs(z) / math.sqrt(2))


def adjusted(
    tests: Sequence[Trial], operated: Mapping[int, Collection[str]]
) -> tuple[list[float], list[bool]]:
    """Probability of every test corrected for all the others, and whether it is primary.

    ``operated``: by film the levels that an implant touches on it or on its reference; their segments
    are expected to change and get more of the error.
    """
    places: dict[tuple[int, Place], list[int]] = {}
    for index, test in enumerate(tests):
        places.setdefault((test.film, test.place), []).append(index)
    primaries = {
        key: _primary(key[1], [tests[i] for i in rows], rows) for key, rows in places.items()
    }
    screened = {
        key: min(1.0, len(rows) * min(tests[i].p for i in rows)) for key, rows in primaries.items()
    }
    gate = weighted_holm(screened, _weights(list(places), operated))
    found = [_NEVER] * len(tests)
    primary = [False] * len(tests)
    for key, rows in places.items():
        first = primaries[key]
        rest = [i for i in rows if i not in first]
        inside = dict(zip(first, holm([tests[i].p for i in first]), strict=True))
        opened = min(inside.values())
        later = holm([tests[i].p for i in rest])
        inside.update({i: max(opened, p) for i, p in zip(rest, later, strict=True)})
        for i, p in inside.items():
            found[i], primary[i] = max(p, gate[key]), i in first
    return found, primary


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted probabilities (Holm 1979)."""
    found = weighted_holm(dict(enumerate(values)), dict.fromkeys(range(len(values)), 1.0))
    return [found[i] for i in range(len(values))]


def weighted_holm(values: Mapping[K, float], weights: Mapping[K, float]) -> dict[K, float]:
    """Adjusted probabilities with weights (Holm 1979): strong control under any dependence."""
    left = sum(weights[key] for key in values)
    found, least = {}, 0.0
    for key in sorted(values, key=lambda key: values[key] / weights[key]):
        least = max(least, min(1.0, values[key] * left / weights[key]))
        found[key] = least
        left = max(left - weights[key], weights[key])
    return found


def _primary(place: Place, tests: Sequence[Trial], rows: Sequence[int]) -> list[int]:
    names = PRIMARY.get(place[0], ())
    found = [i for i, test in zip(rows, tests, strict=True) if test.name in names]
    return found or list(rows)


def _weights(
    keys: Sequence[tuple[int, Place]], operated: Mapping[int, Collection[str]]
) -> dict[tuple[int, Place], float]:
    """What each place may spend: equal over the films, by kind, and for segments by surgery."""
    weights: dict[tuple[int, Place], float] = {}
    for film in {film for film, _ in keys}:
        levels = operated.get(film, ())
        here = [place for other, place in keys if other == film]
        for kind, share in SHARES.items():
            alike = [place for place in here if place[0] == kind]
            groups: dict[int, list[Place]] = {}
            for place in alike:
                near = _nearness(place, levels) if kind == "segment" else 0
                groups.setdefault(near, []).append(place)
            parts = {2: OPERATED, 1: ADJACENT, 0: 1 - OPERATED - ADJACENT}
            total = sum(parts[near] for near in groups)
            for near, members in groups.items():
                for place in members:
                    weights[film, place] = share * parts[near] / total / len(members)
    return weights


def _nearness(place: Place, operated: Collection[str]) -> int:
    """2: both bodies of the segment were operated on, 1: one of them, or next to such a segment, else 0."""
    upper, lower = place[1]
    touched = sum(level in operated for level in (upper, lower))
    if touched:
        return touched
    beside = (level_above(upper), level_above(lower, -1))
    return int(any(level in operated for level in beside if level is not None))
