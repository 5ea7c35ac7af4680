"""``spinemorph stats``: the paper's tests, tables and plots for several models."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinemorph.cli import OK


@click.command()
@click.argument(
    "tables",
    nargs=-1,
    required=True,
    metavar="METRICS.csv...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for stats.json, tables, report.pdf and figures.",
)
@click.option("--metrics", help="Names of the metrics, with commas; without it all of them.")
@click.option("--json", "as_json", is_flag=True, help="stats.json on stdout too.")
def stats(tables: tuple[Path, ...], output: Path, metrics: str | None, as_json: bool) -> int:
    """Compare the models in METRICS.csv (long form, as evaluate writes it).

    Observations are paired by image. Without a column model the file's name stands for it.
    """
    from rich.console import Console

    from spinemorph.data.files import write_json, write_text
    from spinemorph.errors import SpinemorphError
    from spinemorph.evaluate.figures.models import model_figures
    from spinemorph.evaluate.report.models import model_csv, model_sheets
    from spinemorph.evaluate.report.pdf import write_pdf
    from spinemorph.evaluate.report.sheets import markdown
    from spinemorph.evaluate.statistics.compare import compare_models
    from spinemorph.evaluate.statistics.long import read_long

    only = [name.strip() for name in (metrics or "").split(",") if name.strip()]
    console = Console(stderr=True, highlight=False)
    table = read_long(tables, only)
    images = {image for each in table.metrics.values() for image, _, _ in each.values}
    result = compare_models(table)
    sheets = model_sheets(result)
    title = "Comparison of models" if len(table.models) > 1 else f"Metrics of {table.models[0]}"
    subtitle = f"{len(table.models)} models, {len(images)} images; two-sided tests, level 0.05."
    try:
        write_json(output / "stats.json", result.as_dict())
        write_text(output / "tables.md", markdown(title, sheets))
        write_text(output / "tables.csv", model_csv(result))
        with console.status("drawing"):
            figures = model_figures(table, result)
            drawn = [(figure.save(output)[0], figure.caption) for figure in figures]
        write_pdf(output / "report.pdf", title, subtitle, sheets, drawn)
    except OSError as fault:
        raise SpinemorphError(f"{output}: cannot be written: {fault.strerror}") from fault
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=1, allow_nan=False))
    text = f"{subtitle} Tables, report.pdf and {len(drawn)} figures in {output}"
    console.print(text, markup=False, soft_wrap=True)
    return OK
