"""Tests over all models of one metric.

The paper's (Kruskal-Wallis, and ANOVA where every model is normal) pool the rows of all folds; the
paired ones take the images that every model has: Friedman on each image's mean over folds, Cochran's
Q fold by fold.
"""

from __future__ import annotations

import warnings

import numpy as np

from spinemorph.evaluate.statistics.formulas import (
    anova_epsilon_squared,
    cochran_q,
    constant,
    epsilon_squared,
    friedman,
)
from spinemorph.evaluate.statistics.long import MetricTable
from spinemorph.evaluate.statistics.rows import ALPHA, MINIMUM, Normality, Omnibus
from spinemorph.types import FloatArray

ONE_MODEL = "one model only: nothing to compare"
FEW = f"fewer than {MINIMUM} values"
EQUAL = "all models have the same values"


def normality(table: MetricTable) -> tuple[Normality, ...]:
    """Shapiro-Wilk for every model."""
    return tuple(_normality(table, model) for model in table.models)


def _normality(table: MetricTable, model: str) -> Normality:
    from scipy.stats import shapiro

    values = table.pooled(model)

    def none(reason: str) -> Normality:
        return Normality(table.metric, model, len(values), None, None, None, reason)

    if table.binary:
        return none("a binary metric")
    if len(values) < MINIMUM:
        return none(FEW)
    if constant(values):
        return none("all values are equal")
    with warnings.catch_warnings():
        # Above 5,000 values its p is an approximation, which the reason says.
        warnings.simplefilter("ignore", UserWarning)
        result = shapiro(values)
    p = float(result.pvalue)
    reason = "more than 5000 values: p is approximate" if len(values) > 5000 else None
    return Normality(
        table.metric, model, len(values), float(result.statistic), p, p >= ALPHA, reason
    )


def omnibus(table: MetricTable, normal: tuple[Normality, ...]) -> tuple[Omnibus, ...]:
    """The tests that fit the metric; a test that cannot be made is a row with its reason."""
    rows = [_kruskal(table), _anova(table, normal)]
    if not table.binary:
        return (*rows, _friedman(table))
    folds = table.folds
    return (*rows, *(_cochran(table, fold, len(folds) > 1) for fold in folds))


def anova_applies(table: MetricTable, normal: tuple[Normality, ...]) -> str | None:
    """None where ANOVA and Tukey HSD apply, otherwise why they do not."""
    if len(table.models) < 2:
        return ONE_MODEL
    if table.binary:
        return "a binary metric"
    unknown = [row.model for row in normal if row.normal is None]
    if unknown:
        return f"normality cannot be tested for {', '.join(unknown)}"
    failing = [row.model for row in normal if not row.normal]
    return f"not normal (Shapiro-Wilk): {', '.join(failing)}" if failing else None


def _kruskal(table: MetricTable) -> Omnibus:
    from scipy.stats import kruskal

    groups = [table.pooled(model) for model in table.models]
    n = sum(map(len, groups))
    reason = _too_little(groups)
    if reason:
        return Omnibus(table.metric, "kruskal", None, None, n, None, reason)
    if constant(np.concatenate(groups)):
        return Omnibus(table.metric, "kruskal", None, 1.0, n, None, EQUAL)
    h, p = kruskal(*groups)
    effect = epsilon_squared(float(h), n)
    return Omnibus(table.metric, "kruskal", float(h), float(p), n, effect, None)


def _anova(table: MetricTable, normal: tuple[Normality, ...]) -> Omnibus:
    from scipy.stats import f_oneway

    groups = [table.pooled(model) for model in table.models]
    n = sum(map(len, groups))
    reason = anova_applies(table, normal)
    if reason:
        return Omnibus(table.metric, "anova", None, None, n, None, reason)
    f, p = f_oneway(*groups)
    effect = anova_epsilon_squared(groups)
    return Omnibus(table.metric, "anova", float(f), float(p), n, effect, None)


def _friedman(table: MetricTable) -> Omnibus:
    from scipy.stats import chi2

    blocks, left_out = complete_blocks([table.image_means(model) for model in table.models])
    reason = _too_few_blocks(blocks)
    if reason:
        return Omnibus(table.metric, "friedman", None, None, len(blocks), None, reason)
    result = friedman(blocks)
    if result is None:
        return Omnibus(table.metric, "friedman", None, 1.0, len(blocks), None, EQUAL)
    p = float(chi2.sf(result[0], blocks.shape[1] - 1))
    return Omnibus(table.metric, "friedman", result[0], p, len(blocks), result[1], _note(left_out))


def _cochran(table: MetricTable, fold: str, several: bool) -> Omnibus:
    from scipy.stats import chi2

    blocks, left_out = complete_blocks([table.rows(model, fold) for model in table.models])
    named = fold if several else None
    reason = _too_few_blocks(blocks)
    if reason:
        return Omnibus(table.metric, "cochran_q", None, None, len(blocks), None, reason, named)
    result = cochran_q(blocks)
    if result is None:
        return Omnibus(table.metric, "cochran_q", None, 1.0, len(blocks), None, EQUAL, named)
    p = float(chi2.sf(result[0], blocks.shape[1] - 1))
    effect, note = result[1], _note(left_out)
    return Omnibus(table.metric, "cochran_q", result[0], p, len(blocks), effect, note, named)


def complete_blocks(
    columns: list[dict[tuple[str, str], float]],
) -> tuple[FloatArray, int]:
    """Values (images, models) of the images that every model has, and how many have gaps."""
    every = set().union(*columns)
    common = sorted(set(every).intersection(*columns))
    blocks = np.array([[column[key] for column in columns] for key in common], dtype=float)
    return blocks.reshape(len(common), len(columns)), len(every) - len(common)


def _too_little(groups: list[FloatArray]) -> str | None:
    if len(groups) < 2:
        return ONE_MODEL
    return FEW if min(map(len, groups)) < MINIMUM else None


def _too_few_blocks(blocks: FloatArray) -> str | None:
    if blocks.shape[1] < 2:
        return ONE_MODEL
    if len(blocks) < MINIMUM:
        return f"only {len(blocks)} images have a value for every model, {MINIMUM} are needed"
    return None


def _note(left_out: int) -> str | None:
    if not left_out:
        return None
    return f"images without a value for every model left out: {left_out}"
