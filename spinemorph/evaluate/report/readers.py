"""The tables and the JSON of an agreement study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spinemorph.evaluate.agreement import Agreement, Icc, PairAgreement
from spinemorph.evaluate.readings import Quantity
from spinemorph.evaluate.report.sheets import Sheet, figure, flat_csv, interval

Results = Mapping[Quantity, Agreement]


def reader_document(results: Results) -> dict[str, Any]:
    """agreement.json: one record a measurement and levels; no NaN."""
    return {"agreement": [_record(quantity, result) for quantity, result in results.items()]}


def reader_sheets(results: Results) -> tuple[Sheet, ...]:
    """Coefficients of every measurement, and the pairs of readers."""
    coefficients = tuple(
        (
            quantity.title,
            quantity.unit,
            str(result.n),
            _icc(result.icc_2_1),
            _icc(result.icc_3_1),
            figure(result.sem, 2),
            figure(result.mdc, 2),
            figure(result.mae, 2),
            result.reason or result.icc_2_1.reason or _left_out(result),
        )
        for quantity, result in results.items()
    )
    header = ("Measurement", "Unit", "n", "ICC(2,1)", "ICC(3,1)", "SEM", "MDC", "MAE", "Remark")
    pairs = tuple(
        (
            quantity.title,
            quantity.unit,
            f"{pair.reader_1} − {pair.reader_2}",
            str(pair.n),
            figure(pair.bias, 2),
            interval(pair.bias_ci95, 2),
            interval(pair.limits, 2),
            figure(pair.mae, 2),
        )
        for quantity, result in results.items()
        for pair in result.pairs
    )
    note = (
        "ICC with 95 % interval (Shrout and Fleiss 1979): (2,1) absolute agreement, (3,1) consistency. "
        "SEM: root of reader plus residual variance; MDC: 1.96 root 2 SEM; n: studies that every "
        "reader measured."
    )
    limits = "Limits of agreement: bias plus and minus 1.96 SD (Bland and Altman 1986)."
    heading = ("Measurement", "Unit", "Readers", "n", "Bias", "95 % interval")
    return (
        Sheet("Coefficients", header, coefficients, note),
        Sheet("Pairs of readers", (*heading, "Limits of agreement", "MAE"), pairs, limits),
    )


def reader_csv(results: Results) -> str:
    """Everything in one flat table: a row for all readers, then one for each pair."""
    header = ["measurement", "levels", "site", "unit", "readers", "n", "left_out", "icc_2_1"]
    header += [
        "icc_2_1_low",
        "icc_2_1_high",
        "icc_3_1",
        "icc_3_1_low",
        "icc_3_1_high",
        "sem",
        "mdc",
    ]
    header += ["mae", "bias", "bias_low", "bias_high", "sd", "limit_low", "limit_high", "reason"]
    rows: list[list[Any]] = []
    for quantity, result in results.items():
        first = [quantity.measurement, quantity.levels, quantity.site, quantity.unit]
        iccs = [
            value
            for icc in (result.icc_2_1, result.icc_3_1)
            for value in (icc.value, *(icc.ci95 or (None, None)))
        ]
        row = [*first, " / ".join(result.readers), result.n, result.left_out, *iccs]
        rows.append([*row, result.sem, result.mdc, result.mae, *[None] * 6, result.reason])
        for pair in result.pairs:
            row = [*first, f"{pair.reader_1} - {pair.reader_2}", pair.n, *[None] * 9, pair.mae]
            row += [pair.bias, *(pair.bias_ci95 or (None, None)), pair.sd]
            rows.append([*row, *(pair.limits or (None, None)), None])
    return flat_csv(header, rows)


def _record(quantity: Quantity, result: Agreement) -> dict[str, Any]:
    return {
        "measurement": quantity.measurement,
        "levels": quantity.levels,
        "site": quantity.site or None,
        "unit": quantity.unit or None,
        "readers": list(result.readers),
        "n": result.n,
        "left_out": result.left_out,
        "icc_2_1": _icc_record(result.icc_2_1),
        "icc_3_1": _icc_record(result.icc_3_1),
        "sem": result.sem,
        "mdc": result.mdc,
        "mae": result.mae,
        "reason": result.reason,
        "pairs": [_pair_record(pair) for pair in result.pairs],
    }


def _icc_record(icc: Icc) -> dict[str, Any]:
    return {
        "value": icc.value,
        "ci95": None if icc.ci95 is None else list(icc.ci95),
        "reason": icc.reason,
    }


def _pair_record(pair: PairAgreement) -> dict[str, Any]:
    return {
        "reader_1": pair.reader_1,
        "reader_2": pair.reader_2,
        "n": pair.n,
        "bias": pair.bias,
        "bias_ci95": None if pair.bias_ci95 is None else list(pair.bias_ci95),
        "sd": pair.sd,
        "limits_of_agreement": None if pair.limits is None else list(pair.limits),
        "limits_ci95": (
            None if pair.limits_ci95 is None else [list(each) for each in pair.limits_ci95]
        ),
        "mae": pair.mae,
    }


def _icc(icc: Icc) -> str:
    if icc.value is None:
        return "–"
    return figure(icc.value, 3) + (f" ({interval(icc.ci95, 2)})" if icc.ci95 else "")


def _left_out(result: Agreement) -> str:
    return f"{result.left_out} incomplete left out" if result.left_out else ""
