"""Rows of the tables of a comparison: text for people, in one language."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.compare.bodies import operated_levels
from spinemorph.compare.report.pictures import film_title
from spinemorph.compare.subsidence import NAME as SUBSIDENCE
from spinemorph.compare.types import Change, Comparison, Value
from spinemorph.report.catalogue import Words
from spinemorph.report.values import Reasons, digits

#: Measures that the first page shows whether they changed or not.
ALWAYS: Final = ("lumbar_lordosis", "lower_lordosis")
#: Changed measures on the first page at most.
MOST: Final = 12


def key_changes(comparison: Comparison) -> tuple[list[Change], int]:
    """What the first page shows of the last film, and how many changed measures it leaves out."""
    rows = comparison.of(len(comparison.films) - 1)
    always = [row for row in rows if row.name in ALWAYS]
    cages = [row for row in rows if row.name == SUBSIDENCE]
    changed = [row for row in rows if row.verdict == "changed" and row not in (*always, *cages)]
    changed.sort(key=lambda row: (not row.primary, row.p if row.p is not None else 1.0))
    shown = changed[: max(MOST - len(cages), 4)]
    ordered = sorted(shown, key=_place)
    return [*always, *cages, *ordered], len(changed) - len(shown)


def table_rows(
    comparison: Comparison, film: int, reasons: Reasons, *, short: bool
) -> list[dict[str, Any]]:
    """Measures of one film that both films have, from above downward; ``short``: the primary ones
    and those that changed.
    """
    rows = [row for row in comparison.of(film) if row.reasons != ("not_measured",)]
    if short:
        rows = [row for row in rows if row.primary or row.verdict == "changed"]
    return [change_row(comparison, row, reasons) for row in sorted(rows, key=_place)]


def one_sided(comparison: Comparison, film: int) -> str:
    """Levels and segments that only one of the films shows."""
    places = dict.fromkeys(
        "/".join(row.levels)
        for row in sorted(comparison.of(film), key=_place)
        if row.reasons == ("not_measured",)
    )
    return ", ".join(places)


def change_row(comparison: Comparison, row: Change, reasons: Reasons) -> dict[str, Any]:
    """One change for the templates."""
    words = reasons.words
    places = digits(row.unit)
    limit = ""
    if row.limit is not None:
        star = "*" if row.limit.published == row.limit.value else ""
        limit = words.number(row.limit.value, places) + star
    interval = ""
    if row.interval95 is not None:
        low, high = (words.number(end, places) for end in row.interval95)
        interval = f"{low} … {high}"
    verdict = words(f"comparison.verdicts.{row.verdict}")
    if row.reasons:
        number = reasons.mark(row.reasons[0]).rpartition("(")[2].rstrip(")")
        verdict = f"{verdict} ({number})"
    return {
        "name": words.measure(row.name) + _site(row, words),
        "place": "/".join(row.levels),
        "before": shown(row.before, row, words),
        "after": shown(row.after, row, words),
        "difference": _difference(row, words),
        "unit": words.unit(row.unit).strip("\N{NO-BREAK SPACE} "),
        "interval": interval,
        "limit": limit,
        "mark": words(f"comparison.marks.{row.verdict}"),
        "verdict": verdict,
        "changed": row.verdict == "changed",
        "reference": "" if row.reference == 0 else film_title(comparison, row.reference, words),
    }


def shown(value: Value, row: Change, words: Words) -> str:
    """A value with half of its interval, or its grade."""
    if value.value is None:
        return words.label(value.label) if value.label else words("report.none")
    if row.name.endswith("_grade"):
        return words.label(value.label) if value.label else words.number(value.value, 0)
    places = digits(row.unit)
    text = words.number(value.value, places)
    if value.interval95 is not None:
        half = (value.interval95[1] - value.interval95[0]) / 2
        text += f" ± {words.number(half, places)}"
    if row.name == SUBSIDENCE and value.label:
        text += f" ({_loss(row, value.label, words)})"
    return text


def events(comparison: Comparison, words: Words) -> list[str]:
    """Implants that are new or gone, one line each."""
    found: dict[tuple[int, str], dict[str, list[str]]] = {}
    for event in comparison.events:
        kind = words.of("implants", event.category, event.category)
        named = found.setdefault((event.film, event.kind), {}).setdefault(kind, [])
        named.append("/".join(event.levels))
    lines = []
    for (film, kind), items in found.items():
        date = film_title(comparison, film, words)
        text = "; ".join(f"{name} {', '.join(levels)}" for name, levels in items.items())
        lines.append(words(f"comparison.events.{kind}", date=date, items=text))
    if lines:
        return lines
    any_at_all = any(study.implants for study in comparison.studies)
    return [words("comparison.no_events" if any_at_all else "comparison.no_implants")]


def adjacent_lines(comparison: Comparison, words: Words) -> list[str]:
    """What became of the segments beside those that carry implants, on the last film."""
    film = len(comparison.films) - 1
    operated = {
        pair
        for pair in pairwise(reversed(LEVELS_UPWARD))
        if all(level in operated_levels(comparison.studies) for level in pair)
    }
    beside = [
        pair
        for pair in pairwise(reversed(LEVELS_UPWARD))
        if pair not in operated and any(set(pair) & set(other) for other in operated)
    ]
    lines = []
    for pair in beside:
        rows = [row for row in comparison.of(film) if row.levels == pair and row.primary]
        changed = [row for row in comparison.of(film) if row.levels == pair and _changed(row)]
        if not rows:
            continue
        said = ", ".join(
            f"{words.measure(row.name)} {_difference(row, words)}{words.unit(row.unit)}"
            for row in changed
        )
        place = "/".join(pair)
        lines.append(
            words("comparison.adjacent_changed", place=place, items=said)
            if changed
            else words("comparison.adjacent_same", place=place)
        )
    return lines


def _changed(row: Change) -> bool:
    return row.verdict == "changed"


def _loss(row: Change, label: str, words: Words) -> str:
    if row.unit == "%":
        return words("comparison.grade", grade=label)
    return words(f"comparison.classes.{label}")


def _difference(row: Change, words: Words) -> str:
    if row.difference is None or row.name.endswith("_grade"):
        return ""
    text = words.number(row.difference, digits(row.unit))
    return text if row.difference < 0 else f"+{text}"


def _site(row: Change, words: Words) -> str:
    parts = [words.of("sites", row.site, row.site or ""), row.instance or ""]
    named = ", ".join(part for part in parts if part)
    return f" ({named})" if named else ""


def _place(row: Change) -> tuple[int, float]:
    """The whole first, then from above downward, a body before the segment below it."""
    known = [LEVELS_UPWARD.index(level) for level in row.levels if level in LEVELS_UPWARD]
    if not known or (len(row.levels) > 1 and not _neighbours(row.levels)):
        return 0, 0.0
    return 1, -sum(known) / len(known)


def _neighbours(levels: tuple[str, ...]) -> bool:
    known = [LEVELS_UPWARD.index(level) for level in levels if level in LEVELS_UPWARD]
    return len(known) == 2 and abs(known[0] - known[1]) == 1
