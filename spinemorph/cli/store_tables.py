"""Stored studies as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spinemorph.cli.counting import counted
from spinemorph.flags import FLAGS
from spinemorph.store.records import Entry
from spinemorph.types import Measurement, Study

#: Columns of a list with their width; the film takes what is left.
_COLUMNS: Final = (
    ("study", 16),
    ("taken", 10),
    ("levels", 7),
    ("lordosis", 8),
    ("analysed by", 15),
    ("film", None),
)


def show_entries(entries: Iterable[Entry]) -> None:
    """One row a result below the line of its patient; rows are shown as they are read."""
    console = Console(highlight=False)
    count = patients = 0
    unknown = False
    for patient, group in groupby(entries, key=lambda entry: entry.patient):
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=count == 0)
        for title, width in _COLUMNS:
            justify: Literal["left", "right"] = "right" if title == "lordosis" else "left"
            table.add_column(title, width=width, overflow="fold", justify=justify)
        for entry in group:
            table.add_row(*map(escape, _row(entry)))
        unknown = unknown or patient is None
        patients += patient is not None
        count += table.row_count
        console.print(f"[bold]{escape(patient or 'patient unknown')}[/bold]", soft_wrap=True)
        console.print(table)
    lost = " and of films without a patient" if unknown else ""
    console.print(f"{counted(count, 'study')} of {counted(patients, 'patient')}{lost}")


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        entry.id,
        (entry.taken or "unknown")[:10],
        entry.levels or "-",
        "-" if entry.lordosis is None else f"{entry.lordosis:.1f}°",
        f"{entry.spinemorph or '?'} {entry.segmenter or '?'}",
        entry.file,
    )


def show_study(entry: Entry, study: Study, *, has_picture: bool) -> None:
    """Whose film it is, how it was analysed, its flags in words and its values."""
    console = Console(highlight=False)
    weights = f", weights {entry.weights_sha256[:12]}" if entry.weights_sha256 else ""
    facts = {
        "study": entry.id,
        "patient": entry.patient or "unknown",
        "taken": entry.taken or "unknown",
        "film": str(entry.film or entry.file),
        "sha256": entry.film_sha256,
        "analysed by": f"spinemorph {entry.spinemorph or '?'}, {entry.segmenter or '?'}{weights}",
        "added": entry.added_at,
        "levels": entry.levels or "none",
        "picture": "yes" if has_picture else "no",
    }
    for name, value in facts.items():
        console.print(f"[bold]{name:12}[/bold] {escape(value)}", soft_wrap=True)
    for code in study.flags:
        console.print(f"  [dim]{escape(code)}: {escape(FLAGS.get(code, 'no description'))}[/dim]")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("measure", "levels"):
        table.add_column(title, overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("95 %", justify="right")
    for item in study.measurements:
        if item.value is not None:
            table.add_row(
                escape(item.name + (f" ({item.site})" if item.site else "")),
                escape("-".join(item.levels)),
                escape(_value(item)),
                "" if item.interval95 is None else "{:.3g} to {:.3g}".format(*item.interval95),
            )
    console.print(table)
    withheld = sum(item.value is None for item in study.measurements)
    if withheld:
        console.print(f"{withheld} measures without a value: store show --json has the reasons")


def _value(item: Measurement) -> str:
    number = f"{item.value:.4g}"
    units = {"degrees": "°", "1": "", "%": " %"}
    unit = units.get(item.unit, f" {item.unit}" if item.unit else "")
    return f"{number}{unit}" + (f" ({item.label})" if item.label else "")
