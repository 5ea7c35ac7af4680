"""The lordosis profile: what each body and disc from L1 to S1 adds, and the running sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.anatomy import LUMBAR_LEVELS
from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.types import Measurement, Study

ROW: Final = 13.0
NAMES: Final = 36.0
GAP: Final = 22.0
HEAD, FOOT = 16.0, 14.0
#: Degrees by which the parts may miss the lordosis, for the rounding of whoever measured them.
MOST_APART: Final = 0.5
DISC, BODY = "#0072b2", "#9aa3af"


@dataclass(frozen=True)
class Part:
    """A body or disc: its name and its angle."""

    name: str
    disc: bool
    item: Measurement


def profile_parts(study: Study) -> list[Part]:
    """Wedge of every body and angle of every disc from L1 to S1, in order.

    Their sum is the lordosis from the upper endplate of L1 to that of S1; [] where one of them is
    missing or they do not add up to it.
    """
    parts = []
    below = (*LUMBAR_LEVELS[1:], "S1")
    for level, lower in zip(LUMBAR_LEVELS, below, strict=True):
        for name, levels in (("vertebral_wedge", (level,)), ("disc_angle", (level, lower))):
            item = study.find(name, levels)
            if item is None or item.value is None:
                return []
            parts.append(Part("/".join(levels), len(levels) == 2, item))
    whole = study.find("lumbar_lordosis")
    if whole is None or whole.value is None:
        return []
    difference = sum(part.item.value or 0.0 for part in parts) - whole.value
    return parts if abs(difference) < MOST_APART else []


def lordosis_profile(study: Study, words: Words, width: float) -> tuple[svg.Drawing, str] | None:
    """The plot as SVG of ``width`` points with its words; None where a part is missing."""
    parts = profile_parts(study)
    if not parts:
        return None
    values = np.array([part.item.value for part in parts], dtype=float)
    sums = np.cumsum(values)
    half = (width - NAMES - GAP) / 2
    height = HEAD + ROW * len(parts) + FOOT
    spans = [part.item.interval95 or (v, v) for part, v in zip(parts, values, strict=True)]
    each = _Axis(NAMES, half, min(low for low, _ in spans), max(high for _, high in spans))
    room = 0.3 * float(np.ptp([*sums, 0.0]))  # for the last value, beside its point
    low, high = float(sums.min()), float(sums.max())
    low, high = (low, high + room) if sums[-1] >= 0 else (low - room, high)
    total = _Axis(NAMES + half + GAP, half - 6, low, high)
    drawn = [
        *_axis(each, height, words("profile.each")),
        *_axis(total, height, words("profile.sum")),
    ]
    for index, (part, span) in enumerate(zip(parts, spans, strict=True)):
        drawn += _bar(part, span, each, HEAD + ROW * index)
        drawn.append(
            svg.text(
                part.name,
                NAMES - 5,
                HEAD + ROW * (index + 0.5) + 2.4,
                6.8,
                anchor="end",
                bold=not part.disc,
            )
        )
    drawn += _sum(sums, total, words)
    named = ", ".join(
        words("profile.part", level=part.name, value=words.number(float(v), 1))
        for part, v in zip(parts, values, strict=True)
    )
    alt = words("profile.alt", parts=named)
    return svg.document(width, height, *drawn, label=alt), alt


class _Axis:
    """A horizontal scale of degrees that holds 0, with round ticks."""

    def __init__(self, left: float, width: float, low: float, high: float) -> None:
        low, high = min(low, 0.0), max(high, 0.0)
        span = max(high - low, 1.0)
        self.step = next(step for step in (5, 10, 20, 50, 100, 1000) if span / step <= 5)
        self.low = self.step * np.floor(low / self.step)
        self.high = self.step * np.ceil(high / self.step)
        if self.high - self.low < self.step:
            self.high = self.low + self.step
        self.left, self.width = left, width

    def at(self, value: float) -> float:
        return float(self.left + self.width * (value - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        return [float(x) for x in np.arange(self.low, self.high + self.step / 2, self.step)]


def _axis(axis: _Axis, height: float, title: str) -> list[str]:
    size = min(6.6, 6.6 * axis.width / svg.text_width(title, 6.6))
    parts = [svg.text(title, axis.left + axis.width / 2, 7, size, anchor="middle", opacity=0.75)]
    for tick in axis.ticks():
        x = axis.at(tick)
        heavy = tick == 0
        parts.append(
            svg.line(
                x,
                HEAD - 3,
                x,
                height - FOOT + 2,
                0.6 if heavy else 0.3,
                stroke_opacity=0.8 if heavy else 0.25,
            )
        )
        label = f"{tick:.0f}".replace("-", "\N{MINUS SIGN}")
        parts.append(svg.text(label, x, height - 3, 6.2, anchor="middle", opacity=0.75))
    return parts


def _bar(part: Part, span: tuple[float, float], axis: _Axis, top: float) -> list[str]:
    value = part.item.value or 0.0
    start, end = sorted((axis.at(0.0), axis.at(value)))
    y = top + ROW / 2
    low, high = axis.at(span[0]), axis.at(span[1])
    bar = svg.element(
        "rect",
        x=start,
        y=top + 2.2,
        width=max(end - start, 0.4),
        height=ROW - 4.4,
        fill=DISC if part.disc else BODY,
    )
    return [
        bar,
        svg.line(low, y, high, y, 0.7),
        svg.line(low, y - 1.8, low, y + 1.8, 0.7),
        svg.line(high, y - 1.8, high, y + 1.8, 0.7),
    ]


def _sum(sums: np.ndarray, axis: _Axis, words: Words) -> list[str]:
    """The running sum, from 0 at the upper endplate of L1, with its last value."""
    points = [(axis.at(0.0), HEAD)]
    for index, value in enumerate(sums):
        points.append((axis.at(float(value)), HEAD + ROW * (index + 1)))
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    x, y = points[-1]
    last = words.number(float(sums[-1]), 1) + "°"
    end = "start" if sums[-1] >= 0 else "end"
    return [
        svg.element("path", d=path, fill="none", stroke=DISC, stroke_width=1.3),
        svg.element("circle", cx=x, cy=y, r=1.8, fill=DISC),
        svg.text(last, x + (-4 if end == "end" else 4), y - 1, 7.4, anchor=end, bold=True),
    ]
