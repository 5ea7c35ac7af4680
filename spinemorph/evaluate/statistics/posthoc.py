"""Pairwise tests. Every signed figure is the first model minus the second, in code-point order.

``ci95`` is the 95 % interval of the mean difference: a bootstrap over images, for Tukey its own
simultaneous interval. A pair that cannot be told apart at all has no statistic, p = 1, and stays in
Holm's family, which is all pairs (and folds) of one metric and method.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from spinemorph.evaluate.statistics.formulas import (
    bootstrap_mean,
    constant,
    holm,
    rank_biserial,
)
from spinemorph.evaluate.statistics.long import MetricTable
from spinemorph.evaluate.statistics.omnibus import anova_applies
from spinemorph.evaluate.statistics.rows import ALPHA, MINIMUM, Method, Normality, PostHoc
from spinemorph.types import FloatArray

Pairs = Mapping[tuple[str, str], float]
#: Statistic, p, effect and a reason, of the two models' values (n,) in the same order.
Compare = Callable[
    [FloatArray, FloatArray], tuple[float | None, float | None, float | None, str | None]
]


def posthoc(table: MetricTable, normal: tuple[Normality, ...]) -> tuple[PostHoc, ...]:
    """Every pair by every method that fits the metric."""
    rows = _family(table, "paired_t_holm", table.rows, paired_t)
    if table.binary:
        tests: list[PostHoc] = []
        for fold in table.folds:
            named = fold if len(table.folds) > 1 else None
            found = _pairs(table, "mcnemar_holm", partial(table.rows, fold=fold), mcnemar)
            tests += [replace(row, fold=named) for row in found]
        return (*rows, *_corrected(tests))
    if anova_applies(table, normal) is None:
        rows += _tukey(table)
    return (*rows, *_family(table, "wilcoxon_holm", table.image_means, wilcoxon))


def paired_t(
    first: FloatArray, second: FloatArray
) -> tuple[float | None, float | None, float | None, str | None]:
    """Student's paired t; the effect is d_z, mean over SD of the differences."""
    from scipy.stats import ttest_rel

    difference = first - second
    if not difference.any():
        return None, 1.0, 0.0, "identical values"
    if constant(difference):
        return None, 0.0, None, "the same difference on every image: t is not finite"
    t, p = ttest_rel(first, second)
    return float(t), float(p), float(difference.mean() / difference.std(ddof=1)), None


def wilcoxon(
    first: FloatArray, second: FloatArray
) -> tuple[float | None, float | None, float | None, str | None]:
    """Wilcoxon's signed rank test, zero differences dropped; the effect is rank-biserial."""
    from scipy.stats import wilcoxon as signed_rank

    # Means over folds that differ by rounding alone are equal.
    difference = np.round(first - second, 12)
    if not difference.any():
        return None, 1.0, 0.0, "identical values"
    with warnings.catch_warnings():
        # With few pairs and ties scipy warns that p is the normal approximation; so it is.
        warnings.simplefilter("ignore")
        result = signed_rank(difference, zero_method="wilcox")
    return float(result.statistic), float(result.pvalue), rank_biserial(difference), None


def mcnemar(
    first: FloatArray, second: FloatArray
) -> tuple[float | None, float | None, float | None, str | None]:
    """McNemar's exact test: statistic is the smaller discordant count, effect the risk difference."""
    from scipy.stats import binomtest

    only_first = int(((first == 1) & (second == 0)).sum())
    only_second = int(((first == 0) & (second == 1)).sum())
    discordant = only_first + only_second
    if not discordant:
        return None, 1.0, 0.0, "identical values"
    p = binomtest(only_first, discordant, 0.5).pvalue
    effect = (only_first - only_second) / len(first)
    return float(min(only_first, only_second)), float(p), effect, None


def _family(
    table: MetricTable, method: Method, values: Callable[[str], Pairs], compare: Compare
) -> list[PostHoc]:
    return _corrected(_pairs(table, method, values, compare))


def _pairs(
    table: MetricTable, method: Method, values: Callable[[str], Pairs], compare: Compare
) -> list[PostHoc]:
    columns = {model: values(model) for model in table.models}
    return [
        _pair(table.metric, method, (one, two), (columns[one], columns[two]), compare)
        for one, two in itertools.combinations(table.models, 2)
    ]


def _pair(
    metric: str,
    method: Method,
    models: tuple[str, str],
    columns: tuple[Pairs, Pairs],
    compare: Compare,
) -> PostHoc:
    common = sorted(columns[0].keys() & columns[1].keys())
    left_out = len(columns[0].keys() ^ columns[1].keys())
    empty = PostHoc(metric, method, *models, None, None, None, None, None, None, None)
    if len(common) < MINIMUM:
        few = f"only {len(common)} observations are paired by image, {MINIMUM} are needed"
        return replace(empty, reason=few)
    first, second = (np.array([column[key] for key in common]) for column in columns)
    statistic, p, effect, reason = compare(first, second)
    interval = bootstrap_mean(dict(zip(common, (first - second).tolist(), strict=True)))
    if left_out:
        note = f"observations without a partner left out: {left_out}"
        reason = f"{reason}; {note}" if reason else note
    return replace(empty, statistic=statistic, p=p, effect=effect, ci95=interval, reason=reason)


def _corrected(rows: list[PostHoc]) -> list[PostHoc]:
    tested = [row.p for row in rows if row.p is not None]
    corrected = iter(holm(tested))
    result = []
    for row in rows:
        if row.p is None:
            result.append(row)
            continue
        p = next(corrected)
        result.append(replace(row, p_corrected=p, reject=p <= ALPHA))
    return result


def _tukey(table: MetricTable) -> list[PostHoc]:
    """Tukey's HSD over pooled rows: statistic is the mean difference, effect that over pooled SD.

    Its p is corrected by nature and stands in both places.
    """
    from scipy.stats import tukey_hsd

    groups = [table.pooled(model) for model in table.models]
    result = tukey_hsd(*groups)
    interval = result.confidence_interval(1 - ALPHA)
    freedom = sum(map(len, groups)) - len(groups)
    within = sum(float(np.square(group - group.mean()).sum()) for group in groups)
    pooled = (within / freedom) ** 0.5
    rows = []
    for (i, one), (j, two) in itertools.combinations(enumerate(table.models), 2):
        difference, p = float(result.statistic[i, j]), float(result.pvalue[i, j])
        ci = float(interval.low[i, j]), float(interval.high[i, j])
        effect = difference / pooled
        rows.append(
            PostHoc(
                table.metric, "tukey_hsd", one, two, difference, p, p, p <= ALPHA, effect, ci, None
            )
        )
    return rows
