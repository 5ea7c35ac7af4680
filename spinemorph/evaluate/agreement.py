"""Agreement of readers (or models) on one measurement of many studies.

Two-way analysis of variance of n targets by k readers without repetition: Shrout and Fleiss 1979
(ICC(2,1), ICC(3,1) and their intervals), Bland and Altman 1986 and 1999 (bias, limits of agreement and
their intervals). The standard error of measurement is the root of the readers' variance plus the
residual variance (agreement, not consistency); the minimal detectable change is 1.96 root 2 SEM.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from spinemorph.evaluate.statistics.formulas import constant
from spinemorph.types import FloatArray

Interval = tuple[float, float]


@dataclass(frozen=True)
class Icc:
    """One intraclass correlation with its 95 % interval; all None with the reason."""

    value: float | None
    ci95: Interval | None
    reason: str | None = None


@dataclass(frozen=True)
class PairAgreement:
    """Two readers: differences are reader_1 minus reader_2, in the unit of the measurement."""

    reader_1: str
    reader_2: str
    n: int
    bias: float
    bias_ci95: Interval | None
    sd: float | None
    limits: Interval | None
    limits_ci95: tuple[Interval, Interval] | None
    mae: float


@dataclass(frozen=True)
class Agreement:
    """One measurement: ``n`` studies that every reader measured, ``left_out`` the others."""

    readers: tuple[str, ...]
    n: int
    left_out: int
    icc_2_1: Icc
    icc_3_1: Icc
    sem: float | None
    mdc: float | None
    mae: float | None
    pairs: tuple[PairAgreement, ...]
    reason: str | None = None


@dataclass(frozen=True)
class Variances:
    """Mean squares of the two-way table and the components that follow from them."""

    targets: float
    readers: float
    residual: float

    @classmethod
    def of(cls, table: FloatArray) -> Variances:
        """Mean squares between targets, between readers, and residual of (targets, readers)."""
        n, k = table.shape
        grand = table.mean()
        rows = k * float(np.square(table.mean(axis=1) - grand).sum())
        columns = n * float(np.square(table.mean(axis=0) - grand).sum())
        residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + grand
        rest = float(np.square(residual).sum())
        return cls(rows / (n - 1), columns / (k - 1), rest / ((n - 1) * (k - 1)))


def icc_2_1(table: FloatArray) -> Icc:
    """Two-way random effects, absolute agreement, single reader, of (targets, readers)."""
    from scipy.stats import f

    n, k = table.shape
    reason = _undefined(table)
    if reason:
        return Icc(None, None, reason)
    ms = Variances.of(table)
    value = (ms.targets - ms.residual) / (
        ms.targets + (k - 1) * ms.residual + k * (ms.readers - ms.residual) / n
    )
    if ms.residual <= 0:
        return Icc(value, None, "no residual variance: the interval is not defined")
    ratio = ms.readers / ms.residual
    a = k * value * ratio
    b = n * (1 + (k - 1) * value) - k * value
    freedom = (k - 1) * (n - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2)
    upper = float(f.ppf(0.975, n - 1, freedom))
    lower = float(f.ppf(0.975, freedom, n - 1))
    spread = k * ms.readers + (k * n - k - n) * ms.residual
    low = n * (ms.targets - upper * ms.residual) / (upper * spread + n * ms.targets)
    high = n * (lower * ms.targets - ms.residual) / (spread + n * lower * ms.targets)
    return Icc(value, (low, high))


def icc_3_1(table: FloatArray) -> Icc:
    """Two-way mixed effects, consistency, single reader, of (targets, readers)."""
    from scipy.stats import f

    n, k = table.shape
    reason = _undefined(table)
    if reason:
        return Icc(None, None, reason)
    ms = Variances.of(table)
    if ms.targets + (k - 1) * ms.residual <= 0:
        return Icc(None, None, "no variance between studies")
    value = (ms.targets - ms.residual) / (ms.targets + (k - 1) * ms.residual)
    if ms.residual <= 0:
        return Icc(value, None, "no residual variance: the interval is not defined")
    ratio, freedom = ms.targets / ms.residual, (n - 1) * (k - 1)
    low = ratio / float(f.ppf(0.975, n - 1, freedom))
    high = ratio * float(f.ppf(0.975, freedom, n - 1))
    return Icc(value, ((low - 1) / (low + k - 1), (high - 1) / (high + k - 1)))


def standard_error(table: FloatArray) -> float:
    """Root of the readers' variance (at least 0) plus the residual variance."""
    ms = Variances.of(table)
    readers = max(0.0, (ms.readers - ms.residual) / table.shape[0])
    return math.sqrt(readers + ms.residual)


def bland_altman(
    reader_1: str, reader_2: str, first: FloatArray, second: FloatArray
) -> PairAgreement:
    """Bias and limits of agreement of two readers' values (n,).

    Intervals after Bland and Altman 1986: the standard error of a limit is root(3 / n) SD.
    """
    from scipy.stats import t

    difference = first - second
    n, bias = len(difference), float(difference.mean())
    mae = float(np.abs(difference).mean())
    if n < 2:
        return PairAgreement(reader_1, reader_2, n, bias, None, None, None, None, mae)
    sd = float(difference.std(ddof=1))
    limits = bias - 1.96 * sd, bias + 1.96 * sd
    quantile = float(t.ppf(0.975, n - 1))
    wide, narrow = quantile * sd * math.sqrt(3 / n), quantile * sd / math.sqrt(n)
    around = tuple((limit - wide, limit + wide) for limit in limits)
    return PairAgreement(
        reader_1,
        reader_2,
        n,
        bias,
        (bias - narrow, bias + narrow),
        sd,
        limits,
        (around[0], around[1]),
        mae,
    )


def agreement(readers: tuple[str, ...], table: FloatArray) -> Agreement:
    """Agreement of readers on (studies, readers) with NaN where a reader has no value.

    The coefficients use the studies that every reader measured, a pair those that both did.
    """
    if table.ndim != 2 or table.shape[1] != len(readers):
        raise ValueError(f"expected a table (studies, {len(readers)}), got {table.shape}")
    complete = table[np.isfinite(table).all(axis=1)]
    left_out = len(table) - len(complete)
    pairs = tuple(
        bland_altman(readers[i], readers[j], *table[both][:, [i, j]].T)
        for i, j in itertools.combinations(range(len(readers)), 2)
        if (both := np.isfinite(table[:, [i, j]]).all(axis=1)).any()
    )
    if len(complete) < 2:
        reason = f"only {len(complete)} studies are measured by every reader, 2 are needed"
        none = Icc(None, None, reason)
        return Agreement(
            readers, len(complete), left_out, none, none, None, None, None, pairs, reason
        )
    sem = standard_error(complete)
    steps = [
        np.abs(complete[:, i] - complete[:, j])
        for i, j in itertools.combinations(range(len(readers)), 2)
    ]
    return Agreement(
        readers,
        len(complete),
        left_out,
        icc_2_1(complete),
        icc_3_1(complete),
        sem,
        1.96 * math.sqrt(2) * sem,
        float(np.mean(steps)),
        pairs,
    )


def _undefined(table: FloatArray) -> str | None:
    if table.shape[0] < 2 or table.shape[1] < 2:
        return "needs two studies and two readers"
    if constant(table):
        return "all values are equal"
    return None
