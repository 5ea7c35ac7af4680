"""``spinemorph evaluate``: one model against reference annotation."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from spinemorph.cli import NOTHING_DONE, OK, SOME_FAILED
from spinemorph.cli.annotation_options import class_option, images_option, read_options
from spinemorph.data.collection import Collection
from spinemorph.data.files import write_json, write_text
from spinemorph.data.formats import READABLE, open_annotations
from spinemorph.errors import AnnotationError, SpinemorphError
from spinemorph.evaluate.recognition import MATCH_IOU, OVERLAP_SHARE, SPECK_SHARE
from spinemorph.evaluate.runner import EvaluatorSource, FilmScore, columns_of, score_films
from spinemorph.evaluate.tables import (
    judged,
    metric_columns,
    metrics_csv,
    read_judgements,
    summary,
)
from spinemorph.hookspecs import EvaluatorPlugin

NAMES = click.Choice(list(READABLE))


@click.command()
@click.argument("predicted", type=click.Path(path_type=Path, exists=True))
@click.argument("reference", type=click.Path(path_type=Path, exists=True))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for metrics.csv and summary.json.",
)
@click.option("--model", help="Name of the model in the table; without it that of PREDICTED.")
@click.option("--fold", default="1", show_default=True, help="Fold of the training, for the table.")
@click.option("--predicted-format", type=NAMES, help="Recognised by content without it.")
@click.option("--reference-format", type=NAMES, help="Recognised by content without it.")
@click.option(
    "--judgements",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of a reader: image, recognized, composite_recognized; it replaces our judgement.",
)
@images_option
@class_option
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; without it one a core.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on stdout.")
def evaluate(
    predicted: Path,
    reference: Path,
    output: Path,
    model: str | None,
    fold: str,
    predicted_format: str | None,
    reference_format: str | None,
    judgements: Path | None,
    images: Path | None,
    classes: tuple[str, ...],
    workers: int | None,
    as_json: bool,
) -> int:
    """Score the annotations in PREDICTED against those in REFERENCE, film by film.

    Films are paired by the name of their file without its suffix.
    """
    options = read_options(images, classes)
    ours = open_annotations(predicted, predicted_format, options)
    theirs = open_annotations(reference, reference_format, options)
    shared = [key for key in theirs.loaders if key in ours.loaders]
    if not shared:
        raise AnnotationError(
            f"{predicted} and {reference} have no film in common (paired by the name of the file "
            f"without suffix: {_some(ours)} against {_some(theirs)})"
        )
    model = model or predicted.resolve().stem
    words = read_judgements(judgements, model, fold) if judgements else {}
    metrics = metric_columns(columns_of(installed_evaluators()))
    scores = _scored(ours, theirs, installed_evaluators, workers or _cores(), len(shared))
    done = [judged(score, words) for score in scores if score.failure is None]
    document = _document(ours, theirs, scores, done, metrics)
    document = {"model": model, "fold": fold, **document}
    document["judgements"] = {"used": sum(key in words for key in shared), "given": len(words)}
    if done:
        try:
            write_text(output / "metrics.csv", metrics_csv(done, metrics, model, fold))
            write_json(output / "summary.json", document)
        except OSError as fault:
            raise SpinemorphError(f"{output}: cannot be written: {fault.strerror}") from fault
    _say(document)
    if as_json:
        click.echo(json.dumps(document, indent=1, allow_nan=False))
    if not done:
        return NOTHING_DONE
    return SOME_FAILED if document["failed"] or document["without_prediction"] else OK


def installed_evaluators() -> Sequence[EvaluatorPlugin]:
    """Every installed evaluator; called once in each process."""
    from spinemorph.plugins import load_plugins

    return load_plugins().evaluators()


def _scored(
    ours: Collection, theirs: Collection, source: EvaluatorSource, workers: int, total: int
) -> list[FilmScore]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    scores = score_films(ours, theirs, source, workers)
    hidden = not console.is_terminal
    return list(track(scores, "evaluating", total=total, console=console, disable=hidden))


def _document(
    ours: Collection,
    theirs: Collection,
    scores: list[FilmScore],
    done: list[FilmScore],
    metrics: Sequence[str],
) -> dict[str, object]:
    problems = [*ours.problems, *theirs.problems, *(p for s in scores for p in s.problems)]
    return {
        "films": len(done),
        "predicted_format": ours.format,
        "reference_format": theirs.format,
        "metrics": summary(done, metrics),
        "failed": {score.image: score.failure for score in scores if score.failure},
        "without_prediction": [key for key in theirs.loaders if key not in ours.loaders],
        "without_reference": [key for key in ours.loaders if key not in theirs.loaders],
        "problems": [str(problem) for problem in dict.fromkeys(problems)],
        "rules": {
            "match_iou": MATCH_IOU,
            "overlap_share_of_smaller_body": OVERLAP_SHARE,
            "speck_share_of_median_body": SPECK_SHARE,
        },
    }


def _say(document: dict[str, object]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("metric", "mean", "SD", "films"):
        table.add_column(title, justify="left" if title == "metric" else "right")
    values = document["metrics"]
    assert isinstance(values, dict)  # noqa: S101  narrows the type
    for name, row in values.items():
        if row["n"]:
            sd = "" if row["sd"] is None else f"{row['sd']:.4f}"
            table.add_row(escape(name), f"{row['mean']:.4f}", sd, str(row["n"]))
    console.print(table)
    for key, word in (("failed", "failed"), ("problems", "left out")):
        lines = document[key]
        for line in lines.values() if isinstance(lines, dict) else lines:  # type: ignore[attr-defined]
            console.print(f"{word}: {escape(str(line))}", soft_wrap=True)
    for key in ("without_prediction", "without_reference"):
        names = document[key]
        assert isinstance(names, list)  # noqa: S101  narrows the type
        if names:
            more = ", ..." if len(names) > 5 else ""
            text = f"{len(names)} {key.replace('_', ' ')}: {', '.join(names[:5])}{more}"
            console.print(escape(text), soft_wrap=True)


def _some(collection: Collection) -> str:
    return ", ".join(list(collection.loaders)[:3]) or "none"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
