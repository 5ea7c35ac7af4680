"""A batch as one table: what was measured on each film, and what failed and why.

Films are not kept, only their numbers: about 2 kB a film.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from spinemorph.report.csv_writer import no_formula
from spinemorph.report.remarks import age
from spinemorph.report.tables import KEY
from spinemorph.types import FloatArray, Measurement, Study

#: Columns of cohort.csv before the values.
FACTS: Final = (
    "study",
    "file",
    "status",
    "reason",
    "patient_id",
    "study_date",
    "age",
    "sex",
    "body_position",
    "scale",
    "levels",
    "numbering_confidence",
    "flags",
)
CLASS: Final = "lordosis_distribution_index_class"


@dataclass(frozen=True, eq=False)
class Row:
    """One film: facts as text in the order of :data:`FACTS`, values in that of the cohort."""

    facts: tuple[str, ...]
    values: array[float]
    index_class: str = ""

    @property
    def status(self) -> str:
        return self.facts[FACTS.index("status")]

    @property
    def flags(self) -> list[str]:
        return self.facts[FACTS.index("flags")].split()

    @property
    def levels(self) -> str:
        return self.facts[FACTS.index("levels")]


@dataclass
class Cohort:
    """Collects the films of a batch; ``columns``: name of a value -> its place in every row.

    ``manifest``: of the first study, for the foot of the summary.
    """

    rows: list[Row] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    manifest: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, levels in KEY:
            for suffix in ("", ":low95", ":high95"):
                self._place(column(name, levels) + suffix)

    def add(self, study: Study, name: str) -> None:
        """A film that was measured; ``name``: of its result folder."""
        if not self.manifest:
            self.manifest = dict(study.manifest)
        values = array("d")
        for item in study.measurements:
            if item.value is None:
                continue
            key = column_of(item)
            self.units.setdefault(key, item.unit)
            self._set(values, key, item.value)
            if (item.name, item.levels) in KEY and item.interval95 is not None:
                for suffix, end in zip((":low95", ":high95"), item.interval95, strict=True):
                    self._set(values, key + suffix, end)
        index = study.find("lordosis_distribution_index")
        self.rows.append(Row(_facts(study, name), values, (index and index.label) or ""))

    def add_without(self, file: str, status: str, reason: str) -> None:
        """A file without a result (``failed`` or ``skipped``), and why."""
        facts = dict.fromkeys(FACTS, "") | {"file": file, "status": status, "reason": reason}
        self.rows.append(Row(tuple(facts.values()), array("d")))

    def values(self, key: str) -> FloatArray:
        """All values of a column, those that are missing left out."""
        place = self.columns.get(key)
        if place is None:
            return np.empty(0)
        found = np.array([row.values[place] for row in self.rows if place < len(row.values)])
        return found[np.isfinite(found)] if len(found) else np.empty(0)

    def flag_counts(self) -> list[tuple[str, int]]:
        """Flags of whole films and how many carry them, the most frequent first."""
        counts = Counter(flag for row in self.rows for flag in row.flags)
        return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)

    def to_csv(self) -> str:
        """cohort.csv: one film a row; a missing value is an empty field."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*FACTS, CLASS, *self.columns])
        blank = [""] * len(self.columns)
        for row in self.rows:
            shown = ["" if np.isnan(value) else format(value, ".6g") for value in row.values]
            writer.writerow(
                [*map(no_formula, row.facts), row.index_class, *shown, *blank[len(shown) :]]
            )
        return stream.getvalue()

    def _place(self, key: str) -> int:
        return self.columns.setdefault(key, len(self.columns))

    def _set(self, values: array[float], key: str, value: float) -> None:
        place = self._place(key)
        if len(values) <= place:
            values.extend([np.nan] * (place + 1 - len(values)))
        values[place] = value


def column(name: str, levels: tuple[str, ...], *more: str | None) -> str:
    """The name of a column: measure, levels, and site or implant where it has one."""
    return ":".join([name, "-".join(levels), *(part for part in more if part)]).rstrip(":")


def column_of(item: Measurement) -> str:
    """The column of a measurement."""
    return column(item.name, item.levels, item.site, item.instance)


def write_cohort_csv(cohort: Cohort, path: Path) -> None:
    """Writes cohort.csv: UTF-8, comma, header row."""
    path.write_text(cohort.to_csv(), encoding="utf-8", newline="")


def _facts(study: Study, name: str) -> tuple[str, ...]:
    source, spacing = study.source, study.image.spacing
    years = age(source.birth_date, source.study_date)
    levels = [body.level for body in study.vertebrae if body.level]
    return (
        name,
        source.file,
        "done",
        "",
        source.patient_id or "",
        source.study_date or "",
        "" if years is None else str(years),
        source.sex or "",
        source.body_position or "",
        "none" if spacing is None else spacing.basis,
        " ".join(levels),
        f"{study.numbering.confidence:.3f}" if levels else "",
        " ".join(study.flags),
    )
