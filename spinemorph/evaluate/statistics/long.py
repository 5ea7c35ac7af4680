"""The long form: one row an image, model and fold; values are paired by image, never by row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spinemorph.data.files import read_text
from spinemorph.errors import AnnotationError, UsageError
from spinemorph.evaluate.evaluators import RECOGNITION_METRICS
from spinemorph.evaluate.tables import FALSE, FIRST, KEYS, TRUE
from spinemorph.types import FloatArray

Cell = tuple[str, str, str]
BLANK: Final = frozenset({"", "nan", "na", "none", "null"})


@dataclass(frozen=True)
class MetricTable:
    """One metric: (image, model, fold) -> value, in code-point order of all three."""

    metric: str
    values: Mapping[Cell, float]
    binary: bool

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(sorted({model for _, model, _ in self.values}))

    @property
    def folds(self) -> tuple[str, ...]:
        return tuple(sorted({fold for _, _, fold in self.values}))

    def pooled(self, model: str) -> FloatArray:
        """All values of a model, every fold."""
        return np.array([value for (_, name, _), value in self.values.items() if name == model])

    def rows(self, model: str, fold: str | None = None) -> dict[tuple[str, str], float]:
        """(image, fold) -> value of a model, of one fold or of all."""
        return {
            (image, each): value
            for (image, name, each), value in self.values.items()
            if name == model and fold in {None, each}
        }

    def image_means(self, model: str) -> dict[tuple[str, str], float]:
        """(image, "") -> mean over the folds of a model."""
        lists: dict[tuple[str, str], list[float]] = {}
        for (image, _), value in self.rows(model).items():
            lists.setdefault((image, ""), []).append(value)
        return {key: math.fsum(values) / len(values) for key, values in lists.items()}


@dataclass(frozen=True)
class LongTable:
    """Every metric of the files that were read, and the models in them."""

    metrics: Mapping[str, MetricTable]
    models: tuple[str, ...]


def read_long(paths: Sequence[Path], only: Sequence[str] = ()) -> LongTable:
    """Read metrics.csv files into one table; ``only`` names the metrics that are wanted.

    Where there is no column ``model`` the file's name stands for it; without ``fold`` all rows are
    of fold 1. AnnotationError names file and line of what cannot be: no column ``image``, a value
    that is no number, two rows of one image, model and fold. UsageError for an unknown metric.
    """
    columns: dict[str, dict[Cell, float]] = {}
    seen: dict[Cell, str] = {}
    for path in paths:
        _read_one(path, columns, seen)
    if not seen:
        raise AnnotationError(f"{', '.join(map(str, paths))}: no row in them")
    unknown = [name for name in only if name not in columns]
    if unknown:
        raise UsageError(
            f"no metric {', '.join(unknown)} in the tables; there are: {', '.join(columns)}"
        )
    order = list(only) or [n for n in FIRST if n in columns] + [
        n for n in columns if n not in FIRST
    ]
    if not order:
        raise AnnotationError(f"{', '.join(map(str, paths))}: no column with a metric")
    tables = {name: _table(name, columns[name]) for name in order}
    return LongTable(tables, tuple(sorted({model for _, model, _ in seen})))


def _table(name: str, values: dict[Cell, float]) -> MetricTable:
    known = set(values.values())
    # 0 and 1 alone may also be a continuous metric at its bounds: ours are known by name.
    binary = name in RECOGNITION_METRICS or (name not in FIRST and bool(known) and known <= {0, 1})
    if name in RECOGNITION_METRICS and not known <= {0, 1}:
        raise AnnotationError(f"{name}: expected 0 and 1, found {sorted(known - {0, 1})[:3]}")
    return MetricTable(name, dict(sorted(values.items())), binary)


def _read_one(path: Path, columns: dict[str, dict[Cell, float]], seen: dict[Cell, str]) -> None:
    reader = csv.DictReader(io.StringIO(read_text(path)))
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    if "image" not in names:
        raise AnnotationError(f"{path}: no column 'image': a metrics.csv in long form is needed")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise AnnotationError(f"{path}: two columns are called {min(twice)!r}")
    metrics = [name for name in names if name and name not in KEYS]
    for name in metrics:
        columns.setdefault(name, {})
    for row in reader:
        where = f"{path}: line {reader.line_num}"
        key = _key(row, path, where)
        if key in seen:
            raise AnnotationError(
                f"{where}: image {key[0]!r}, model {key[1]!r}, fold {key[2]!r} stands already in "
                f"{seen[key]}"
            )
        seen[key] = where
        for name in metrics:
            value = _value(row.get(name), f"{where}: {name}")
            if value is not None:
                columns[name][key] = value


def _key(row: Mapping[str, str | None], path: Path, where: str) -> Cell:
    image = (row.get("image") or "").strip()
    if not image:
        raise AnnotationError(f"{where}: no image")
    model = (row.get("model") or "").strip() or path.stem
    return image, model, (row.get("fold") or "").strip() or "1"


def _value(text: str | None, where: str) -> float | None:
    word = (text or "").strip().lower()
    if word in BLANK:
        return None
    if word in TRUE or word in FALSE:
        return float(word in TRUE)
    try:
        value = float(word)
    except ValueError as error:
        raise AnnotationError(f"{where}: {text!r} is not a number") from error
    if not math.isfinite(value):
        raise AnnotationError(f"{where}: {text!r} is not a finite number")
    return value
