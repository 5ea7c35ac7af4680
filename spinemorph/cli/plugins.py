"""``spinemorph plugins``: what is installed, and what does not load."""

from __future__ import annotations

import json

import click

from spinemorph.cli import OK


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def plugins(as_json: bool) -> int:
    """List every plugin with its kind, name and distribution; broken ones with their fault."""
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
