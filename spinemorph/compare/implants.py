"""Implants over time: which are the same, which are new, which are no longer found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from spinemorph.anatomy import LEVELS_UPWARD, level_above
from spinemorph.compare.types import ImplantEvent
from spinemorph.types import Implant, Study

#: Below this score an implant is too weakly seen to be called new or gone.
SURE: Final = 0.5
#: Implants over several levels, which differ from film to film by what is seen of them.
_LONG: Final = ("rod", "plate")
_FIXATION: Final = ("screw", *_LONG)


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

    A level counts and not how many screws are seen on it: those of both sides hide each other. Screws,
    rods and plates of one place belong together: one of them alone that a film does not show is more
    likely hidden than removed. For the same reason a single implant at a level, or one beside others
    that both films show, is ``only_after`` or ``only_before``: said, and not claimed to be new or gone.
    """
    found: list[ImplantEvent] = []
    for film in range(1, len(studies)):
        before, after = studies[film - 1], studies[film]
        for old, new, sure, unsure in (
            (before, after, "appeared", "only_after"),
            (after, before, "vanished", "only_before"),
        ):
            for place, score in _new(old, new):
                kind: Any = sure if _claimed(place[1], old, new) else unsure
                found.append(ImplantEvent(kind, *place, film, score))
    return tuple(found)


def _claimed(levels: tuple[str, ...], old: Study, new: Study) -> bool:
    """Whether an implant of ``new`` at ``levels`` is new: ``new`` shows two at least at one of its levels
    where ``old`` shows none, or two there and beside it where ``old`` shows none at all.
    """
    known, shown = (
        [_touched(implant) for implant in study.implants if implant.score >= SURE]
        for study in (old, new)
    )
    near = {level_above(level, step) for level in levels for step in (-1, 0, 1)}
    return any(
        sum(not touched.isdisjoint(place) for touched in shown) >= 2
        and all(touched.isdisjoint(place) for touched in known)
        for place in (near, *((level,) for level in levels))
    )


def _touched(implant: Implant) -> set[str]:
    """Levels of an implant that is fixed to bodies; a rod runs past them."""
    return set() if implant.category == "rod" else set(implant.levels)


def _new(old: Study, new: Study) -> list[tuple[tuple[str, tuple[str, ...]], float]]:
    """Category and levels of what only ``new`` shows, with the best score."""
    seen = {v.level for v in old.vertebrae if v.level}
    places: dict[tuple[str, tuple[str, ...]], float] = {}
    for implant in _joined(new.implants):
        if implant.score < SURE or not implant.levels or not set(implant.levels) <= seen:
            continue
        if any(_same_construct(implant, other) for other in old.implants):
            continue
        place = implant.category, implant.levels
        places[place] = max(places.get(place, 0.0), implant.score)
    return list(places.items())


def _joined(implants: Sequence[Implant]) -> list[Implant]:
    """Rods and plates are often found in pieces: those of a category become one."""
    found = [item for item in implants if item.category not in _LONG]
    for category in _LONG:
        parts = [item for item in implants if item.category == category and item.score >= SURE]
        if parts:
            levels = {level for part in parts for level in part.levels}
            named = tuple(level for level in reversed(LEVELS_UPWARD) if level in levels)
            found.append(replace(max(parts, key=lambda part: part.score), levels=named))
    return found


def first_with(studies: Sequence[Study]) -> int | None:
    """The first film that shows an implant that is surely seen."""
    for film, study in enumerate(studies):
        if any(implant.score >= SURE for implant in study.implants):
            return film
    return None


def _alike(one: Implant, other: Implant) -> bool:
    if one.category != other.category:
        return False
    if one.category in _LONG:
        return bool(set(one.levels) & set(other.levels))
    return one.levels == other.levels


def _same_construct(one: Implant, other: Implant) -> bool:
    if one.category in _FIXATION and other.category in _FIXATION:
        return bool(set(one.levels) & set(other.levels))
    return _alike(one, other)
