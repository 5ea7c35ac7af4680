"""A table before it is Markdown, CSV or PDF."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """A titled table of text cells with a note under it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown(title: str, sheets: Sequence[Sheet]) -> str:
    """All sheets as one Markdown text."""
    parts = [f"# {title}\n"]
    for sheet in sheets:
        lines = [f"## {sheet.title}\n", _line(sheet.header), _line(["---"] * len(sheet.header))]
        lines += [_line(row) for row in sheet.rows]
        parts.append("\n".join(lines) + "\n" + (f"\n{sheet.note}\n" if sheet.note else ""))
    return "\n".join(parts)


def flat_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV without loss: numbers in full, what is missing is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return stream.getvalue()


def figure(value: float | None, digits: int = 4) -> str:
    """A number for reading; a dash where there is none."""
    if value is None:
        return "–"
    if value and abs(value) < 10.0**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def interval(value: tuple[float, float] | None, digits: int = 4) -> str:
    """Two numbers for reading."""
    if value is None:
        return "–"
    return f"{value[0]:.{digits}f} to {value[1]:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
