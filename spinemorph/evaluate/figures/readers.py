"""Figures of agreement: Bland-Altman and scatter plots of each pair of readers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from spinemorph.evaluate.agreement import Agreement, PairAgreement
from spinemorph.evaluate.figures.style import Figure, colour, stem
from spinemorph.evaluate.readings import Quantity
from spinemorph.types import FloatArray

COLUMNS = 3


def reader_figures(quantity: Quantity, table: FloatArray, result: Agreement) -> tuple[Figure, ...]:
    """Both figures of one measurement; none where no pair of readers shares a study."""
    pairs = [pair for pair in result.pairs if pair.n >= 2]
    if not pairs:
        return ()
    columns = min(len(pairs), COLUMNS)
    rows = math.ceil(len(pairs) / columns)
    name = stem("_".join(quantity.title.split()))
    unit = f" ({quantity.unit})" if quantity.unit else ""
    place = {reader: index for index, reader in enumerate(result.readers)}

    def values(pair: PairAgreement) -> tuple[FloatArray, FloatArray]:
        both = table[:, [place[pair.reader_1], place[pair.reader_2]]]
        both = both[np.isfinite(both).all(axis=1)]
        return both[:, 0], both[:, 1]

    def draw_differences(canvas: Any) -> None:
        for axis, pair in _axes(canvas, pairs, rows, columns):
            _bland_altman(axis, pair, *values(pair), unit)

    def draw_scatter(canvas: Any) -> None:
        for axis, pair in _axes(canvas, pairs, rows, columns):
            _scatter(axis, pair, *values(pair), unit)

    size = (max(3.6, 2.9 * columns), 2.7 * rows)
    return (
        Figure(
            f"bland_altman_{name}",
            f"{quantity.title}: difference of two readers against their mean; bias (solid) and "
            "limits of agreement (dashed), each with its 95 % interval (shaded).",
            size,
            draw_differences,
        ),
        Figure(
            f"scatter_{name}",
            f"{quantity.title}: one reader against the other; the line is equality.",
            size,
            draw_scatter,
        ),
    )


def _axes(
    canvas: Any, pairs: Sequence[PairAgreement], rows: int, columns: int
) -> list[tuple[Any, PairAgreement]]:
    axes = canvas.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(pairs) :]:
        axis.set_axis_off()
    return list(zip(axes.flat, pairs, strict=False))


def _bland_altman(
    axis: Any, pair: PairAgreement, first: FloatArray, second: FloatArray, unit: str
) -> None:
    mean, difference = (first + second) / 2, first - second
    axis.axhline(0, color="#BBBBBB", linewidth=0.6)
    marks = [(pair.bias, pair.bias_ci95, "-")]
    if pair.limits and pair.limits_ci95:
        marks += [
            (limit, ci, "--") for limit, ci in zip(pair.limits, pair.limits_ci95, strict=True)
        ]
    for value, interval, line in marks:
        if interval:
            axis.axhspan(*interval, color=colour(0 if line == "-" else 1), alpha=0.12, linewidth=0)
        axis.axhline(value, color=colour(0 if line == "-" else 1), linestyle=line, linewidth=1)
        axis.annotate(
            f"{value:.2f}",
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            annotation_clip=False,
        )
    axis.plot(mean, difference, "o", color="#222222", markersize=2.6, alpha=0.65, linewidth=0)
    axis.margins(y=0.12)
    axis.set_xlabel(f"Mean{unit}")
    axis.set_ylabel(f"Difference{unit}")
    axis.set_title(f"{pair.reader_1} − {pair.reader_2}", loc="left")


def _scatter(
    axis: Any, pair: PairAgreement, first: FloatArray, second: FloatArray, unit: str
) -> None:
    low, high = float(min(first.min(), second.min())), float(max(first.max(), second.max()))
    margin = 0.06 * (high - low) or 1.0
    ends = low - margin, high + margin
    axis.plot(ends, ends, color=colour(1), linewidth=0.9, zorder=1)
    axis.plot(first, second, "o", color=colour(0), markersize=2.8, alpha=0.7, zorder=2)
    axis.set_xlim(ends)
    axis.set_ylim(ends)
    axis.set_aspect("equal")
    axis.set_xlabel(f"{pair.reader_1}{unit}")
    axis.set_ylabel(f"{pair.reader_2}{unit}")
    axis.set_title(f"n = {pair.n}, MAE {pair.mae:.2f}", loc="left", fontweight="normal")
