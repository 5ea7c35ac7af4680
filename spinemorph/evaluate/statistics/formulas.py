"""Small formulas: Holm's correction, Friedman, Cochran's Q, ranks, effects, the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

RESAMPLES: Final = 5000
SEED: Final = 20210610


def holm(p: Sequence[float]) -> list[float]:
    """Corrected p values (Holm 1979): the step-down maximum of (m - rank) p, at most 1."""
    order = np.argsort(np.asarray(p), kind="stable")
    factors = np.arange(len(p), 0, -1)
    stepped = np.maximum.accumulate(factors * np.asarray(p, dtype=float)[order])
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in corrected]


def friedman(blocks: FloatArray) -> tuple[float, float] | None:
    """Chi-squared with correction for ties and Kendall's W of blocks (images, models).

    W = chi2 / (n (k - 1)). None where every image has equal values for all models.
    """
    from scipy.stats import rankdata

    n, k = blocks.shape
    ranks = rankdata(blocks, axis=1)
    spread = float(np.square(ranks - (k + 1) / 2).sum())
    if spread == 0:
        return None
    between = float(np.square(ranks.sum(axis=0) - n * (k + 1) / 2).sum())
    chi2 = (k - 1) * between / spread
    return chi2, chi2 / (n * (k - 1))


def cochran_q(blocks: FloatArray) -> tuple[float, float] | None:
    """Cochran's Q (1950) of 0/1 blocks (images, models), and Q / (n (k - 1)).

    The second is Kendall's W of the same ranks (Serlin 1982). None where no image tells the models
    apart.
    """
    n, k = blocks.shape
    columns, rows = blocks.sum(axis=0), blocks.sum(axis=1)
    denominator = float(k * rows.sum() - np.square(rows).sum())
    if denominator == 0:
        return None
    q = (k - 1) * float(k * np.square(columns).sum() - columns.sum() ** 2) / denominator
    return q, q / (n * (k - 1))


def rank_biserial(difference: FloatArray) -> float:
    """Matched pairs: (favourable - unfavourable rank sum) / total (Kerby 2014), zeros left out."""
    from scipy.stats import rankdata

    known = difference[difference != 0]
    ranks = rankdata(np.abs(known))
    return float((ranks * np.sign(known)).sum() / ranks.sum())


def epsilon_squared(h: float, n: int) -> float:
    """Kruskal-Wallis effect H / (n - 1) (Tomczak and Tomczak 2014)."""
    return h / (n - 1)


def anova_epsilon_squared(groups: Sequence[FloatArray]) -> float:
    """(SS between - df between x MS within) / SS total (Kelley 1935); may be slightly negative."""
    everything = np.concatenate(groups)
    total = float(np.square(everything - everything.mean()).sum())
    within = math.fsum(float(np.square(group - group.mean()).sum()) for group in groups)
    mean_square = within / (len(everything) - len(groups))
    return (total - within - (len(groups) - 1) * mean_square) / total


def bootstrap_mean(values: Mapping[tuple[str, str], float]) -> tuple[float, float] | None:
    """Percentile 95 % interval of the mean of (image, fold) -> value, images drawn with all folds.

    None with fewer than three images. The draws are the same for equal numbers of images.
    """
    images: dict[str, list[float]] = {}
    for (image, _), value in values.items():
        images.setdefault(image, []).append(value)
    if len(images) < 3:
        return None
    sums = np.array([math.fsum(each) for each in images.values()])
    sizes = np.array([len(each) for each in images.values()], dtype=float)
    draws = _draws(len(images))
    means = (draws @ sums) / (draws @ sizes)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _draws(n: int) -> NDArray[np.float32]:
    """How often each of n images is drawn, (resamples, n)."""
    generator = np.random.default_rng(SEED)
    return generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float32)


def constant(values: FloatArray) -> bool:
    """All values are equal, but for rounding."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
