"""``spinemorph compare``: films of one patient before and after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinemorph.cli import OK
from spinemorph.cli.comparison_options import (
    formats_option,
    json_option,
    output_option,
    renumber_option,
    surgery_option,
)
from spinemorph.cli.film_options import (
    device_option,
    language_option,
    page_option,
    segmenter_option,
    spacing_for_all_option,
    spacing_option,
    weights_option,
)
from spinemorph.errors import ReadError, UsageError

if TYPE_CHECKING:
    from spinemorph.compare import Comparison
    from spinemorph.pipeline import Analysis, Pipeline
    from spinemorph.types import Radiograph, Study


@click.command()
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument(
    "followups", nargs=-1, required=True, metavar="FOLLOWUP...", type=click.Path(path_type=Path)
)
@output_option
@surgery_option
@click.option(
    "--other-patient",
    is_flag=True,
    help="Compare although patient ID or birth date differ; said on every page.",
)
@renumber_option
@segmenter_option
@weights_option
@device_option
@spacing_option
@spacing_for_all_option
@language_option
@page_option
@formats_option
@json_option
def compare(
    baseline: Path,
    followups: tuple[Path, ...],
    output: Path,
    formats: tuple[str, ...],
    language: str,
    page: str,
    as_json: bool,
    spacing_for_all: bool,
    surgery: str | None,
    other_patient: bool,
    renumber: bool,
    **choices: Any,
) -> int:
    """Compare films of one patient over time: what changed, and what is only error.

    BASELINE and FOLLOWUP are films or study.json files, in any order: their dates decide. For a
    study.json the film is looked for beside it and in the folder above; without it the report has
    outlines but no pictures.
    """
    from spinemorph.compare import CompareOptions, compare_studies, write_comparison
    from spinemorph.compare.documents import comparison_json
    from spinemorph.compare.report.words import comparison_words

    comparison_words(language)  # a wrong language is said before any film is read
    paths = [baseline, *followups]
    if choices["spacing"] is not None and not spacing_for_all:
        raise UsageError(
            f"--spacing would be used for {len(paths)} films: add --spacing-for-all if they share it"
        )
    studies, films = read_inputs(paths, choices)
    options = CompareOptions(surgery, other_patient, renumber)
    comparison = compare_studies(studies, films, options)
    write_comparison(comparison, output, formats, language=language, page=page)
    if as_json:
        click.echo(comparison_json(comparison), nl=False)
    show_comparison(comparison, output, to_stderr=as_json)
    return OK


def read_inputs(
    paths: list[Path], choices: dict[str, Any]
) -> tuple[list[Study], list[Radiograph | None]]:
    """Studies and films of files that are either; the model is loaded for films alone."""
    from spinemorph.report.json_writer import read_study

    studies: list[Study] = []
    films: list[Radiograph | None] = []
    pipeline: Pipeline | None = None
    for path in paths:
        if path.suffix.lower() == ".json":
            study = read_study(path)
            studies.append(study)
            films.append(film_of(study, path))
            continue
        if not path.is_file():
            raise ReadError(f"{path}: is no file")
        if pipeline is None:
            pipeline = _pipeline(choices)
        analysis: Analysis = pipeline.analyze(path)
        studies.append(analysis.study)
        films.append(analysis.radiograph)
    return studies, films


def film_of(study: Study, path: Path) -> Radiograph | None:
    """The film of a study.json, where it lies beside it or in the folder above and is the same file."""
    import hashlib

    from spinemorph.errors import SpinemorphError
    from spinemorph.read import read_radiograph

    name = Path(study.source.file).name
    if name != study.source.file:
        return None
    for folder in (path.parent, path.parent.parent):
        film = folder / name
        try:
            if hashlib.sha256(film.read_bytes()).hexdigest() == study.source.sha256:
                return read_radiograph(film)
        except (OSError, SpinemorphError):
            continue
    return None


def show_comparison(comparison: Comparison, output: Path, *, to_stderr: bool = False) -> None:
    """The summary, what the checks found, and where the results are."""
    from rich.console import Console

    from spinemorph.flags import FLAGS

    console = Console(stderr=to_stderr, highlight=False)
    for sentence in comparison.summary:
        console.print(sentence, markup=False, soft_wrap=True)
    for check in comparison.checks:
        detail = f" {check.detail}" if check.detail else ""
        console.print(f"  {check.code}: {FLAGS[check.code]}{detail}", markup=False, style="dim")
    console.print(f"results: {output}", markup=False, soft_wrap=True)


def _pipeline(choices: dict[str, Any]) -> Pipeline:
    from spinemorph.pipeline import Options, Pipeline
    from spinemorph.plugins import load_plugins

    return Pipeline(load_plugins(), Options(**choices, formats=("json",)))
