"""metrics.csv in long form, its summary, and a reader's own judgements."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemorph.data.annotation import image_key
from spinemorph.data.files import read_text
from spinemorph.errors import AnnotationError
from spinemorph.evaluate.evaluators import PIXEL_METRICS, RECOGNITION_METRICS
from spinemorph.evaluate.runner import FilmScore

KEYS: Final = ("image", "model", "fold")
#: Columns that stand first, whichever evaluators there are.
FIRST: Final = (*PIXEL_METRICS, *RECOGNITION_METRICS)
TRUE: Final = frozenset({"1", "1.0", "true", "yes", "y"})
FALSE: Final = frozenset({"0", "0.0", "false", "no", "n"})


@dataclass(frozen=True)
class Judgement:
    """A reader's own word on one film."""

    recognized: bool | None
    composite_recognized: bool | None


def metric_columns(metrics: Iterable[str]) -> tuple[str, ...]:
    """The metrics in the order of the columns: ours as published, then the others as they come."""
    given = list(dict.fromkeys(metrics))
    return tuple([name for name in FIRST if name in given] + [n for n in given if n not in FIRST])


def metrics_csv(scores: Sequence[FilmScore], metrics: Sequence[str], model: str, fold: str) -> str:
    """The text of metrics.csv, one row a film; what is not known is empty, yes and no are 1 and 0."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*KEYS, *metrics])
    for score in scores:
        values = [cell(score.values.get(name), name in RECOGNITION_METRICS) for name in metrics]
        writer.writerow([score.image, model, fold, *values])
    return stream.getvalue()


def cell(value: float | None, binary: bool = False) -> str:
    """A number for a CSV file without loss."""
    if value is None:
        return ""
    return str(int(value)) if binary else repr(float(value))


def summary(scores: Sequence[FilmScore], metrics: Sequence[str]) -> dict[str, Any]:
    """Mean, SD and n of every metric over films; None where there is nothing to average."""
    table: dict[str, Any] = {}
    for name in metrics:
        values = [v for score in scores if (v := score.values.get(name)) is not None]
        table[name] = {
            "n": len(values),
            "mean": float(np.mean(values)) if values else None,
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        }
    return table


def read_judgements(path: Path, model: str, fold: str) -> dict[str, Judgement]:
    """Judgements by image key: columns image, recognized and, if given, composite_recognized.

    Rows of another model or fold are passed over. AnnotationError for a missing column, a word that
    is neither yes nor no, or two judgements of one film.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(path))))
    if not rows or "image" not in rows[0] or not set(RECOGNITION_METRICS) & set(rows[0]):
        raise AnnotationError(f"{path}: needs the columns image and recognized, and a row")
    found: dict[str, Judgement] = {}
    for line, row in enumerate(rows, start=2):
        if row.get("model") not in {None, "", model} or row.get("fold") not in {None, "", fold}:
            continue
        key = image_key((row["image"] or "").strip())
        if key in found:
            raise AnnotationError(f"{path}: line {line}: a second judgement of {row['image']}")
        found[key] = Judgement(
            *(_word(row.get(name), f"{path}: line {line}: {name}") for name in RECOGNITION_METRICS)
        )
    return found


def judged(score: FilmScore, judgements: Mapping[str, Judgement]) -> FilmScore:
    """The score with the reader's word in place of ours, where there is one."""
    word = judgements.get(image_key(score.image))
    if word is None:
        return score
    values = dict(score.values)
    if word.recognized is not None:
        if word.recognized != (values.get("recognized") == 1):
            # A composite judgement of ours rests on our own recognition: it falls with it.
            values["composite_recognized"] = None if word.recognized else 0.0
        values["recognized"] = float(word.recognized)
    if word.composite_recognized is not None:
        values["composite_recognized"] = float(word.composite_recognized)
    return replace(score, values=values)


def _word(text: str | None, where: str) -> bool | None:
    word = (text or "").strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    if word:
        raise AnnotationError(f"{where}: {text!r} is neither 1 nor 0")
    return None
