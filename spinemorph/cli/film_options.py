"""Options of the commands that look at films or write reports."""

from __future__ import annotations

from pathlib import Path

import click


def _spacing(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """``0.15`` or ``0.15,0.14`` as (row, column)."""
    if value is None:
        return None
    try:
        parts = [float(part) for part in value.split(",")]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2) or not all(0 < part < 100 for part in parts):
        raise click.BadParameter(f"{value!r} is not ROW or ROW,COLUMN in millimetres, e.g. 0.15")
    return parts[0], parts[-1]


def format_names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """The formats of a list with commas, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("names no format")
    return names


segmenter_option = click.option(
    "--segmenter", default="compact", show_default=True, help="Name of the model."
)
weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights file for the model.",
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
spacing_option = click.option(
    "--spacing",
    callback=_spacing,
    metavar="ROW[,COL]",
    help="Size of a pixel in mm of every film, instead of the header's.",
)
spacing_for_all_option = click.option(
    "--spacing-for-all", is_flag=True, help="Use --spacing for more than one film."
)
language_option = click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    default="en",
    show_default=True,
    help="Language of the reports.",
)
page_option = click.option(
    "--page",
    type=click.Choice(["a4", "letter"]),
    default="a4",
    show_default=True,
    help="Page size of the PDF.",
)
