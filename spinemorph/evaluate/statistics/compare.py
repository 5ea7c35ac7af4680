"""All statistics of a long table."""

from __future__ import annotations

import numpy as np

from spinemorph.evaluate.statistics.formulas import bootstrap_mean
from spinemorph.evaluate.statistics.long import LongTable, MetricTable
from spinemorph.evaluate.statistics.omnibus import normality, omnibus
from spinemorph.evaluate.statistics.posthoc import posthoc
from spinemorph.evaluate.statistics.rows import (
    Normality,
    Omnibus,
    PostHoc,
    Statistics,
    Summary,
)


def compare_models(table: LongTable) -> Statistics:
    """Summary, normality, omnibus and pairwise tests of every metric."""
    summaries: list[Summary] = []
    normals: list[Normality] = []
    tests: list[Omnibus] = []
    pairs: list[PostHoc] = []
    for metric in table.metrics.values():
        shapiro = normality(metric)
        normals += shapiro
        tests += omnibus(metric, shapiro)
        pairs += posthoc(metric, shapiro)
        summaries += [_summary(metric, model) for model in table.models]
    return Statistics(tuple(tests), tuple(pairs), tuple(normals), tuple(summaries))


def _summary(table: MetricTable, model: str) -> Summary:
    rows = table.rows(model)
    values = np.array(list(rows.values()))
    n = len(values)
    return Summary(
        metric=table.metric,
        model=model,
        n=n,
        images=len({image for image, _ in rows}),
        folds=len({fold for _, fold in rows}),
        mean=float(values.mean()) if n else None,
        sd=float(values.std(ddof=1)) if n > 1 else None,
        median=float(np.median(values)) if n and not table.binary else None,
        ci95=bootstrap_mean(rows),
    )
