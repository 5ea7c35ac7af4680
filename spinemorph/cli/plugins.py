"""``spinemorph plugins``: what is installed, what does not load, and a new one to start from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinemorph.cli import OK


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> int:
    """List every plugin with its kind, name and distribution; broken ones with their fault."""
    if context.invoked_subcommand is not None:
        return OK
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from spinemorph.plugins import HOOKS, load_plugins

    words = dict(HOOKS.values())
    found = load_plugins()
    rows = [
        {
            "kind": words[type(item.descriptor)],
            "name": item.descriptor.name,
            "summary": item.descriptor.summary,
            "from": item.owner,
        }
        for item in found.registered
    ]
    broken = [{"from": item.distribution, "error": str(item)} for item in found.broken]
    if as_json:
        click.echo(json.dumps({"plugins": rows, "broken": broken}, indent=1))
        return OK
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("kind", "name", "summary", "from"):
        table.add_column(title)
    for row in rows:
        table.add_row(*(escape(value) for value in row.values()))
    console.print(table)
    for item in broken:
        console.print(f"[bold]not loaded[/bold] {escape(item['error'])}", soft_wrap=True)
    return OK


@plugins.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder that the package is put into; the current one without it.",
)
def new(name: str, output: Path) -> int:
    """Write the package of a new segmenter, spinemorph-NAME, with its own test.

    It works as it is, by a threshold: install it, run its test, then put a model in.
    """
    from spinemorph.plugins import load_plugins
    from spinemorph.scaffold import new_plugin

    found = load_plugins()
    taken = {
        *(each.descriptor.name for each in found.registered),
        *(each.distribution for each in found.registered),
        *(each for broken in found.broken for each in broken.names),
    }
    for path in new_plugin(name, output, taken):
        click.echo(path)
    return OK
