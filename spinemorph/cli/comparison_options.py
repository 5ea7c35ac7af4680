"""Options of the commands that compare films of a patient."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from spinemorph.cli.film_options import format_names


def _day(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date like 2024-05-31") from None


output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the results.",
)
surgery_option = click.option(
    "--surgery",
    callback=_day,
    metavar="DATE",
    help="Day of surgery, e.g. 2024-05-31; without it the first film with an implant stands for it.",
)
renumber_option = click.option(
    "--renumber",
    is_flag=True,
    help="Move the levels of a film that the shapes of the bodies say is numbered one level off.",
)
formats_option = click.option(
    "--formats",
    default="pdf,html,json,csv",
    show_default=True,
    callback=format_names,
    help="Files to write.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="comparison.json on stdout too.")
