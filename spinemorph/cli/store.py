"""``spinemorph store``: what is kept of the films that were analysed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spinemorph.cli import NOTHING_DONE, OK, SOME_FAILED
from spinemorph.cli.store_options import (
    json_option,
    key_from,
    key_option,
    patient_option,
    store_option,
)
from spinemorph.errors import UsageError

if TYPE_CHECKING:
    from spinemorph.store.store import Store


@click.group()
def store() -> None:
    """Keep studies in a database: SQLite in a file, or PostgreSQL.

    analyze --store fills it, timeline compares the films of one patient.
    """


@store.command("list")
@store_option
@patient_option
@key_option
@json_option
def list_studies(place: str, patient: str | None, key_file: Path | None, as_json: bool) -> int:
    """List the stored studies: one row for each film and each way it was analysed."""
    from spinemorph.cli.store_tables import show_entries
    from spinemorph.store import open_store

    with open_store(place, key=key_from(key_file)) as opened:
        entries = opened.entries(patient=patient)
        if as_json:
            rows = [entry.as_dict() for entry in entries]
            click.echo(json.dumps(rows, allow_nan=False, indent=1))
        else:
            show_entries(entries)
    return OK


@store.command("show")
@click.argument("study")
@store_option
@click.option(
    "--thumbnail",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write its picture (JPEG) here.",
)
@json_option
def show(study: str, place: str, thumbnail: Path | None, as_json: bool) -> int:
    """Show one study; STUDY is its ID or how that begins. With --json its study.json."""
    from spinemorph.cli.store_tables import show_study
    from spinemorph.data.files import write_bytes
    from spinemorph.errors import StoreError
    from spinemorph.report.json_writer import study_from_dict
    from spinemorph.store import open_store

    with open_store(place) as opened:
        entry = opened.find(study)
        ((_, document),) = opened.documents([entry.id])
        picture = opened.thumbnail(entry.id)
    if thumbnail is not None:
        if picture is None:
            raise StoreError(f"study {entry.id} has no picture")
        try:
            write_bytes(thumbnail, picture)
        except OSError as fault:
            raise StoreError(f"{thumbnail}: cannot be written: {fault.strerror}") from fault
    if as_json:
        click.echo(json.dumps(document, allow_nan=False, indent=1))
    else:
        show_study(entry, study_from_dict(document), has_picture=picture is not None)
    return OK


@store.command("add")
@click.argument("paths", nargs=-1, required=True, metavar="STUDY.json...", type=Path)
@store_option
@click.option("--pseudonymize", is_flag=True, help="Store pseudonyms, made with a key.")
@key_option
@json_option
def add(
    paths: tuple[Path, ...], place: str, pseudonymize: bool, key_file: Path | None, as_json: bool
) -> int:
    """Add studies of earlier analyses: study.json files, or folders searched for them."""
    from rich.console import Console

    from spinemorph.cli.keeping import open_for_adding

    with open_for_adding(place, pseudonymize=pseudonymize, key_file=key_file) as opened:
        from spinemorph.store.adding import add_files

        new, known, faults = add_files(opened, paths)
    if as_json:
        result = {"added": new, "known": known, "failed": faults}
        click.echo(json.dumps(result, allow_nan=False, indent=1))
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for fault in faults:
        console.print(f"failed {fault}")
    console.print(f"{new} added, {known} already in the store, {len(faults)} failed")
    if not new and not known:
        return NOTHING_DONE
    return SOME_FAILED if faults else OK


@store.command("export")
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@store_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="New folder; it appears whole or not at all.",
)
@patient_option
@key_option
@json_option
def export(
    studies: tuple[str, ...],
    place: str,
    output: Path,
    patient: str | None,
    key_file: Path | None,
    as_json: bool,
) -> int:
    """Write study.json and picture of studies, and one measurements.csv of all of them.

    Without STUDY and --patient everything is written.
    """
    from spinemorph.cli.counting import counted
    from spinemorph.store import open_store

    with open_store(place, key=key_from(key_file)) as opened:
        from spinemorph.store.export import export_studies

        ids = _chosen(opened, studies, patient)
        if ids is None:
            ids = [entry.id for entry in opened.entries()]
        count = export_studies(opened, ids, output)
    if as_json:
        click.echo(json.dumps({"studies": count, "folder": str(output)}, indent=1))
    click.echo(f"{counted(count, 'study')} in {output}", err=True)
    return OK


@store.command("remove")
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@store_option
@patient_option
@key_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(
    studies: tuple[str, ...],
    place: str,
    patient: str | None,
    key_file: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove studies, or with --patient everything of a patient. Films are not touched."""
    import sys

    from spinemorph.cli.counting import counted
    from spinemorph.store import open_store

    with open_store(place, key=key_from(key_file), write=True) as opened:
        ids = _chosen(opened, studies, patient)
        if ids is None:
            raise UsageError("name the studies to remove, or give --patient")
        many = counted(len(ids), "study")
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(f"{many} would be removed: confirm with --yes")
            click.confirm(f"Remove {many} for good?", abort=True, err=True)
        gone = opened.remove(ids)
    if as_json:
        click.echo(json.dumps({"studies": gone.studies, "films": gone.films, "wiped": gone.wiped}))
    click.echo(f"removed {counted(gone.studies, 'study')}, {counted(gone.films, 'film')}", err=True)
    if not gone.wiped:
        click.echo("another process has the store open: free space still holds old bytes", err=True)
    return OK


@store.command("upgrade")
@store_option
def upgrade(place: str) -> int:
    """Bring a store of an older spinemorph to the present schema; all of it or nothing."""
    from spinemorph.store import upgrade_store

    before, now = upgrade_store(place)
    click.echo(f"schema {before} -> {now}" if before != now else f"schema {now} is the present one")
    return OK


def _chosen(opened: Store, studies: tuple[str, ...], patient: str | None) -> list[str] | None:
    """IDs of the named studies and of the patient's; None where neither is given."""
    if not studies and patient is None:
        return None
    ids = [opened.find(study).id for study in studies]
    if patient is not None:
        found = [entry.id for entry in opened.entries(patient=patient)]
        if not found:
            raise UsageError("the store has no study of that patient; see spinemorph store list")
        ids += found
    return list(dict.fromkeys(ids))
