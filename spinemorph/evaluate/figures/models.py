"""Figures of a comparison of models: densities or rates, and box plots beside the pairwise tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinemorph.evaluate.figures.style import LINES, Figure, colour, stem, title_of
from spinemorph.evaluate.statistics.formulas import constant
from spinemorph.evaluate.statistics.long import LongTable, MetricTable
from spinemorph.evaluate.statistics.rows import PostHoc, Statistics
from spinemorph.types import FloatArray

POINTS = 400


def model_figures(table: LongTable, statistics: Statistics) -> tuple[Figure, ...]:
    """Every figure of the comparison, the overview of all densities first."""
    metrics = [metric for metric in table.metrics.values() if metric.values]
    continuous = [metric for metric in metrics if not metric.binary]
    found = [_overview(continuous, table.models)] if len(continuous) > 1 else []
    for metric in metrics:
        found.append(_distribution(metric, table.models, statistics))
        pairs = _shown_pairs(metric, statistics)
        if not metric.binary or pairs:
            found.append(_boxes(metric, table.models, pairs, statistics))
    return tuple(found)


def density(values: FloatArray, grid: FloatArray) -> FloatArray:
    """Gaussian kernel density with Scott's bandwidth at ``grid``.

    Values that are never negative are bounded at 0, and at 1 where none is above it: what the
    kernels put outside is mirrored back in, so that no density lies where no value can be and its
    integral stays 1.
    """
    from scipy.stats import gaussian_kde

    kernel = gaussian_kde(values)
    heights: FloatArray = kernel(grid)
    inside = np.ones(grid.shape, bool)
    low, high = _bounds(values)
    if low is not None:
        heights, inside = heights + kernel(2 * low - grid), inside & (grid >= low)
    if high is not None:
        heights, inside = heights + kernel(2 * high - grid), inside & (grid <= high)
    return np.where(inside, heights, 0.0)


def _bounds(values: FloatArray) -> tuple[float | None, float | None]:
    if values.min() < 0:
        return None, None
    return 0.0, 1.0 if values.max() <= 1 else None


def _overview(metrics: Sequence[MetricTable], models: tuple[str, ...]) -> Figure:
    columns = 2
    rows = -(-len(metrics) // columns)

    def draw(canvas: Any) -> None:
        axes = canvas.subplots(rows, columns, squeeze=False)
        for axis, metric in zip(axes.flat, metrics, strict=False):
            _draw_density(axis, metric, models)
            axis.set_title(title_of(metric.metric), loc="left")
        for axis in axes.flat[len(metrics) :]:
            axis.set_axis_off()
        handles, labels = axes.flat[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=min(len(models), 5))

    caption = "Density of every continuous metric over images, one curve a model."
    return Figure("density_all", caption, (7.0, 0.5 + 2.3 * rows), draw)


def _distribution(metric: MetricTable, models: tuple[str, ...], statistics: Statistics) -> Figure:
    name = stem(metric.metric)
    if metric.binary:
        caption = (
            f"{title_of(metric.metric)}: share of images, bootstrap 95 % interval over images."
        )
        height = 0.9 + 0.34 * len(models)
        return Figure(
            f"rates_{name}",
            caption,
            (5.0, height),
            lambda canvas: _draw_rates(canvas, metric, models, statistics),
        )

    def draw(canvas: Any) -> None:
        axis = canvas.subplots()
        _draw_density(axis, metric, models)
        axis.set_xlabel(title_of(metric.metric))
        axis.legend(loc="best")

    caption = f"{title_of(metric.metric)}: density over images, ticks are single images."
    return Figure(f"density_{name}", caption, (5.0, 3.2), draw)


def _draw_density(axis: Any, metric: MetricTable, models: tuple[str, ...]) -> None:
    columns = {model: metric.pooled(model) for model in models}
    everything = np.concatenate(list(columns.values()))
    low, high = float(everything.min()), float(everything.max())
    margin = 0.08 * (high - low) or 0.05 * max(abs(high), 1.0)
    floor, ceiling = _bounds(everything)
    left = low - margin if floor is None else max(low - margin, floor)
    right = high + margin if ceiling is None else min(high + margin, ceiling)
    grid = np.linspace(left, right, POINTS)
    top = 0.0
    for index, (model, values) in enumerate(columns.items()):
        style = {"color": colour(index), "linestyle": LINES[index % len(LINES)], "label": model}
        if len(values) < 2 or constant(values):
            for value in values[:1]:
                axis.axvline(value, **style)
            continue
        heights = density(values, grid)
        top = max(top, float(heights.max()))
        axis.plot(grid, heights, **style)
        axis.fill_between(grid, heights, color=style["color"], alpha=0.05, linewidth=0)
    top = top or 1.0
    step = 0.035 * top
    for index, values in enumerate(columns.values()):
        base = -step * (index + 1)
        axis.vlines(
            values, base, base + 0.75 * step, color=colour(index), linewidth=0.35, alpha=0.6
        )
    axis.set_ylim(-step * (len(columns) + 0.6), 1.06 * top)
    axis.set_xlim(left, right)
    axis.set_ylabel("Density")
    axis.axhline(0, color="#999999", linewidth=0.5)
    axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 1.06 * top])


def _draw_rates(
    canvas: Any, metric: MetricTable, models: tuple[str, ...], statistics: Statistics
) -> None:
    axis = canvas.subplots()
    rows = {row.model: row for row in statistics.summary if row.metric == metric.metric}
    for place, model in enumerate(models):
        row = rows.get(model)
        if row is None or row.mean is None:
            continue
        low, high = row.ci95 or (row.mean, row.mean)
        axis.barh(place, 100 * row.mean, height=0.62, color=colour(place), alpha=0.85)
        spread = [[100 * (row.mean - low)], [100 * (high - row.mean)]]
        axis.errorbar(100 * row.mean, place, xerr=spread, color="black", capsize=2.5, linewidth=0.9)
        axis.text(101.5, place, f"{100 * row.mean:.1f} %", va="center", fontsize=7.5, clip_on=False)
    axis.set_yticks(range(len(models)), models)
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel(f"{title_of(metric.metric)} (% of images)")


def _shown_pairs(metric: MetricTable, statistics: Statistics) -> tuple[PostHoc, ...]:
    """The pairwise results of the test that the design calls for: the images are the same."""
    method = "mcnemar_holm" if metric.binary else "wilcoxon_holm"
    rows = [r for r in statistics.posthoc if (r.metric, r.method) == (metric.metric, method)]
    folds = {row.fold for row in rows}
    return tuple(rows) if len(folds) == 1 else ()


def _boxes(
    metric: MetricTable,
    models: tuple[str, ...],
    pairs: tuple[PostHoc, ...],
    statistics: Statistics,
) -> Figure:
    count = len(models)
    word = "McNemar" if metric.binary else "Wilcoxon"
    caption = (
        f"{title_of(metric.metric)}: {'rates' if metric.binary else 'box plots over images'} and "
        f"pairwise {word} tests (Holm-corrected p; shaded where p is 0.05 or less)."
    )

    def draw(canvas: Any) -> None:
        if not pairs:
            _draw_boxes(canvas.subplots(), metric, models)
            return
        left, right = canvas.subfigures(1, 2, width_ratios=(1.15, 1))
        if metric.binary:
            _draw_rates(left, metric, models, statistics)
        else:
            _draw_boxes(left.subplots(), metric, models)
        _draw_pairs(right.subplots(), models, pairs)

    return Figure(f"boxplot_{stem(metric.metric)}", caption, (7.0, 1.5 + 0.36 * count), draw)


def _draw_boxes(axis: Any, metric: MetricTable, models: tuple[str, ...]) -> None:
    columns = [list(metric.image_means(model).values()) for model in models]
    jitter = np.random.default_rng(0)
    for place, values in enumerate(columns):
        spread = place + jitter.uniform(-0.2, 0.2, len(values))
        axis.plot(values, spread, ".", color=colour(place), markersize=2.2, alpha=0.45, zorder=1)
    drawn = axis.boxplot(
        columns,
        positions=range(len(models)),
        orientation="horizontal",
        widths=0.58,
        showfliers=False,
        medianprops={"color": "black", "linewidth": 1.3},
        boxprops={"linewidth": 0.9},
        whiskerprops={"linewidth": 0.9},
        capprops={"linewidth": 0.9},
    )
    for place, box in enumerate(drawn["boxes"]):
        box.set_color(colour(place))
    axis.set_yticks(range(len(models)), models)
    axis.invert_yaxis()
    axis.set_xlabel(title_of(metric.metric))


def _draw_pairs(axis: Any, models: tuple[str, ...], pairs: tuple[PostHoc, ...]) -> None:
    """Lower triangle: mean difference (row minus column) over corrected p."""
    count = len(models)
    place = {model: index for index, model in enumerate(models)}
    size = 7.5 if count < 6 else 45 / count
    for pair in pairs:
        row, column = place[pair.model_2], place[pair.model_1]
        face = "#CFE3F1" if pair.reject else "#F4F4F4"
        axis.add_patch(_square(column, row, face))
        axis.text(column, row, format_p(pair.p_corrected), ha="center", va="center", fontsize=size)
    axis.set_xlim(-0.5, count - 1.5)
    axis.set_ylim(count - 0.5, 0.5)
    axis.set_xticks(range(count - 1), models[:-1], rotation=35, ha="right")
    axis.set_yticks(range(1, count), models[1:])
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    word = "McNemar" if pairs[0].method == "mcnemar_holm" else "Wilcoxon"
    axis.set_title(f"p, {word}, Holm-corrected", loc="left", fontweight="normal", fontsize=8)


def _square(column: int, row: int, face: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (column - 0.5, row - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5
    )


def format_p(p: float | None) -> str:
    """A p value as journals print it; a dash where there is none."""
    if p is None:
        return "–"
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.9995 else "1.000"
