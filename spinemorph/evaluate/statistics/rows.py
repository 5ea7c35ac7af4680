"""The rows of stats.json; frozen, with the reason where a value is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

ALPHA: Final = 0.05
MINIMUM: Final = 3

Test = Literal["kruskal", "anova", "friedman", "cochran_q"]
Method = Literal["paired_t_holm", "tukey_hsd", "wilcoxon_holm", "mcnemar_holm"]


@dataclass(frozen=True)
class Omnibus:
    """One test over all models. ``fold`` only where a binary metric has several."""

    metric: str
    test: Test
    statistic: float | None
    p: float | None
    n: int
    effect: float | None
    reason: str | None
    fold: str | None = None


@dataclass(frozen=True)
class PostHoc:
    """One pair of models, in code-point order; signed figures are model_1 minus model_2."""

    metric: str
    method: Method
    model_1: str
    model_2: str
    statistic: float | None
    p: float | None
    p_corrected: float | None
    reject: bool | None
    effect: float | None
    ci95: tuple[float, float] | None
    reason: str | None
    fold: str | None = None


@dataclass(frozen=True)
class Normality:
    """Shapiro-Wilk of one model's values, all folds."""

    metric: str
    model: str
    n: int
    statistic: float | None
    p: float | None
    normal: bool | None
    reason: str | None


@dataclass(frozen=True)
class Summary:
    """Mean and SD over all rows; the interval is a bootstrap over images."""

    metric: str
    model: str
    n: int
    images: int
    folds: int
    mean: float | None
    sd: float | None
    median: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Statistics:
    """Everything that stats.json holds."""

    omnibus: tuple[Omnibus, ...]
    posthoc: tuple[PostHoc, ...]
    normality: tuple[Normality, ...]
    summary: tuple[Summary, ...]

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Plain values for JSON: no NaN; ``fold`` only where a row has one."""
        return {
            field.name: [plain(row) for row in getattr(self, field.name)] for field in fields(self)
        }


def plain(row: Any) -> dict[str, Any]:
    """A row as plain values."""
    values = {field.name: _plain(getattr(row, field.name)) for field in fields(row)}
    if values.get("fold", "") is None:
        del values["fold"]
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
