"""From studies to a comparison: order, identity, numbering, scale, changes, implants, verdicts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from spinemorph.compare.alignment import align
from spinemorph.compare.bodies import bodies_of, operated_levels
from spinemorph.compare.changes import Pair, changes_of, judged
from spinemorph.compare.comparable import checks_of
from spinemorph.compare.implants import events_of, first_with, matched
from spinemorph.compare.numbering import renumbered, shift_of
from spinemorph.compare.order import date_of, in_order, same_patient
from spinemorph.compare.scale import scale_of
from spinemorph.compare.subsidence import subsidence_of
from spinemorph.compare.summary import summary_of
from spinemorph.compare.types import (
    Change,
    Check,
    ComparedFilm,
    CompareOptions,
    Comparison,
    ImplantEvent,
    Scale,
    Surgery,
)
from spinemorph.errors import UsageError
from spinemorph.types import Radiograph, Study


def compare_studies(
    studies: Sequence[Study],
    films: Sequence[Radiograph | None] = (),
    options: CompareOptions | None = None,
) -> Comparison:
    """Two or more studies of one patient, in any order; ``films`` beside them, None where absent.

    UsageError with fewer than two studies, or where they are of different patients.
    """
    options = options or CompareOptions()
    if len(studies) < 2:
        raise UsageError("a comparison needs at least two films")
    radiographs = list(films) or [None] * len(studies)
    if len(radiographs) != len(studies):
        raise UsageError(f"{len(studies)} studies but {len(radiographs)} films")
    order, checks = in_order(studies)
    ordered = [studies[i] for i in order]
    checks += same_patient(ordered, allowed=options.other_patient)
    checks += _same_film(ordered)
    ordered, shifts, found = _numbered(ordered, apply=options.renumber)
    checks += found

    operated = operated_levels(ordered)
    bodies = [bodies_of(study) for study in ordered]
    between = {
        (a, b): checks_of(b, (ordered[a], ordered[b]), (bodies[a], bodies[b]), operated)
        for a, b in combinations(range(len(ordered)), 2)
    }
    scales = [Scale(0, "same" if ordered[0].image.spacing is not None else "none")]
    for film in range(1, len(ordered)):
        scale, more = scale_of(
            film, (ordered[0], ordered[film]), (bodies[0], bodies[film]), operated
        )
        scales.append(scale)
        checks += [*between[0, film], *more]
    numbering = [check for check in checks if check.code == "numbering_disagrees"]
    changes, events = _changes(ordered, scales, between, numbering, options.alpha)
    alignments = [
        align(film, (ordered[0], ordered[film]), (bodies[0], bodies[film]), operated)
        for film in range(1, len(ordered))
    ]
    surgery = _surgery(ordered, options)
    comparison = Comparison(
        studies=tuple(ordered),
        radiographs=tuple(radiographs[i] for i in order),
        films=tuple(
            ComparedFilm(given, (day := date_of(study.source)), _days(day, surgery), shift)
            for given, study, shift in zip(order, ordered, shifts, strict=True)
        ),
        checks=_gathered(checks),
        changes=tuple(changes),
        events=events,
        alignments=tuple(found for found in alignments if found is not None),
        scales=tuple(scales),
        summary=(),
        options=options,
        surgery=surgery,
    )
    return replace(comparison, summary=summary_of(comparison))


def _gathered(checks: Sequence[Check]) -> tuple[Check, ...]:
    """What was found the same of several films is said once."""
    films: dict[tuple[str, str], set[int]] = {}
    for check in checks:
        films.setdefault((check.code, check.detail), set()).update(check.films)
    return tuple(Check(code, tuple(sorted(of)), detail) for (code, detail), of in films.items())


def _changes(
    studies: Sequence[Study],
    scales: Sequence[Scale],
    between: dict[tuple[int, int], list[Check]],
    numbering: list[Check],
    alpha: float,
) -> tuple[list[Change], tuple[ImplantEvent, ...]]:
    """Every film against the first one; implants against the first film that shows them."""
    events = events_of(studies)
    first = first_with(studies)
    found: list[Change] = []
    operated = {}
    for film in range(1, len(studies)):
        operated[film] = operated_levels((studies[0], studies[film]))
        checks = {pair: (*about, *_about(numbering, pair)) for pair, about in between.items()}
        found += changes_of(_pair(studies, scales, checks, 0, film), only_implants=False)
        if first is not None and first < film:
            found += changes_of(_pair(studies, scales, checks, first, film), only_implants=True)
    found += subsidence_of(studies, scales, checks)
    return judged(found, operated, alpha), events


def _about(checks: Sequence[Check], pair: tuple[int, int]) -> list[Check]:
    return [check for check in checks if set(check.films) & set(pair)]


def _pair(
    studies: Sequence[Study],
    scales: Sequence[Scale],
    checks: dict[tuple[int, int], tuple[Check, ...]],
    reference: int,
    film: int,
) -> Pair:
    return Pair(
        reference,
        film,
        (studies[reference], studies[film]),
        (scales[reference], scales[film]),
        checks[reference, film],
        matched(studies[reference], studies[film]),
    )


def _same_film(studies: Sequence[Study]) -> list[Check]:
    """The same file twice compares to nothing."""
    return [
        Check("same_film", (a, b))
        for a, b in combinations(range(len(studies)), 2)
        if studies[a].source.sha256 and studies[a].source.sha256 == studies[b].source.sha256
    ]


def _numbered(
    studies: Sequence[Study], *, apply: bool
) -> tuple[list[Study], list[int], list[Check]]:
    """The studies with levels that agree by the shapes of the bodies, and what was found."""
    found, shifts, checks = [studies[0]], [0], []
    first = bodies_of(studies[0])
    operated = operated_levels(studies)
    for film in range(1, len(studies)):
        shift = shift_of(first, bodies_of(studies[film]), operated)
        if shift == 0:
            found.append(studies[film])
        elif apply:
            checks.append(Check("renumbered", (film,), f"{shift:+d}"))
            found.append(renumbered(studies[film], shift))
        else:
            checks.append(Check("numbering_disagrees", (0, film), f"{shift:+d}"))
            found.append(studies[film])
        shifts.append(shift if apply else 0)
    return found, shifts, checks


def _surgery(studies: Sequence[Study], options: CompareOptions) -> Surgery | None:
    if options.surgery is not None:
        return Surgery(options.surgery, "given")
    first = first_with(studies)
    day = None if first is None else date_of(studies[first].source)
    return None if first in (None, 0) or day is None else Surgery(day, "first_implant")


def _days(day: str | None, surgery: Surgery | None) -> int | None:
    if day is None or surgery is None:
        return None
    return (dt.date.fromisoformat(day) - dt.date.fromisoformat(surgery.date)).days
