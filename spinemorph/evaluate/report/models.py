"""The tables of a comparison of models."""

from __future__ import annotations

from typing import Final

from spinemorph.evaluate.figures.models import format_p
from spinemorph.evaluate.figures.style import title_of
from spinemorph.evaluate.report.sheets import Sheet, figure, flat_csv, interval
from spinemorph.evaluate.statistics.rows import Omnibus, PostHoc, Statistics, plain

TESTS: Final = {
    "kruskal": "Kruskal-Wallis (pooled rows)",
    "anova": "ANOVA (pooled rows)",
    "friedman": "Friedman (paired by image)",
    "cochran_q": "Cochran's Q (paired by image)",
}
EFFECTS: Final = {
    "kruskal": "ε²",
    "anova": "ε²",
    "friedman": "W",
    "cochran_q": "W",
    "paired_t_holm": "d_z",
    "tukey_hsd": "d",
    "wilcoxon_holm": "rank-biserial",
    "mcnemar_holm": "risk difference",
}
METHODS: Final = {
    "paired_t_holm": "paired t, Holm (pooled rows, as in the paper)",
    "tukey_hsd": "Tukey HSD (pooled rows)",
    "wilcoxon_holm": "Wilcoxon signed rank, Holm (each image's mean over folds)",
    "mcnemar_holm": "McNemar exact, Holm",
}


def model_sheets(statistics: Statistics) -> tuple[Sheet, ...]:
    """Summary, normality, omnibus tests, and a table of pairs for every metric and method."""
    return (
        _summary(statistics),
        _omnibus(statistics),
        _normality(statistics),
        *(
            _pairs(metric, method, rows)
            for (metric, method), rows in _grouped(statistics.posthoc).items()
        ),
    )


def model_csv(statistics: Statistics) -> str:
    """Every row of stats.json in one flat table; the first column names its part."""
    parts = {
        "summary": statistics.summary,
        "normality": statistics.normality,
        "omnibus": statistics.omnibus,
        "posthoc": statistics.posthoc,
    }
    header = ["table", "metric", "test", "method", "model", "model_1", "model_2", "fold", "n"]
    header += ["images", "folds", "mean", "sd", "median", "statistic", "p", "p_corrected"]
    header += ["reject", "normal", "effect", "ci95_low", "ci95_high", "reason"]
    rows = []
    for part, records in parts.items():
        for record in records:
            values = plain(record)
            low, high = values.pop("ci95", None) or (None, None)
            values |= {"table": part, "ci95_low": low, "ci95_high": high}
            rows.append([values.get(name) for name in header])
    return flat_csv(header, rows)


def _summary(statistics: Statistics) -> Sheet:
    header = ("Metric", "Model", "n", "Images", "Folds", "Mean", "SD", "Median", "95 % interval")
    rows = tuple(
        (
            title_of(row.metric),
            row.model,
            str(row.n),
            str(row.images),
            str(row.folds),
            figure(row.mean),
            figure(row.sd),
            figure(row.median),
            interval(row.ci95),
        )
        for row in statistics.summary
    )
    note = "Mean and SD over all rows; interval of the mean: bootstrap over images."
    return Sheet("Metrics", header, rows, note)


def _omnibus(statistics: Statistics) -> Sheet:
    def row(test: Omnibus) -> tuple[str, ...]:
        name = TESTS[test.test] + (f", fold {test.fold}" if test.fold else "")
        effect = "–" if test.effect is None else f"{EFFECTS[test.test]} = {figure(test.effect, 3)}"
        values = (title_of(test.metric), name, figure(test.statistic, 3), format_p(test.p))
        return (*values, str(test.n), effect, test.reason or "")

    header = ("Metric", "Test", "Statistic", "p", "n", "Effect", "Remark")
    note = "n: rows for the pooled tests, images for the paired ones."
    return Sheet("Tests over all models", header, tuple(map(row, statistics.omnibus)), note)


def _normality(statistics: Statistics) -> Sheet:
    words = {True: "yes", False: "no", None: "–"}
    rows = tuple(
        (
            title_of(row.metric),
            row.model,
            str(row.n),
            figure(row.statistic),
            format_p(row.p),
            words[row.normal],
            row.reason or "",
        )
        for row in statistics.normality
    )
    header = ("Metric", "Model", "n", "W", "p", "Normal", "Remark")
    return Sheet("Shapiro-Wilk tests of normality", header, rows)


def _grouped(rows: tuple[PostHoc, ...]) -> dict[tuple[str, str], list[PostHoc]]:
    groups: dict[tuple[str, str], list[PostHoc]] = {}
    for row in rows:
        groups.setdefault((row.metric, row.method), []).append(row)
    return groups


def _pairs(metric: str, method: str, rows: list[PostHoc]) -> Sheet:
    words = {True: "yes", False: "no", None: "–"}
    folds = any(row.fold for row in rows)
    header: tuple[str, ...] = (
        "Model 1",
        "Model 2",
        "Statistic",
        "p",
        "p corrected",
        "Reject H0",
        EFFECTS[method],
    )
    header = (*header, "95 % interval of the difference", "Remark")
    table = tuple(
        (
            row.model_1,
            row.model_2,
            figure(row.statistic, 3),
            format_p(row.p),
            format_p(row.p_corrected),
            words[row.reject],
            figure(row.effect, 3),
            interval(row.ci95),
            row.reason or "",
            *((row.fold or "",) if folds else ()),
        )
        for row in rows
    )
    header = (*header, *(("Fold",) if folds else ()))
    note = "Signed figures are model 1 minus model 2."
    return Sheet(f"{title_of(metric)}: {METHODS[method]}", header, table, note)
