"""Cage subsidence: disc height lost since the first film with the cage (Marchi 2013)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from spinemorph.compare.changes import limit_of, standard_error
from spinemorph.compare.comparable import forbidden
from spinemorph.compare.implants import SURE
from spinemorph.compare.limits import positioning_error
from spinemorph.compare.scale import trusted
from spinemorph.compare.types import Change, Check, Scale, Value
from spinemorph.types import Measurement, Study

NAME: Final = "cage_subsidence"
#: Loss in percent of the first post-operative height: upper bound and grade (Marchi 2013).
GRADES: Final = ((25.0, "0"), (50.0, "I"), (75.0, "II"), (np.inf, "III"))
#: Classes of the loss in mm, on a scale that is trusted.
CLASSES: Final = ((2.0, "up to 2 mm"), (4.0, "more than 2 mm"), (np.inf, "more than 4 mm"))
_PERCENT: Final = (
    "loss of the disc space in percent of the first film with the cage; height as "
    "disc_height_index (mean of anterior, middle and posterior height over depth); grades of Marchi 2013"
)
_MM: Final = "loss of (anterior + posterior height) / 2 since the first film with the cage"


def subsidence_of(
    studies: Sequence[Study],
    scales: Sequence[Scale],
    checks: Mapping[tuple[int, int], Collection[Check]],
) -> list[Change]:
    """Loss at every cage on every later film, in percent with its grade and in mm with its class."""
    found = []
    for levels, reference in cages(studies).items():
        for film in range(reference + 1, len(studies)):
            if not set(levels) <= {v.level for v in studies[film].vertebrae}:
                continue
            here = checks.get((reference, film), ())
            pair = studies[reference], studies[film]
            found.append(_percent(levels, (reference, film), pair, here))
            found.append(_mm(levels, (reference, film), pair, scales, here))
    return found


def cages(studies: Sequence[Study]) -> dict[tuple[str, ...], int]:
    """Levels of every cage, and the first film that surely shows it."""
    found: dict[tuple[str, ...], int] = {}
    for film, study in enumerate(studies):
        for implant in study.implants:
            if implant.category == "cage" and implant.score >= SURE and len(implant.levels) == 2:
                found.setdefault(implant.levels, film)
    return found


def grade(percent: float) -> str:
    """Grade of a loss in percent; a gain is grade 0."""
    return next(name for bound, name in GRADES if percent < bound)


def millimetre_class(loss: float) -> str:
    """Class of a loss in mm."""
    return next(name for bound, name in CLASSES if loss <= bound)


def _percent(
    levels: tuple[str, ...],
    films: tuple[int, int],
    pair: tuple[Study, Study],
    checks: Collection[Check],
) -> Change:
    one, two = (study.find("disc_height_index", levels) for study in pair)
    empty, reasons = _empty(levels, films, "%", _PERCENT, (one, two), checks)
    if one is None or two is None or one.value is None or two.value is None:
        return empty
    if one.value <= 0:
        return replace(empty, reasons=("implausible",))
    ratio = two.value / one.value
    errors = [standard_error(item.interval95) for item in (one, two)]
    loss = 100 * (1 - ratio)
    filled = replace(
        empty, after=Value(loss, label=grade(loss)), difference=loss, label=grade(loss)
    )
    if errors[0] is None or errors[1] is None:
        return replace(filled, reasons=tuple(reasons) or ("no_interval",))
    relative = np.hypot(errors[0] / one.value, errors[1] / two.value if two.value else 0.0)
    landmarks = float(100 * max(abs(ratio) * relative, errors[1] / one.value))
    placed = 100 * positioning_error("disc_height_index", levels, "1") / one.value
    return _with_error(filled, loss, float(np.hypot(landmarks, placed)), reasons)


def _mm(
    levels: tuple[str, ...],
    films: tuple[int, int],
    pair: tuple[Study, Study],
    scales: Sequence[Scale],
    checks: Collection[Check],
) -> Change:
    one, two = (study.find("disc_height_dabbs", levels) for study in pair)
    empty, reasons = _empty(levels, films, "mm", _MM, (one, two), checks)
    if one is None or two is None or one.value is None or two.value is None:
        return empty
    scale = [scales[film] for film in films]
    if "none" in (scale[0].basis, scale[1].basis):
        return replace(empty, reasons=(*reasons, "scale_not_comparable"))
    loss = one.value * scale[0].factor - two.value * scale[1].factor
    known = trusted(pair[0]) or trusted(pair[1])
    label = millimetre_class(loss) if known else None
    flags = ["rescaled_by_bodies"] if "bodies" in (scale[0].basis, scale[1].basis) else []
    flags += [] if known else ["no_millimetre_class"]
    filled = replace(
        empty, after=Value(loss, label=label), difference=loss, label=label, flags=tuple(flags)
    )
    errors = [standard_error(item.interval95) for item in (one, two)]
    if errors[0] is None or errors[1] is None:
        return replace(filled, reasons=tuple(reasons) or ("no_interval",))
    parts = [
        errors[0] * scale[0].factor,
        errors[1] * scale[1].factor,
        two.value * scale[1].factor * float(np.hypot(scale[0].error, scale[1].error)),
        positioning_error("disc_height_dabbs", levels, "mm"),
    ]
    return _with_error(filled, loss, float(np.linalg.norm(parts)), reasons)


def _empty(
    levels: tuple[str, ...],
    films: tuple[int, int],
    unit: str,
    definition: str,
    items: tuple[Measurement | None, Measurement | None],
    checks: Collection[Check],
) -> tuple[Change, list[str]]:
    """The row without a value, and what forbids a verdict."""
    like = Measurement(NAME, levels, 0.0, unit, definition)
    reasons = forbidden(like, checks)
    missing = [
        "not_measured" if item is None else item.reason
        for item in items
        if item is None or item.reason is not None
    ]
    every = [*reasons, *(reason for reason in missing if reason is not None)]
    change = Change(
        name=NAME,
        levels=levels,
        unit=unit,
        definition=definition,
        reference=films[0],
        film=films[1],
        before=Value(0.0),
        after=Value(None, reason=(missing or [None])[0]),
        verdict="not_comparable",
        reasons=tuple(every) or ("no_interval",),
    )
    return change, reasons


def _with_error(change: Change, loss: float, error: float, reasons: list[str]) -> Change:
    half = 1.96 * error
    change = replace(
        change,
        interval95=(loss - half, loss + half),
        after=replace(change.after, interval95=(loss - half, loss + half)),
        limit=limit_of(change.name, error),
    )
    return change if reasons else replace(change, verdict="within_error", reasons=())
