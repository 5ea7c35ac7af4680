"""Readings of several readers: from study.json files, or from a long CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinemorph.data.annotation import Problem, image_key
from spinemorph.data.files import read_text
from spinemorph.data.study import image_of, read_study_document
from spinemorph.errors import AnnotationError, UsageError
from spinemorph.types import FloatArray

ALL_LEVELS = "all"


@dataclass(frozen=True)
class Quantity:
    """What is measured: name, levels as ``L1-S1``, site (or empty), unit (or empty)."""

    measurement: str
    levels: str
    site: str = ""
    unit: str = ""

    @property
    def title(self) -> str:
        return " ".join(part for part in (self.measurement, self.levels, self.site) if part)


@dataclass(frozen=True)
class Readings:
    """(quantity, study, reader) -> value, and what was not read."""

    readers: tuple[str, ...]
    values: Mapping[Quantity, Mapping[tuple[str, str], float]]
    problems: tuple[Problem, ...] = ()

    def table(self, quantity: Quantity) -> tuple[tuple[str, ...], FloatArray]:
        """Studies and their values (studies, readers), NaN where a reader has none."""
        cells = self.values[quantity]
        studies = tuple(sorted({study for study, _ in cells}))
        rows = [[cells.get((study, r), math.nan) for r in self.readers] for study in studies]
        return studies, np.array(rows, dtype=float).reshape(len(studies), len(self.readers))


def read_readings(paths: Sequence[Path], names: Sequence[str] = ()) -> Readings:
    """Readers under ``paths``: a CSV names its readers itself, a study or folder is one reader.

    ``names`` replaces the readers' names of studies and folders, in order. UsageError where fewer
    than two readers result; AnnotationError where a source cannot be read.
    """
    values: dict[Quantity, dict[tuple[str, str], float]] = {}
    problems: list[Problem] = []
    readers: dict[str, None] = {}
    given = list(names)
    others = [path for path in paths if path.suffix.lower() != ".csv"]
    if given and len(given) != len(others):
        raise UsageError(f"{len(given)} names for {len(others)} readers given as studies")
    titles = dict(zip(others, given or _titles(others), strict=True))
    for path in paths:
        source = (
            _from_csv(path)
            if path in set(paths) - set(others)
            else (_from_studies(path, titles[path], problems))
        )
        for quantity, study, reader, value, where in source:
            readers[reader] = None
            cells = values.setdefault(quantity, {})
            if (study, reader) in cells:
                raise AnnotationError(
                    f"{where}: a second value of {quantity.title} by {reader!r} for study {study!r}"
                )
            cells[study, reader] = value
    if len(readers) < 2:
        raise UsageError(f"agreement needs two readers, found {', '.join(readers) or 'none'}")
    ordered = sorted(values, key=lambda q: (q.measurement, q.levels, q.site, q.unit))
    return Readings(
        tuple(readers), {quantity: values[quantity] for quantity in ordered}, tuple(problems)
    )


def with_all_levels(readings: Readings) -> Readings:
    """The same with a quantity ``all`` for every measurement that has several levels or sites.

    Its targets are the levels of all studies.
    """
    values: dict[Quantity, Mapping[tuple[str, str], float]] = {}
    groups: dict[tuple[str, str], list[Quantity]] = {}
    for quantity in readings.values:
        groups.setdefault((quantity.measurement, quantity.unit), []).append(quantity)
    for (measurement, unit), members in groups.items():
        for quantity in members:
            values[quantity] = readings.values[quantity]
        if len(members) > 1:
            values[Quantity(measurement, ALL_LEVELS, "", unit)] = {
                (f"{study} {quantity.levels} {quantity.site}".rstrip(), reader): value
                for quantity in members
                for (study, reader), value in readings.values[quantity].items()
            }
    return Readings(readings.readers, values, readings.problems)


Reading = tuple[Quantity, str, str, float, str]


def _from_csv(path: Path) -> Iterator[Reading]:
    reader = csv.DictReader(io.StringIO(read_text(path)))
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    missing = [n for n in ("study", "measurement", "reader", "value") if n not in names]
    if missing:
        raise AnnotationError(
            f"{path}: no column {', '.join(missing)}; needed: study, measurement, levels, reader, value"
        )
    for row in reader:
        where = f"{path}: line {reader.line_num}"
        cells = {name: (row.get(name) or "").strip() for name in names}
        if not all(cells[name] for name in ("study", "measurement", "reader")):
            raise AnnotationError(f"{where}: study, measurement and reader must not be empty")
        if cells["value"].lower() in {"", "nan", "na", "null", "none"}:
            continue
        try:
            value = float(cells["value"])
        except ValueError as error:
            raise AnnotationError(f"{where}: {cells['value']!r} is not a number") from error
        if not math.isfinite(value):
            raise AnnotationError(f"{where}: {cells['value']!r} is not a finite number")
        quantity = Quantity(
            cells["measurement"],
            cells.get("levels", ""),
            cells.get("site", ""),
            cells.get("unit", ""),
        )
        yield quantity, cells["study"], cells["reader"], value, where


def _from_studies(path: Path, reader: str, problems: list[Problem]) -> Iterator[Reading]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    read = 0
    for file in files:
        try:
            document = read_study_document(file)
        except AnnotationError as error:
            if not path.is_dir():
                raise
            problems.append(Problem(str(file), "", str(error).removeprefix(f"{file}: ")))
            continue
        read += 1
        study = image_key(image_of(document))
        for index, record in enumerate(document.get("measurements") or ()):
            try:
                found = _measurement(record)
            except (KeyError, TypeError, ValueError):
                problems.append(Problem(str(file), f"measurement {index}", "not a measurement"))
                continue
            if found is not None:
                yield found[0], study, reader, found[1], str(file)
    if not read:
        raise AnnotationError(f"{path}: no study.json in it")


def _measurement(record: Mapping[str, Any]) -> tuple[Quantity, float] | None:
    """Quantity and value; None where there is no value, or it belongs to one implant."""
    if record["value"] is None or record.get("instance") is not None:
        return None
    value = float(record["value"])
    if not math.isfinite(value):
        raise ValueError(value)
    levels = "-".join(str(level) for level in record["levels"])
    site = record.get("site") or ""
    return Quantity(str(record["name"]), levels, str(site), str(record.get("unit") or "")), value


def _titles(paths: Sequence[Path]) -> list[str]:
    """Shortest ends of the paths that tell them apart."""
    whole = [path.resolve() for path in paths]
    plain = [p.parent if p.name == "study.json" else p for p in whole]
    if not plain:
        return []
    for depth in range(1, 1 + max(len(p.parts) for p in plain)):
        names = ["/".join(p.with_suffix("").parts[-depth:]) for p in plain]
        if len(set(names)) == len(names):
            return names
    raise UsageError("the same reader is given twice")
