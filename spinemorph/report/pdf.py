"""report.pdf: one page to read in twenty seconds, the next ones to study."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from spinemorph.flags import FLAGS
from spinemorph.report import tables, words
from spinemorph.report.film import draw_film
from spinemorph.report.fonts import BOLD, REGULAR
from spinemorph.report.sheet import GREY, INK, PALE, RED, Sheet, register_fonts
from spinemorph.types import Radiograph, Study

PAGE: Final = (595.28, 841.89)
MARGIN: Final = 30.0
FOOT: Final = MARGIN + 24
FILM_WIDTH: Final = 302.0
GAP: Final = 14.0
#: Relative widths of the columns of the patient line.
PATIENT_WIDTHS: Final = (1.3, 2.1, 1.5, 0.8, 1.1, 1.2)
AMBER: Final = ((1.0, 0.965, 0.88), (0.85, 0.62, 0.15))
ROSE: Final = ((0.995, 0.925, 0.915), RED)


class PdfWriter:
    """Writes the report: A4, text that can be selected, fonts embedded, film under vectors."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """The same study and film give the same bytes."""
        from reportlab.pdfgen.canvas import Canvas

        register_fonts()
        canvas = Canvas(
            str(path), pagesize=PAGE, invariant=1, pageCompression=1, lang=words.LANGUAGE
        )
        canvas.setTitle(f"{words.TITLE}, {study.source.file}")
        canvas.setAuthor("spinemorph")
        canvas.setSubject(words.NOTICE)
        canvas.setCreator(f"spinemorph {study.manifest.get('spinemorph', '')}".strip())
        report = _Report(Sheet(canvas), study, radiograph)
        report.first_page()
        if study.measurements or report.remarks_left:
            report.further_pages()
        canvas.save()


class _Report:
    """One report in the making; ``remarks_left``: how many found no room on the first page."""

    def __init__(self, sheet: Sheet, study: Study, radiograph: Radiograph) -> None:
        self.sheet, self.study, self.radiograph = sheet, study, radiograph
        self.reasons = tables.Reasons()
        self.remarks_left = 0

    def first_page(self) -> None:
        top = self._header()
        draw_film(self.sheet, self.study, self.radiograph, (MARGIN, top, FILM_WIDTH, top - FOOT))
        left = MARGIN + FILM_WIDTH + GAP
        width = PAGE[0] - MARGIN - left
        y = self._stop(left, top, width)
        if any(item.value is not None for item in self.study.measurements):
            y = self._key_values(left, y, width)
            y = self._segments(left, y, width)
        else:
            y = self._nothing(left, y, width)
        y = self._basis(left, y, width)
        valued = any(item.value is not None for item in self.study.measurements)
        notes = [words.MARKS] if valued else []
        notes += self.reasons.explained()
        kept = sum(len(self.sheet.wrapped(note, width, 6.2)) for note in notes) * 8 + 10
        y = self._remarks(left, y, width, FOOT + kept)
        for note in notes:
            y = self.sheet.paragraph(note, left, y, width, 6.2, ink=GREY) - 1
        self._footer()
        self.sheet.canvas.showPage()

    def further_pages(self) -> None:
        study, sheet, width = self.study, self.sheet, PAGE[0] - 2 * MARGIN
        explained = len(self.reasons.codes)
        y = self._running_head()
        for title, grid in (
            (words.BODIES, tables.body_grid(study, self.reasons)),
            (
                words.SEGMENTS_MORE,
                tables.segment_grid(study, words.SEGMENT_COLUMNS_MORE, self.reasons),
            ),
        ):
            if grid.rows and grid.titles:
                y = self._room(y, 40 + 21 * len(grid.rows))
                y = sheet.heading(title, MARGIN, y, width)
                y = sheet.grid(grid, MARGIN, y, width, 48)
        others = tables.other_lines(study, self.reasons)
        sections = [(words.OTHERS, others, 7.2)]
        sections.append((words.MISSING, self.reasons.explained(), 7.0))
        if len(self.reasons.codes) == explained:
            sections.pop()
        if self.remarks_left:
            remarks = [*tables.stop_lines(study), *tables.flag_lines(study)]
            sections.insert(0, (words.FLAGS_ALL, remarks, 7.2))
        sections.append((words.DEFINITIONS, tables.definition_lines(study), 6.5))
        for title, lines, size in sections:
            if lines:
                y = self._columns(title, lines, y, size)
        self._footer()
        sheet.canvas.showPage()

    def _header(self) -> float:
        """Title and patient line; returns the height below."""
        sheet = self.sheet
        y = PAGE[1] - MARGIN - 4
        sheet.text(words.TITLE, MARGIN, y - 8, 14, font=BOLD)
        sheet.text(words.NOTICE, PAGE[0] - MARGIN, y - 8, 7.5, font=BOLD, ink=RED, anchor="right")
        y -= 24
        sheet.canvas.setFillColorRGB(*PALE)
        sheet.canvas.rect(MARGIN, y - 24, PAGE[0] - 2 * MARGIN, 30, stroke=0, fill=1)
        room = (PAGE[0] - 2 * MARGIN - 12) / sum(PATIENT_WIDTHS)
        x = MARGIN + 6
        for (label, value), part in zip(
            tables.patient_values(self.study), PATIENT_WIDTHS, strict=True
        ):
            sheet.text(label, x, y - 3, 6.2, ink=GREY)
            self._patient_value(value, x, y, part * room - 8)
            x += part * room
        return y - 34

    def _patient_value(self, value: str | None, x: float, y: float, width: float) -> None:
        sheet, font = self.sheet, BOLD if value else REGULAR
        text = value or words.UNKNOWN
        if sheet.width(text, 6.4, font) <= width:
            sheet.text(text, x, y - 15, 8.5, font=font, ink=INK if value else GREY, fit=width)
            return
        lines = sheet.wrapped(text, width, 6, font)
        sheet.text(lines[0], x, y - 12, 6, font=font)
        sheet.text(" ".join(lines[1:]), x, y - 20, 6, font=font, fit=width)

    def _stop(self, left: float, y: float, width: float) -> float:
        lines = tables.stop_lines(self.study)
        if not lines:
            return y
        wrapped = [part for line in lines for part in self.sheet.wrapped(line, width - 16, 8)]
        height = 10.4 * len(wrapped) + 22
        self.sheet.box(left, y - height, width, height, *ROSE)
        self.sheet.text(words.STOP, left + 8, y - 13, 9, font=BOLD, ink=RED, fit=width - 16)
        for index, line in enumerate(wrapped):
            self.sheet.text(line, left + 8, y - 25 - 10.4 * index, 8)
        return y - height - 12

    def _key_values(self, left: float, y: float, width: float) -> float:
        sheet, bar = self.sheet, 62.0
        y = sheet.heading(words.KEY_VALUES, left, y, width) - 2
        right = left + width - bar - 14
        for row in tables.key_rows(self.study, self.reasons):
            size, font = (9.2, BOLD) if row.main else (8.4, REGULAR)
            big = 14.0 if row.main else 10.5
            value_width = min(sheet.width(row.cell.text, big, BOLD), 0.5 * (right - left))
            name_width = right - left - value_width - 6
            sheet.text(row.name, left, y, size, font=font, fit=name_width)
            sheet.text(row.cell.text, right, y, big, font=BOLD, anchor="right", fit=value_width)
            if row.cell.mark:
                sheet.text(row.cell.mark, right + 2.5, y + 0.5, 8, ink=RED)
            interval = min(sheet.width(row.interval, 6.4), right - left)
            sheet.text(row.interval, right, y - 9.5, 6.4, ink=GREY, anchor="right")
            sheet.text(row.label, left, y - 9.5, 6.6, ink=INK, fit=right - left - interval - 6)
            self._range_bar(row, left + width - bar, y, bar)
            y -= 30
        return y + 4

    def _range_bar(self, row: tables.KeyRow, left: float, y: float, width: float) -> None:
        """The published range as a band, the value and its interval over it."""
        if row.range is None:
            return
        canvas = self.sheet.canvas
        low, high = row.range.low, row.range.high
        first, last = low - 0.5 * (high - low), high + 0.5 * (high - low)

        def at(value: float) -> float:
            return left + width * float(np.clip((value - first) / (last - first), 0.02, 0.98))

        canvas.setLineCap(0)
        canvas.setStrokeColorRGB(0.75, 0.77, 0.80)
        canvas.setLineWidth(0.6)
        canvas.line(left, y + 3.5, left + width, y + 3.5)
        canvas.setFillColorRGB(0.80, 0.83, 0.87)
        canvas.rect(at(low), y + 0.5, at(high) - at(low), 6, stroke=0, fill=1)
        item = row.measurement
        if item is not None and item.value is not None:
            ink = RED if row.cell.mark else INK
            canvas.setStrokeColorRGB(*ink)
            canvas.setFillColorRGB(*ink)
            canvas.setLineWidth(1.0)
            if item.interval95 is not None:
                canvas.line(at(item.interval95[0]), y + 3.5, at(item.interval95[1]), y + 3.5)
            canvas.circle(at(item.value), y + 3.5, 2.2, stroke=0, fill=1)
        self.sheet.text(
            row.range_text, left + width / 2, y - 9.5, 6.4, ink=GREY, anchor="middle", fit=width
        )

    def _segments(self, left: float, y: float, width: float) -> float:
        columns = tables.segment_columns(self.study)
        grid = tables.segment_grid(self.study, columns, self.reasons)
        if not grid.rows:
            return y
        y = self.sheet.heading(words.SEGMENTS, left, y, width)
        return self.sheet.grid(grid, left, y, width, 40)

    def _nothing(self, left: float, y: float, width: float) -> float:
        y = self.sheet.paragraph(words.NO_FINDINGS, left, y - 10, width, 10, font=BOLD)
        reasons = dict.fromkeys(item.reason for item in self.study.measurements if item.reason)
        stopping = tables.stop_lines(self.study)
        lines = [FLAGS.get(code, code) for code in reasons]
        lines = [line for line in lines if line not in stopping]
        if not lines:
            return y - 8
        y = self.sheet.paragraph(words.NO_FINDINGS_WHY, left, y - 3, width, 8)
        for line in lines:
            y = self.sheet.paragraph(f"\u2022 {line}", left, y - 2, width, 8)
        return y - 8

    def _basis(self, left: float, y: float, width: float) -> float:
        y = self.sheet.heading(words.BASIS, left, y, width) + 1
        for line in tables.basis_lines(self.study):
            y = self.sheet.paragraph(line, left, y, width, 7.6) - 2
        return y - 3

    def _remarks(self, left: float, y: float, width: float, bottom: float) -> float:
        """The quality flags in a box, as many as there is room for above ``bottom``."""
        lines = tables.flag_lines(self.study)
        if not lines and tables.stop_lines(self.study):
            return y
        y = self.sheet.heading(words.FLAGS, left, y, width) + 10
        if not lines:
            return self.sheet.paragraph(words.NO_FLAGS, left, y - 11, width, 7.6) - 6
        size, pitch = 7.6, 9.8
        wrapped = [self.sheet.wrapped(line, width - 20, size) for line in lines]
        fitting = 0
        used = 0.0
        for part in wrapped:
            if y - used - pitch * (len(part) + 1) - 14 < bottom:
                break
            used += pitch * len(part)
            fitting += 1
        self.remarks_left = len(lines) - fitting
        shown = wrapped[:fitting]
        if self.remarks_left:
            shown = [*shown, [words.MORE_FLAGS.format(count=self.remarks_left)]]
        if not shown:
            return y - 8
        height = pitch * sum(len(part) for part in shown) + 8
        self.sheet.box(left, y - height, width, height, *AMBER)
        at = y - 10.5
        for part in shown:
            self.sheet.text("\u2022", left + 6, at, size)
            for text in part:
                self.sheet.text(text, left + 14, at, size)
                at -= pitch
        return y - height - 11

    def _columns(self, title: str, lines: list[str], y: float, size: float) -> float:
        """Lines in two columns under a heading, over as many pages as they need."""
        sheet, width = self.sheet, PAGE[0] - 2 * MARGIN
        column = (width - GAP) / 2
        wrapped = [sheet.wrapped(line, column, size) for line in lines]
        pitch = 1.3 * size
        while wrapped:
            y = self._room(y, 25 + 4 * pitch)
            y = sheet.heading(title, MARGIN, y, width) + 2
            fits = max(int((y - FOOT - 6) / pitch), 1)
            half = -(-sum(map(len, wrapped)) // 2)
            lowest = y
            for x, enough in ((MARGIN, min(half, fits)), (MARGIN + column + GAP, fits)):
                at, used = y, 0
                while wrapped and used < enough and (not used or used + len(wrapped[0]) <= fits):
                    for text in wrapped.pop(0):
                        sheet.text(text, x, at, size, ink=INK if size > 7 else GREY)
                        at -= pitch
                        used += 1
                lowest = min(lowest, at)
            y = self._new_page() if wrapped else lowest - 2
        return y - 6

    def _room(self, y: float, height: float) -> float:
        return y if y - height > FOOT else self._new_page()

    def _new_page(self) -> float:
        self._footer()
        self.sheet.canvas.showPage()
        return self._running_head()

    def _running_head(self) -> float:
        y = PAGE[1] - MARGIN - 8
        source = self.study.source
        who = " \u00b7 ".join(x for x in (source.patient_id, source.study_date, source.file) if x)
        self.sheet.text(words.TITLE, MARGIN, y, 7.5, ink=GREY)
        self.sheet.text(
            who, PAGE[0] - MARGIN, y, 7.5, ink=GREY, anchor="right", fit=PAGE[0] - 2 * MARGIN - 180
        )
        return y - 12

    def _footer(self) -> None:
        sheet, canvas = self.sheet, self.sheet.canvas
        canvas.setStrokeColorRGB(*GREY)
        canvas.setLineWidth(0.3)
        canvas.line(MARGIN, MARGIN + 14, PAGE[0] - MARGIN, MARGIN + 14)
        width = PAGE[0] - 2 * MARGIN
        page = words.PAGE.format(page=canvas.getPageNumber())
        lines = sheet.wrapped(tables.provenance(self.study), width - 40, 6)
        for index, line in enumerate([lines[0], " ".join(lines[1:])]):
            sheet.text(line, MARGIN, MARGIN + 5 - 8 * index, 6, ink=GREY, fit=width - 40)
        sheet.text(page, PAGE[0] - MARGIN, MARGIN + 5, 6.2, ink=GREY, anchor="right")
