"""``spinemorph timeline``: all stored studies of a patient."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spinemorph.cli import OK
from spinemorph.cli.compare import show_comparison
from spinemorph.cli.comparison_options import (
    formats_option,
    json_option,
    output_option,
    renumber_option,
    surgery_option,
)
from spinemorph.cli.film_options import language_option, page_option
from spinemorph.cli.store_options import key_from, key_option, store_option
from spinemorph.errors import SpinemorphError, UsageError

if TYPE_CHECKING:
    from spinemorph.store.records import Entry
    from spinemorph.store.store import Store
    from spinemorph.types import Radiograph, Study


@click.command()
@click.argument("patient")
@store_option
@output_option
@key_option
@surgery_option
@click.option(
    "--other-patient",
    is_flag=True,
    help="Compare although birth dates differ; said on every page.",
)
@renumber_option
@language_option
@page_option
@formats_option
@json_option
def timeline(
    patient: str,
    place: str,
    output: Path,
    key_file: Path | None,
    surgery: str | None,
    other_patient: bool,
    renumber: bool,
    language: str,
    page: str,
    formats: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare all stored films of PATIENT over time, as compare does.

    PATIENT is an ID; in a pseudonymised store an ID with its key, or a pseudonym. Of a film that was
    analysed more than once the result that was added last counts. Where a film is no longer in its
    place, its stored picture is shown.
    """
    from spinemorph.compare import CompareOptions, compare_studies, write_comparison
    from spinemorph.compare.documents import comparison_json
    from spinemorph.compare.report.words import comparison_words
    from spinemorph.store import open_store

    comparison_words(language)  # a wrong language is said before anything is read
    with open_store(place, key=key_from(key_file)) as store:
        entries = store.newest(patient)
        if len(entries) < 2:
            found = "one film" if entries else "no film"
            raise UsageError(f"the store has {found} of that patient; a timeline needs two")
        studies, films, moved = _read(store, entries)
    comparison = compare_studies(studies, films, CompareOptions(surgery, other_patient, renumber))
    write_comparison(comparison, output, formats, language=language, page=page)
    if as_json:
        click.echo(comparison_json(comparison), nl=False)
    if len({entry.method for entry in entries}) > 1:
        click.echo(
            "the films were analysed in different ways; analyze --reanalyze makes them alike",
            err=True,
        )
    if moved:
        click.echo(
            f"{moved} of {len(entries)} films are not where they were: {_shown(films)}",
            err=True,
        )
    show_comparison(comparison, output, to_stderr=as_json)
    return OK


def _shown(films: list[Radiograph | None]) -> str:
    missing = sum(film is None for film in films)
    return f"{missing} have no stored picture either" if missing else "stored pictures are shown"


def _read(store: Store, entries: list[Entry]) -> tuple[list[Study], list[Radiograph | None], int]:
    """Studies, pictures, and how many of these are not the films themselves."""
    from spinemorph.report.json_writer import study_from_dict
    from spinemorph.store.thumbnail import stand_in

    documents = dict(store.documents([entry.id for entry in entries]))
    studies = [study_from_dict(documents[entry.id]) for entry in entries]
    films: list[Radiograph | None] = []
    moved = 0
    for entry, study in zip(entries, studies, strict=True):
        film = _film(entry)
        if film is None:
            moved += 1
            picture = store.thumbnail(entry.id)
            film = None if picture is None else stand_in(picture, study)
        films.append(film)
    return studies, films, moved


def _film(entry: Entry) -> Radiograph | None:
    """The film, where it is still in its place and the same file."""
    from spinemorph.read import read_radiograph

    if entry.film is None or not entry.film.is_file():
        return None
    try:
        film = read_radiograph(entry.film)
    except SpinemorphError:
        return None
    return film if film.source.sha256 == entry.film_sha256 else None
