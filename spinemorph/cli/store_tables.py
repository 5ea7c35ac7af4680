"""Stored studies as tables for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spinemorph.cli.counting import counted
from spinemorph.flags import FLAGS
from spinemorph.store.records import Entry
from spinemorph.types import Measurement, Study


def show_entries(entries: Iterable[Entry]) -> None:
    """One row a result; a name that is the same as in the row above is not repeated."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, fold in (
        ("study", False),
        ("patient", True),
        ("taken", False),
        ("film", True),
        ("levels", False),
        ("lordosis", False),
        ("analysed by", True),
    ):
        table.add_column(title, overflow="fold" if fold else "ellipsis", no_wrap=not fold)
    count, patients, previous = 0, set[str | None](), None
    for entry in entries:
        again = previous is not None and previous.patient == entry.patient
        table.add_row(
            entry.id,
            "" if again else escape(entry.patient or "unknown"),
            escape((entry.taken or "unknown")[:10]),
            escape(entry.file),
            entry.levels or "-",
            "-" if entry.lordosis is None else f"{entry.lordosis:.1f}°",
            escape(f"{entry.spinemorph or '?'} {entry.segmenter or '?'}"),
        )
        count, previous = count + 1, entry
        patients.add(entry.patient)
    if count:
        console.print(table)
    known = len(patients - {None})
    unknown = " and of films without a patient" if None in patients else ""
    console.print(f"{counted(count, 'study')} of {counted(known, 'patient')}{unknown}")


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
