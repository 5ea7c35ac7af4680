"""What the comparison says, in two sentences made from the verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from spinemorph.compare.report.words import comparison_words
from spinemorph.compare.subsidence import NAME as SUBSIDENCE
from spinemorph.compare.types import Change, Comparison
from spinemorph.report.catalogue import Words
from spinemorph.report.values import digits

#: What stands for a place that changed, the first of them that did.
TELLING: Final = (
    ("lumbar_lordosis", "lower_lordosis", "lumbar_lordosis_l1_l5"),
    ("disc_angle", "segmental_lordosis"),
    ("disc_height_dabbs", "disc_height_index", "disc_height_middle", "disc_height_anterior"),
    ("slip", "slip_percent"),
    ("genant_grade", "height_ratio_wedge", "height_ratio_biconcave", "height_ratio_crush"),
    ("osteophyte_grade", "osteophyte_area"),
    ("screw_endplate_angle",),
    ("cage_position",),
)
#: Places named in the first sentence at most.
MOST: Final = 6


def summary_of(comparison: Comparison, words: Words | None = None) -> tuple[str, str]:
    """Two sentences on the last film against the first one: what changed, and what is left."""
    words = words or comparison_words()
    film = len(comparison.films) - 1
    rows = comparison.of(film)
    counts = Counter(change.verdict for change in rows)
    date = comparison.films[0].date
    since = words("comparison.film", number=1) if date is None else words.date(date)
    parts = [*_implants(comparison, words), *_measures(rows, words)]
    if parts:
        text = words("comparison.summary.and").join(parts)
        first = words("comparison.summary.changed", date=since, parts=text)
    elif counts["changed"] + counts["within_error"] == 0:
        first = words("comparison.summary.nothing_comparable", date=since)
    else:
        first = words("comparison.summary.nothing", date=since)
    values = {
        "total": len(rows),
        "changed": counts["changed"],
        "within": counts["within_error"],
        "not_comparable": counts["not_comparable"],
    }
    if counts["not_comparable"] == 0:
        return first, words("comparison.summary.rest_all", **values)
    reasons = Counter(change.reasons[0] for change in rows if change.reasons)
    reason = words.flag(reasons.most_common(1)[0][0]).rstrip(".")
    why = words("comparison.summary.why", reason=reason[:1].lower() + reason[1:])
    return first, words("comparison.summary.rest", **values, why=why)


def telling(rows: Sequence[Change]) -> list[Change]:
    """One changed row a place and kind, in the order of :data:`TELLING`."""
    changed = [row for row in rows if row.verdict == "changed"]
    found = []
    for names in TELLING:
        places = dict.fromkeys((row.levels, row.instance) for row in changed if row.name in names)
        for place in places:
            here = [row for row in changed if (row.levels, row.instance) == place]
            found.append(next(row for name in names for row in here if row.name == name))
    return found


def _measures(rows: Sequence[Change], words: Words) -> list[str]:
    subsided = [
        row
        for row in rows
        if row.name == SUBSIDENCE and row.verdict == "changed" and (row.difference or 0) > 0
    ]
    levels = {row.levels for row in subsided}
    parts = []
    for place in sorted(levels):
        here = [row for row in subsided if row.levels == place]
        best = next((row for row in here if row.unit == "mm" and row.label), here[0])
        label = next((row.label for row in here if row.unit == "%"), None)
        grade = words("comparison.grade", grade=label) if label else ""
        value = words.number(best.difference or 0.0, 1) + words.unit(best.unit)
        text = words(
            "comparison.summary.subsided", levels="/".join(place), value=value, grade=grade
        )
        parts.append(text.replace(" ()", ""))
    parts += [_said(row, words) for row in telling(rows)]
    return parts[:MOST]


def _said(row: Change, words: Words) -> str:
    place = "" if row.levels in (("L1", "S1"), ()) else f" {'/'.join(row.levels)}"
    difference = row.difference or 0.0
    interval = ""
    if row.interval95 is not None:
        low, high = row.interval95
        if difference < 0:
            low, high = -high, -low
        places = digits(row.unit)
        interval = words(
            "comparison.summary.interval",
            low=words.number(low, places),
            high=words.number(high, places),
        )
    name = words.measure(row.name)
    name = name[:1].lower() + name[1:] if words.language == "en" else name
    return words(
        "comparison.summary.part",
        name=name + place,
        direction=words(f"comparison.summary.{'rose' if difference > 0 else 'fell'}"),
        value=words.number(abs(difference), digits(row.unit)) + words.unit(row.unit),
        interval=interval,
    )


def _implants(comparison: Comparison, words: Words) -> list[str]:
    parts = []
    for kind, key in (("appeared", "new"), ("vanished", "gone")):
        items = [
            f"{words.of('implants', event.category, event.category)} {'/'.join(event.levels)}"
            for event in comparison.events
            if event.kind == kind
        ]
        if items:
            named = ", ".join(dict.fromkeys(items))
            parts.append(words(f"comparison.summary.{key}", items=named))
    return parts
