"""``spinemorph simulate``: radiographs with exact truth."""

from __future__ import annotations

from pathlib import Path

import click

from spinemorph.cli import OK
from spinemorph.errors import SpinemorphError


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the films.",
)
@click.option("-n", "--films", type=click.IntRange(1, 10_000_000), required=True, help="How many.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the first film; each next film has the next seed.",
)
@click.option(
    "--anatomy",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of bone meshes; without it our own parametric anatomy.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON file of settings; what it leaves out keeps its default.",
)
@click.option("--dicom", is_flag=True, help="Write a 12-bit DICOM beside every PNG.")
def simulate(
    output: Path, films: int, seed: int, anatomy: Path | None, settings: Path | None, dicom: bool
) -> int:
    """Write FILMS simulated radiographs: a 16-bit PNG, masks and the truth as JSON for each."""
    try:
        from spinemorph.simulate.anatomy_source import load_anatomy
        from spinemorph.simulate.film import simulate_film
    except ModuleNotFoundError as fault:
        raise SpinemorphError(
            f"simulating needs {fault.name}: pip install 'spinemorph[simulate]'"
        ) from fault
    from rich.console import Console
    from rich.progress import track

    from spinemorph.simulate.files import write_film
    from spinemorph.simulate.settings import Settings

    chosen = Settings.load(settings) if settings else Settings()
    bones = load_anatomy(anatomy)
    console = Console(stderr=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "settings.json").write_text(chosen.to_json() + "\n", encoding="utf-8")
        seeds = range(seed, seed + films)
        for number in track(seeds, "simulating", console=console, disable=not console.is_terminal):
            write_film(simulate_film(bones, chosen, number), output, dicom=dicom)
    except OSError as fault:
        raise SpinemorphError(f"{output}: cannot be written: {fault.strerror}") from fault
    click.echo(f"{films} films in {output} (settings {chosen.digest()[:12]})")
    return OK
