"""Measures over time: values with intervals, the day of surgery, what changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.compare.report.pictures import Picture
from spinemorph.compare.types import Change, Comparison
from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.report.values import digits

HEAD, FOOT, LEFT, RIGHT = 17.0, 15.0, 27.0, 8.0
#: Plots on one page at most.
MOST: Final = 8
#: Drawn even when they did not change.
ALWAYS: Final = ("lumbar_lordosis",)
_PREFERRED: Final = (
    "lumbar_lordosis",
    "disc_angle",
    "disc_height_dabbs",
    "disc_height_index",
    "slip_percent",
    "lower_lordosis",
)
CHANGED, STILL = "#b3261e", "currentColor"


@dataclass(frozen=True)
class Point:
    """A value on a day; ``changed`` against the first film."""

    day: dt.date
    value: float
    low: float
    high: float
    changed: bool


def plots(comparison: Comparison, words: Words, width: float, height: float) -> list[Picture]:
    """One plot for each measure worth it, of films that all have dates and are three or more."""
    if len(comparison.films) < 3 or any(film.date is None for film in comparison.films):
        return []
    found = []
    for name, levels in _worth(comparison):
        points = _points(comparison, name, levels)
        if len(points) >= 3:
            unit = next(c.unit for c in comparison.changes if (c.name, c.levels) == (name, levels))
            found.append(_plot(comparison, (name, levels, unit), points, words, (width, height)))
    return found[:MOST]


def _worth(comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    """Measures that changed on any film, one or two a place, the most telling first."""
    changed = {(c.name, c.levels) for c in comparison.changes if c.verdict == "changed"}
    always = {(c.name, c.levels) for c in comparison.changes if c.name in ALWAYS}
    every = [key for key in changed | always if key[0] in _PREFERRED]
    return sorted(every, key=lambda key: (_PREFERRED.index(key[0]), key[1]))


def _points(comparison: Comparison, name: str, levels: tuple[str, ...]) -> list[Point]:
    rows: list[Change] = [
        c for c in comparison.changes if (c.name, c.levels, c.site) == (name, levels, None)
    ]
    values = [(0, rows[0].before, False)] if rows else []
    values += [(c.film, c.after, c.verdict == "changed") for c in rows]
    found = []
    for film, value, changed in values:
        day = comparison.films[film].date
        if value.value is None or day is None:
            continue
        low, high = value.interval95 or (value.value, value.value)
        found.append(Point(dt.date.fromisoformat(day), value.value, low, high, changed))
    return found


def _plot(
    comparison: Comparison,
    what: tuple[str, tuple[str, ...], str],
    points: list[Point],
    words: Words,
    size: tuple[float, float],
) -> Picture:
    name, levels, unit = what
    width, height = size
    shown = words.unit(unit).strip("\N{NO-BREAK SPACE} ")
    title = f"{words.measure(name)} {'/'.join(levels)}" + (f" ({shown})" if shown else "")
    days = [point.day for point in points]
    marks = list(days)
    surgery = comparison.surgery
    if surgery is not None:
        marks.append(dt.date.fromisoformat(surgery.date))
    first, last = min(marks), max(marks)
    span = max((last - first).days, 1)
    low, high = min(p.low for p in points), max(p.high for p in points)
    room = max(high - low, 10.0 ** -digits(unit)) * 0.08
    low, high = low - room, high + room

    def x(day: dt.date) -> float:
        return LEFT + 6 + (width - LEFT - RIGHT - 12) * (day - first).days / span

    def y(value: float) -> float:
        return HEAD + (height - HEAD - FOOT) * (high - value) / (high - low)

    parts = [svg.text(title, 0, 8, 7.2, bold=True)]
    for tick in _ticks(low, high):
        parts.append(svg.line(LEFT, y(tick), width - RIGHT, y(tick), 0.3, stroke_opacity=0.25))
        label = words.number(tick, digits(unit) if high - low < 4 else 0)
        parts.append(svg.text(label, LEFT - 3, y(tick) + 2.2, 6.2, anchor="end", opacity=0.75))
    if surgery is not None:
        at = x(dt.date.fromisoformat(surgery.date))
        parts.append(
            svg.line(at, HEAD - 4, at, height - FOOT, 0.8, stroke=CHANGED, stroke_dasharray="3 2")
        )
    path = "M" + "L".join(f"{x(p.day):.2f} {y(p.value):.2f}" for p in points)
    parts.append(
        svg.element("path", d=path, fill="none", stroke=STILL, stroke_width=0.7, stroke_opacity=0.5)
    )
    for point in points:
        at, ink = x(point.day), CHANGED if point.changed else STILL
        parts.append(svg.line(at, y(point.low), at, y(point.high), 0.8, stroke=ink))
        ends = (y(point.low), y(point.high))
        parts += [svg.line(at - 2, end, at + 2, end, 0.8, stroke=ink) for end in ends]
        fill = ink if point.changed else "#ffffff"
        parts.append(
            svg.element(
                "circle", cx=at, cy=y(point.value), r=2.3, fill=fill, stroke=ink, stroke_width=0.9
            )
        )
    parts += _dates(days, x, size, words)
    said = ", ".join(
        words(
            "comparison.plot_point",
            date=words.date(p.day.isoformat()),
            value=words.number(p.value, digits(unit)) + words.unit(unit),
        )
        for p in points
    )
    alt = words("comparison.plot_alt", name=title, points=said)
    return Picture(svg.document(width, height, *parts, label=alt), width, height, alt)


def _ticks(low: float, high: float) -> list[float]:
    span = high - low
    step = 10.0 ** np.floor(np.log10(span))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2, 5, 10) if span / (step * part) <= 5)
    return [float(t) for t in np.arange(np.ceil(low / step) * step, high + step * 1e-6, step)]


def _dates(
    days: list[dt.date], x: Callable[[dt.date], float], size: tuple[float, float], words: Words
) -> list[str]:
    """The dates below their points, as many as do not touch."""
    width, height = size
    parts, end = [], -np.inf
    for day in days:
        text = words.date(day.isoformat())
        half = svg.text_width(text, 5.8) / 2
        at = min(x(day), width - half)
        if at - half > end + 3:
            parts.append(svg.text(text, at, height - 4, 5.8, anchor="middle", opacity=0.75))
            end = at + half
    return parts
