"""The table of changes: every measure that two films have, its difference, error and verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spinemorph.anatomy import level_above
from spinemorph.compare.comparable import forbidden
from spinemorph.compare.control import Trial, adjusted, two_sided
from spinemorph.compare.families import place_of
from spinemorph.compare.limits import positioning_error, published_limit, tail
from spinemorph.compare.types import Change, Check, Limit, Scale, Value, Verdict
from spinemorph.types import Measurement, Study

#: A grade has no interval; it changes when the measure that it is made of does.
PARENTS: Final = {
    "slip_grade": ("slip_percent",),
    "genant_grade": ("height_ratio_wedge", "height_ratio_biconcave", "height_ratio_crush"),
    "osteophyte_grade": ("osteophyte_area",),
}
COUNTS: Final = "_count"
#: A sagittal angle against a horizontal that nobody knows.
NEEDS_VERTICAL: Final = "vertical_untrusted"
#: A ratio to the neighbours means another thing where another neighbour is in the picture.
NEEDS_NEIGHBOURS: Final = "height_ratio_crush"
_Z95: Final = 1.96
Key = tuple[str, tuple[str, ...], str | None, str | None]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two films to compare: their places, studies, scales to film 0, checks, and the names that the
    implants of ``film`` have on ``reference``.
    """

    reference: int
    film: int
    studies: tuple[Study, Study]
    scales: tuple[Scale, Scale]
    checks: tuple[Check, ...]
    implants: Mapping[str, str]


def changes_of(pair: Pair, *, only_implants: bool | None = None) -> list[Change]:
    """Every measure of both films, not judged yet: ``within_error`` or ``not_comparable``.

    ``only_implants``: True for measures of implants alone, False for all others.
    """
    before: dict[Key, Measurement] = {}
    after: dict[Key, Measurement] = {}
    for item in pair.studies[0].measurements:
        before.setdefault(_key(item, None), item)
    for item in pair.studies[1].measurements:
        after.setdefault(_key(item, pair.implants), item)
    found = []
    for key in dict.fromkeys((*before, *after)):
        if key[0].endswith(COUNTS):  # what is new or gone is said with the implants
            continue
        of_implant = key[3] is not None
        if only_implants is None or only_implants == of_implant:
            found.append(_change(pair, key, before.get(key), after.get(key)))
    return found


def judged(
    changes: Sequence[Change], operated: Mapping[int, Collection[str]], alpha: float
) -> list[Change]:
    """The verdicts, with the error of the whole report held at ``alpha``."""
    tested = [
        i
        for i, change in enumerate(changes)
        if change.limit is not None and change.difference is not None and not change.reasons
    ]
    tests = []
    for i in tested:
        change = changes[i]
        assert change.limit is not None and change.difference is not None  # noqa: S101, PT018
        z = _Z95 * change.difference / change.limit.propagated
        tests.append(Trial(change.name, change.levels, change.instance, change.film, two_sided(z)))
    values, primary = adjusted(tests, operated)
    found = list(changes)
    for i, p, first in zip(tested, values, primary, strict=True):
        change = changes[i]
        assert change.limit is not None and change.difference is not None  # noqa: S101, PT018
        large = change.limit.published is None or abs(change.difference) > change.limit.published
        verdict: Verdict = "changed" if p <= alpha and large else "within_error"
        found[i] = replace(change, p=p, primary=first, verdict=verdict)
    return _graded(found)


def standard_error(interval: tuple[float, float] | None) -> float | None:
    """Standard error behind a 95 % interval."""
    return None if interval is None else (interval[1] - interval[0]) / (2 * _Z95)


def limit_of(name: str, error: float) -> Limit:
    """The smallest change that can be told from error, given its standard error."""
    published = published_limit(name)
    own = _Z95 * error
    if published is None:
        return Limit(own, own)
    source = f"{published.source}; {published.derived}"
    return Limit(max(own, published.value), own, published.value, source)


def _key(item: Measurement, implants: Mapping[str, str] | None) -> Key:
    """What makes two measurements one; ``implants``: names on the reference, None for its own.

    An implant that the reference does not show gets a name that none has there.
    """
    instance = item.instance
    if instance is not None and implants is not None:
        instance = implants.get(instance, f"{instance}*")
    return item.name, item.levels, item.site, instance


def _change(pair: Pair, key: Key, before: Measurement | None, after: Measurement | None) -> Change:
    item = after if after is not None else before
    assert item is not None  # noqa: S101  one of both has the key
    power = {"mm": 1, "mm2": 2}.get(item.unit, 0)
    one = _value(before, pair.scales[0], power)
    two = _value(after, pair.scales[1], power)
    reasons = forbidden(item, pair.checks)
    if power and "none" in (pair.scales[0].basis, pair.scales[1].basis):
        reasons.append("scale_not_comparable")
    if any(NEEDS_VERTICAL in value.flags for value in (one, two)):
        reasons.append(NEEDS_VERTICAL)
    if item.name == NEEDS_NEIGHBOURS and _neighbours(pair.studies[0], item) != _neighbours(
        pair.studies[1], item
    ):
        reasons.append("field_of_view_differs")
    reasons += [value.reason for value in (one, two) if value.reason is not None]
    flags = list(dict.fromkeys((*one.flags, *two.flags)))
    if power and "bodies" in (pair.scales[0].basis, pair.scales[1].basis):
        flags.append("rescaled_by_bodies")
    change = Change(
        name=item.name,
        levels=item.levels,
        unit=item.unit,
        definition=item.definition,
        reference=pair.reference,
        film=pair.film,
        before=one,
        after=two,
        verdict="not_comparable",
        site=item.site,
        instance=key[3],
        flags=tuple(flags),
        reasons=tuple(dict.fromkeys(reasons)) or ("no_interval",),
    )
    if one.value is None or two.value is None:
        return change
    difference = two.value - one.value
    errors = [standard_error(value.interval95) for value in (one, two)]
    if None in errors or item.name in PARENTS:
        return replace(change, difference=difference)
    landmarks = sum(e**2 for e in errors if e is not None)
    other = positioning_error(item.name, item.levels, item.unit) ** 2 + (power * two.value) ** 2 * (
        pair.scales[0].error ** 2 + pair.scales[1].error ** 2
    )
    reach = tail(place_of(item.name, item.levels, item.instance)[0])
    error = float(np.sqrt(reach**2 * landmarks + other))
    if error <= 0:
        return replace(change, difference=difference)
    half = _Z95 * float(np.sqrt(landmarks + other))
    change = replace(
        change,
        difference=difference,
        interval95=(difference - half, difference + half),
        limit=limit_of(item.name, error),
    )
    return change if reasons else replace(change, verdict="within_error", reasons=())


def _value(item: Measurement | None, scale: Scale, power: int) -> Value:
    """A measurement in the scale of film 0."""
    if item is None:
        return Value(None, reason="not_measured")
    if item.value is None:
        return Value(None, None, item.label, item.reason, item.flags)
    factor = scale.factor**power if power else 1.0
    interval = item.interval95
    if interval is not None:
        interval = interval[0] * factor, interval[1] * factor
    return Value(item.value * factor, interval, item.label, None, item.flags)


def _neighbours(study: Study, item: Measurement) -> set[str]:
    seen = {v.level for v in study.vertebrae}
    beside = (level_above(item.levels[0], step) for step in (1, -1))
    return {level for level in beside if level in seen and level is not None}


def _graded(changes: list[Change]) -> list[Change]:
    """Grades follow the measures that they are made of."""
    found = []
    for change in changes:
        parents = PARENTS.get(change.name, ())
        if not parents or change.reasons not in ((), ("no_interval",)):
            found.append(change)
            continue
        made_of = [
            other
            for other in changes
            if other.name in parents
            and (other.levels, other.film) == (change.levels, change.film)
            and (change.site is None or other.site == change.site)
        ]
        if not any(other.verdict != "not_comparable" for other in made_of):
            found.append(change)
            continue
        another = (change.before.value, change.before.label) != (
            change.after.value,
            change.after.label,
        )
        real = another and any(other.verdict == "changed" for other in made_of)
        verdict: Verdict = "changed" if real else "within_error"
        found.append(replace(change, verdict=verdict, reasons=()))
    return found
