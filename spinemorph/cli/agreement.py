"""``spinemorph agreement``: readers and models."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinemorph.cli import OK, SOME_FAILED


@click.command()
@click.argument(
    "sources",
    nargs=-1,
    required=True,
    metavar="A B...",
    type=click.Path(path_type=Path, exists=True),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for agreement.json, tables, report.pdf and figures.",
)
@click.option("--names", help="Names of the readers given as studies, with commas.")
@click.option("--measurements", help="Only these, with commas.")
@click.option("--json", "as_json", is_flag=True, help="agreement.json on stdout too.")
def agreement(
    sources: tuple[Path, ...],
    output: Path,
    names: str | None,
    measurements: str | None,
    as_json: bool,
) -> int:
    """Agreement of two or more readers or models on the same studies.

    Each of A, B... is a reader as a study.json or a folder of them, or a CSV in long form (study,
    measurement, levels, reader, value; site and unit where there are some) that names its readers.
    """
    from rich.console import Console

    from spinemorph.data.files import write_json, write_text
    from spinemorph.errors import SpinemorphError, UsageError
    from spinemorph.evaluate.agreement import agreement as agree
    from spinemorph.evaluate.figures.readers import reader_figures
    from spinemorph.evaluate.readings import read_readings, with_all_levels
    from spinemorph.evaluate.report.pdf import write_pdf
    from spinemorph.evaluate.report.readers import reader_csv, reader_document, reader_sheets
    from spinemorph.evaluate.report.sheets import markdown

    console = Console(stderr=True, highlight=False)
    readings = with_all_levels(read_readings(sources, _words(names)))
    wanted = _words(measurements)
    known = {quantity.measurement for quantity in readings.values}
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise UsageError(
            f"no measurement {', '.join(unknown)}; there are: {', '.join(sorted(known))}"
        )
    tables = {
        quantity: readings.table(quantity)[1]
        for quantity in readings.values
        if not wanted or quantity.measurement in wanted
    }
    results = {quantity: agree(readings.readers, table) for quantity, table in tables.items()}
    sheets, document = reader_sheets(results), reader_document(results)
    title = "Agreement of readers"
    subtitle = f"Readers: {', '.join(readings.readers)}."
    try:
        write_json(output / "agreement.json", document)
        write_text(output / "tables.md", markdown(title, sheets))
        write_text(output / "tables.csv", reader_csv(results))
        with console.status("drawing"):
            drawn = [
                (figure.save(output)[0], figure.caption)
                for quantity, table in tables.items()
                for figure in reader_figures(quantity, table, results[quantity])
            ]
        write_pdf(output / "report.pdf", title, subtitle, sheets, drawn)
    except OSError as fault:
        raise SpinemorphError(f"{output}: cannot be written: {fault.strerror}") from fault
    for problem in readings.problems:
        console.print(f"left out: {problem}", markup=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps(document, indent=1, allow_nan=False))
    text = f"{len(results)} measurements of {len(readings.readers)} readers in {output}"
    console.print(text, markup=False, soft_wrap=True)
    return SOME_FAILED if readings.problems else OK


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
