"""Distributions over many films as small plots: dots, quartiles, and a published range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from spinemorph.reference import ReferenceRange
from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.types import FloatArray

#: More values than this are shown by as many, evenly spread over the ordered ones.
MOST_DOTS: Final = 300
INK: Final = "#0072b2"


def shown_values(values: FloatArray) -> FloatArray:
    """All values in order, or :data:`MOST_DOTS` that are evenly spread over them."""
    ordered = np.sort(values)
    if len(ordered) <= MOST_DOTS:
        return ordered
    return ordered[np.round(np.linspace(0, len(ordered) - 1, MOST_DOTS)).astype(int)]


def strip(
    values: FloatArray, known: ReferenceRange | None, width: float, height: float, words: Words
) -> svg.Drawing:
    """One row of dots with quartiles, over the published range, with the ends of its scale."""
    ends = [*values] + ([known.low, known.high] if known is not None else [])
    low, high = min(ends), max(ends)
    room = 0.06 * max(high - low, 1.0)
    scale = _Scale(low - room, high + room, 2.0, width - 4.0)
    middle = (height - 8) / 2
    parts = [svg.line(0, height - 8, width, height - 8, 0.4, stroke_opacity=0.4)]
    if known is not None:
        start, end = scale.at(known.low), scale.at(known.high)
        parts.append(
            svg.element("rect", x=start, y=0, width=end - start, height=height - 8, fill=svg.BAND)
        )
    parts += _dots(values, scale, middle, 0.7 * middle)
    for value in (low, high):
        x = scale.at(value)
        anchor = "start" if x < 15 else "end" if x > width - 15 else "middle"
        parts.append(svg.text(words.number(value, 0), x, height - 1, 6, anchor=anchor, opacity=0.7))
    return svg.document(width, height, *parts)


def panel(
    rows: Sequence[tuple[str, FloatArray]], title: str, width: float, words: Words, places: int
) -> svg.Drawing:
    """Rows of dots by level, under one scale."""
    pitch, head, foot, names = 15.0, 14.0, 12.0, 30.0
    height = head + pitch * len(rows) + foot
    every = np.concatenate([values for _, values in rows])
    low, high = float(every.min()), float(every.max())
    room = 0.06 * max(high - low, 1e-6)
    scale = _Scale(low - room, high + room, names, width - names - 4)
    size = min(7.0, 7.0 * (width - 4) / svg.text_width(title, 7.0))
    start = max(min(names, width - 2 - svg.text_width(title, size)), 0.0)
    parts = [svg.text(title, start, 8, size, bold=True)]
    bottom = height - foot
    for tick in scale.ticks():
        x = scale.at(tick)
        parts.append(
            svg.line(x, head - 2, x, bottom, 0.3, stroke_opacity=0.7 if tick == 0 else 0.25)
        )
        parts.append(
            svg.text(words.number(tick, places), x, height - 3, 6, anchor="middle", opacity=0.7)
        )
    for index, (name, values) in enumerate(rows):
        y = head + pitch * (index + 0.5)
        parts.append(svg.text(name, names - 5, y + 2.3, 6.6, anchor="end"))
        parts += _dots(values, scale, y, 0.28 * pitch)
    return svg.document(width, height, *parts)


class _Scale:
    def __init__(self, low: float, high: float, left: float, width: float) -> None:
        self.low, self.high, self.left, self.width = low, high, left, width

    def at(self, value: float) -> float:
        return self.left + self.width * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """At most five round values inside."""
        span = self.high - self.low
        power = 10.0 ** np.floor(np.log10(span))
        step = next(s * power for s in (0.1, 0.2, 0.5, 1, 2, 5, 10) if span / (s * power) <= 5)
        first = np.ceil(self.low / step) * step
        return [float(x) + 0.0 for x in np.arange(first, self.high, step)]


def _dots(values: FloatArray, scale: _Scale, middle: float, spread: float) -> list[str]:
    """Dots, moved up and down by a fixed pattern so that they do not hide each other."""
    ordered = shown_values(values)
    offsets = (np.arange(len(ordered)) * 0.618034) % 1.0 - 0.5
    offsets = offsets * (2 * spread) if len(ordered) > 1 else offsets * 0
    radius = 1.5 if len(ordered) <= 60 else 1.0
    parts = [
        svg.element(
            "circle",
            cx=scale.at(float(value)),
            cy=middle + float(offset),
            r=radius,
            fill=INK,
            fill_opacity=0.45,
        )
        for value, offset in zip(ordered, offsets, strict=True)
    ]
    if len(values) >= 4:
        first, median, third = (
            scale.at(float(x)) for x in np.percentile(values, (25.0, 50.0, 75.0))
        )
        parts.append(svg.line(first, middle, third, middle, 2.2, stroke_opacity=0.85))
        parts.append(svg.line(median, middle - 4, median, middle + 4, 1.6))
    return parts
