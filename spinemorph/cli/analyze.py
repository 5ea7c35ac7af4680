"""``spinemorph analyze``: films in, a report for each of them out."""

from __future__ import annotations

import json
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click

from spinemorph.cli import NOTHING_DONE, OK, SOME_FAILED
from spinemorph.cli.batch import Outcome, run_batch
from spinemorph.cli.cohort import sum_up, summary_of
from spinemorph.cli.film_options import (
    device_option,
    format_names,
    language_option,
    page_option,
    segmenter_option,
    spacing_for_all_option,
    spacing_option,
    weights_option,
)
from spinemorph.cli.keeping import keeper
from spinemorph.cli.naming import study_names
from spinemorph.cli.store_options import key_option
from spinemorph.errors import SpinemorphError, UsageError


def _femoral_heads(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[tuple[float, float], ...] | None:
    """``X,Y`` or ``X,Y,X,Y`` as centres in pixels."""
    if value is None:
        return None
    try:
        parts = [float(part) for part in value.split(",")]
    except ValueError:
        parts = []
    if len(parts) not in (2, 4) or not all(0 <= part < 1e6 for part in parts):
        raise click.BadParameter(
            f"{value!r} is not X,Y or X,Y,X,Y in pixels of the film, e.g. 812,2230,840,2215"
        )
    return tuple(zip(parts[::2], parts[1::2], strict=True))


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the results; one subfolder a film.",
)
@segmenter_option
@weights_option
@device_option
@spacing_option
@spacing_for_all_option
@click.option(
    "--facing",
    type=click.Choice(["auto", "left", "right"]),
    default="auto",
    show_default=True,
    help="Side of the image that the patient's front points to.",
)
@click.option(
    "--femoral-heads",
    callback=_femoral_heads,
    metavar="X,Y[,X,Y]",
    help="Centre of one or both femoral heads in pixels of the film: gives pelvic incidence and tilt.",
)
@click.option(
    "--preprocess",
    "contrast",
    type=click.Choice(["none", "equalize"]),
    default="none",
    show_default=True,
    help="Contrast before the model looks.",
)
@click.option(
    "--formats",
    default="pdf,json,csv,png",
    show_default=True,
    callback=format_names,
    help="Files to write.",
)
@click.option(
    "--store",
    "place",
    metavar="URL",
    help="Keep the studies too: a file, or the URL of a PostgreSQL database.",
)
@click.option("--reanalyze", is_flag=True, help="Also films that the store has; both are kept.")
@click.option("--pseudonymize", is_flag=True, help="Store pseudonyms, made with a key.")
@key_option
@language_option
@page_option
@click.option("--json", "as_json", is_flag=True, help="Results on stdout as JSON.")
def analyze(
    paths: tuple[str, ...],
    output: Path,
    spacing_for_all: bool,
    as_json: bool,
    place: str | None,
    reanalyze: bool,
    pseudonymize: bool,
    key_file: Path | None,
    **choices: Any,
) -> int:
    """Find, number and measure the vertebrae of films, and write a report for each.

    PATH is a film (DICOM, PNG, JPEG, TIFF), a folder that is searched through, or a glob. Results
    go to OUTPUT/<study>/. One bad film never stops the others. With --store, films that the store
    has are passed over.
    """
    from spinemorph.cli.show import show_outcomes
    from spinemorph.pipeline import Options
    from spinemorph.read import find_films

    films: dict[Path, Path] = {}
    outcomes: list[Outcome] = []
    for path in paths:
        try:
            found, skipped = find_films(path)
        except SpinemorphError as fault:
            outcomes.append(Outcome(Path(path), None, None, str(fault)))
            continue
        for film in found:
            films.setdefault(film.resolve(), film)
        outcomes += [Outcome(item.path, None, None, item.reason, skipped=True) for item in skipped]
    if choices["spacing"] is not None and len(films) > 1 and not spacing_for_all:
        raise UsageError(
            f"--spacing would be used for {len(films)} films: add --spacing-for-all if they share it"
        )
    if choices["femoral_heads"] is not None and len(films) > 1:
        raise UsageError(f"--femoral-heads belongs to one film, and there are {len(films)}")
    names = study_names(films.values())
    jobs = [(path, output / name) for path, name in names.items()]
    options = Options(**choices)
    cohort = summary_of(jobs)
    kept = keeper(place, pseudonymize=pseudonymize, key_file=key_file, reanalyze=reanalyze)
    with nullcontext() if kept is None else closing(kept):
        if jobs:
            more = run_batch(jobs, options, kept, cohort=cohort, whole=as_json)
            outcomes = more + outcomes
    if cohort is not None:
        outcomes += sum_up(cohort, outcomes, output, options)
    if as_json:
        click.echo(
            json.dumps([outcome.as_dict() for outcome in outcomes], allow_nan=False, indent=1)
        )
    show_outcomes(outcomes, to_stderr=as_json)
    done = sum(outcome.study is not None or outcome.known for outcome in outcomes)
    failed = sum(outcome.study is None and not outcome.skipped for outcome in outcomes)
    if done == 0:
        return NOTHING_DONE
    return SOME_FAILED if failed else OK
