"""Text and tables on a PDF page: sizes that fit, lines that wrap, columns that align."""

from __future__ import annotations

from typing import Any, Final

from spinemorph.report.fonts import BOLD, REGULAR, font_file
from spinemorph.report.tables import Cell, Grid

Ink = tuple[float, float, float]

INK: Final[Ink] = (0.10, 0.12, 0.16)
GREY: Final[Ink] = (0.36, 0.39, 0.44)
PALE: Final[Ink] = (0.94, 0.95, 0.97)
RED: Final[Ink] = (0.72, 0.13, 0.08)
#: Text that does not fit is made smaller down to this part of its size, then wrapped or cut.
LEAST_SIZE: Final = 0.68


def register_fonts() -> None:
    """Make both fonts known to reportlab."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (REGULAR, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(font_file(name))))


class Sheet:
    """A reportlab canvas with the few ways in which the report sets text."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas

    def width(self, text: str, size: float, font: str = REGULAR) -> float:
        from reportlab.pdfbase.pdfmetrics import stringWidth

        return float(stringWidth(text, font, size))

    def text(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        *,
        font: str = REGULAR,
        ink: Ink = INK,
        anchor: str = "left",
        fit: float | None = None,
    ) -> None:
        """One line on the base line ``y``; ``fit``: smaller, then cut, until it is no wider."""
        if fit is not None:
            full = max(self.width(text, size, font), 1e-6)
            size = max(min(size, size * fit / full), LEAST_SIZE * size)
            cut = text
            while len(cut) > 1 and self.width(cut, size, font) > fit + 0.05:
                text = text[:-1].rstrip()
                cut = text + "\u2026"
            text = cut
        self.canvas.setFillColorRGB(*ink)
        self.canvas.setFont(font, size)
        if anchor == "right":
            self.canvas.drawRightString(x, y, text)
        elif anchor == "middle":
            self.canvas.drawCentredString(x, y, text)
        else:
            self.canvas.drawString(x, y, text)

    def wrapped(self, text: str, width: float, size: float, font: str = REGULAR) -> list[str]:
        """``text`` in lines no wider than ``width``; a word that is too long is broken."""
        lines = [""]
        for word in text.split(" "):
            trial = f"{lines[-1]} {word}".strip()
            if self.width(trial, size, font) <= width:
                lines[-1] = trial
                continue
            if lines[-1]:
                lines.append("")
            for letter in word:
                if lines[-1] and self.width(lines[-1] + letter, size, font) > width:
                    lines.append("")
                lines[-1] += letter
        return lines

    def paragraph(
        self,
        text: str,
        x: float,
        y: float,
        width: float,
        size: float,
        *,
        font: str = REGULAR,
        ink: Ink = INK,
    ) -> float:
        """Wrapped text whose first base line is ``y``; returns the next base line."""
        for line in self.wrapped(text, width, size, font):
            self.text(line, x, y, size, font=font, ink=ink)
            y -= 1.28 * size
        return y

    def heading(self, text: str, left: float, y: float, width: float) -> float:
        """A ruled heading below ``y``; returns the base line of what follows."""
        self.text(text, left, y - 9, 9, font=BOLD, fit=width)
        self.canvas.setStrokeColorRGB(*INK)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(left, y - 13, left + width, y - 13)
        return y - 25

    def box(
        self, left: float, bottom: float, width: float, height: float, fill: Ink, edge: Ink
    ) -> None:
        self.canvas.setFillColorRGB(*fill)
        self.canvas.setStrokeColorRGB(*edge)
        self.canvas.setLineWidth(0.7)
        self.canvas.roundRect(left, bottom, width, height, 3, stroke=1, fill=1)

    def grid(self, grid: Grid, left: float, y: float, width: float, first: float) -> float:
        """Right-aligned columns, the interval under its value; returns the base line below."""
        step = (width - first) / max(len(grid.titles), 1)
        for index, title in enumerate(grid.titles):
            right = left + first + (index + 1) * step - 3
            self.text(title, right, y, 6.6, ink=GREY, anchor="right", fit=step - 4)
        tall = any(cell.interval for _, row in grid.rows for cell in row)
        height = 21.0 if tall else 15.0
        y -= 5
        for index, (name, row) in enumerate(grid.rows):
            if index % 2 == 0:
                self.canvas.setFillColorRGB(*PALE)
                self.canvas.rect(left, y - height, width, height, stroke=0, fill=1)
            self.text(name, left + 3, y - height / 2 - 3, 8.4, font=BOLD, fit=first - 3)
            for column, cell in enumerate(row):
                right = left + first + (column + 1) * step - 3
                self._cell(cell, right, y, step - 4, height)
            y -= height
        return y - 10

    def _cell(self, cell: Cell, right: float, y: float, width: float, height: float) -> None:
        base = y - 9.5 if cell.interval else y - height / 2 - 3
        shown = f"{cell.mark} {cell.text}" if cell.mark else cell.text
        ink = RED if cell.mark else INK
        self.text(shown, right, base, 8.6, ink=ink, anchor="right", fit=width)
        if cell.interval:
            self.text(cell.interval, right, y - 17.5, 6.4, ink=GREY, anchor="right", fit=width)
