"""Implants over time: which are the same, which are new, which are no longer found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spinemorph.compare.types import ImplantEvent
from spinemorph.types import Implant, Study

#: Below this score an implant is too weakly seen to be called new or gone.
SURE: Final = 0.5
#: Implants whose levels say where they are; a rod or plate spans levels that differ from film to film.
_PLACED: Final = ("cage", "screw", "cement", "body_replacement")


def matched(before: Study, after: Study) -> dict[str, str]:
    """Names of the implants of ``after`` on ``before``: of one category and level, in their order."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for implant in after.implants:
        same = [
            other.id
            for other in before.implants
            if other.id not in taken and _alike(implant, other)
        ]
        if same:
            found[implant.id] = same[0]
            taken.add(same[0])
    return found


def events_of(studies: Sequence[Study]) -> tuple[ImplantEvent, ...]:
    """What appears and vanishes from each film to the next, once for a category and place.

    Screws of both sides hide each other, so a level counts and not how many screws are seen on it.
    """
    found = []
    for film in range(1, len(studies)):
        before, after = studies[film - 1], studies[film]
        visible = ({v.level for v in before.vertebrae}, {v.level for v in after.vertebrae})
        for kind, new, old, seen in (
            ("appeared", after, before, visible[0]),
            ("vanished", before, after, visible[1]),
        ):
            places: dict[tuple[str, tuple[str, ...]], float] = {}
            for implant in new.implants:
                if any(_alike(implant, other) for other in old.implants):
                    continue
                if implant.score < SURE or not set(implant.levels) <= seen:
                    continue
                place = implant.category, implant.levels
                places[place] = max(places.get(place, 0.0), implant.score)
            found += [
                ImplantEvent(kind, category, levels, film, score)  # type: ignore[arg-type]
                for (category, levels), score in places.items()
            ]
    return tuple(found)


def first_with(studies: Sequence[Study]) -> int | None:
    """The first film that shows an implant that is surely seen."""
    for film, study in enumerate(studies):
        if any(implant.score >= SURE for implant in study.implants):
            return film
    return None


def reached(events: Sequence[ImplantEvent], first: int, last: int) -> set[str]:
    """Levels of implants that appeared after ``first`` up to ``last``."""
    return {
        level
        for event in events
        if event.kind == "appeared" and first < event.film <= last
        for level in event.levels
    }


def _alike(one: Implant, other: Implant) -> bool:
    if one.category != other.category:
        return False
    if one.category in _PLACED:
        return one.levels == other.levels
    return bool(set(one.levels) & set(other.levels))
