"""measurements.csv: one row a measurement, ready for a statistics program."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

from spinemorph.types import Measurement, Radiograph, Study

COLUMNS: Final = (
    "study",
    "name",
    "levels",
    "site",
    "instance",
    "value",
    "label",
    "unit",
    "low95",
    "high95",
    "flags",
    "reason",
    "definition",
)


#: A spreadsheet computes a cell that begins so.
_FORMULA: Final = tuple("=+-@\t\r")


class CsvWriter:
    """Writes measurements.csv: UTF-8, comma, header row; a missing value is an empty field."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """Writes every measurement of ``study``, also those without a value and their reason."""
        del radiograph
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(measurement_rows(study))


def measurement_rows(study: Study) -> Iterator[tuple[str, ...]]:
    """One row a measurement, in the order of :data:`COLUMNS`."""
    name = no_formula(PurePath(study.source.file).stem)
    return (_row(name, item) for item in study.measurements)


def no_formula(text: str) -> str:
    """A text from outside (a file's name) that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in _FORMULA else text


def _row(study: str, item: Measurement) -> tuple[str, ...]:
    low, high = item.interval95 or (None, None)
    return (
        study,
        item.name,
        "-".join(item.levels),
        item.site or "",
        item.instance or "",
        _number(item.value),
        item.label or "",
        item.unit,
        _number(low),
        _number(high),
        " ".join(item.flags),
        item.reason or "",
        item.definition,
    )


def _number(value: float | None) -> str:
    return "" if value is None else format(value, ".6g")
