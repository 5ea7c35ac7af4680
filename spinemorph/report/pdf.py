"""report.pdf: one page to read in twenty seconds, a second one to study."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from spinemorph.report import tables, words
from spinemorph.report.fonts import BOLD, REGULAR, font_file
from spinemorph.report.picture import picture_of
from spinemorph.report.scene import COLOURS, WIDTHS, scene_of
from spinemorph.types import Radiograph, Study

PAGE: Final = (595.28, 841.89)
MARGIN: Final = 30.0
FILM_WIDTH: Final = 288.0
GREY, PALE, RED, INK = (0.42, 0.45, 0.50), (0.94, 0.95, 0.97), (0.75, 0.16, 0.10), (0.10, 0.12, 0.16)


class PdfWriter:
    """Writes the report."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """An A4 PDF; the same study and film give the same bytes."""
        from reportlab.pdfgen.canvas import Canvas

        _register()
        canvas = Canvas(str(path), pagesize=PAGE, invariant=1, pageCompression=1, lang="en")
        canvas.setTitle(f"{words.TITLE} {study.source.file}")
        canvas.setAuthor("spinemorph")
        canvas.setSubject(words.NOTICE)
        canvas.setCreator(f"spinemorph {study.manifest.get('spinemorph', '')}")
        reasons = tables.Reasons()
        _first_page(canvas, study, radiograph, reasons)
        canvas.showPage()
        if study.vertebrae:
            _second_page(canvas, study, reasons)
            canvas.showPage()
        canvas.save()


def _register() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (REGULAR, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(font_file(name))))


def _first_page(canvas: Any, study: Study, radiograph: Radiograph, reasons: tables.Reasons) -> None:
    top = _header(canvas, study)
    bottom = MARGIN + 26
    _film(canvas, study, radiograph, (MARGIN, bottom, FILM_WIDTH, top - bottom))
    left = MARGIN + FILM_WIDTH + 14
    width = PAGE[0] - MARGIN - left
    y = top
    if not study.vertebrae:
        y = _paragraphs(canvas, [words.NO_FINDINGS], left, y - 10, width, size=9.5, font=BOLD)
    else:
        y = _key_table(canvas, study, reasons, left, y, width)
        y = _segment_table(canvas, study, reasons, left, y - 10, width)
    y = _flags(canvas, study, left, y - 6, width, bottom)
    if study.vertebrae:
        y = _paragraphs(canvas, [words.LEGEND], left, y - 2, width, size=6.2, colour=GREY)
        if reasons.codes:
            y = _paragraphs(canvas, reasons.explained(), left, y - 2, width, size=6.2, colour=GREY)
    _footer(canvas, study)


def _basis(study: Study) -> str | None:
    return None if study.image.spacing is None else study.image.spacing.basis


def _header(canvas: Any, study: Study) -> float:
    """Title and patient line; returns the height below it."""
    y = PAGE[1] - MARGIN - 4
    _text(canvas, words.TITLE, MARGIN, y - 8, 14, font=BOLD)
    _text(canvas, words.NOTICE, PAGE[0] - MARGIN, y - 8, 7.5, font=BOLD, colour=RED, anchor="right")
    y -= 24
    canvas.setFillColorRGB(*PALE)
    canvas.rect(MARGIN, y - 22, PAGE[0] - 2 * MARGIN, 28, stroke=0, fill=1)
    parts = [(label, getattr(study.source, key)) for key, label in words.PATIENT.items()]
    step = (PAGE[0] - 2 * MARGIN - 12) / len(parts)
    for i, (label, value) in enumerate(parts):
        x = MARGIN + 6 + i * step
        _text(canvas, label, x, y - 4, 6.2, colour=GREY)
        shown = (value or words.UNKNOWN).strip("^").replace("^", ", ")
        _text(canvas, shown, x, y - 16, 8.5, font=BOLD if value else REGULAR, fit=step - 5)
    return y - 32


def _film(
    canvas: Any, study: Study, radiograph: Radiograph, frame: tuple[float, float, float, float]
) -> None:
    """The film as large as the frame allows, with the scene as vectors over it."""
    from reportlab.lib.utils import ImageReader

    grey = picture_of(radiograph)
    _, code = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 88])
    x, y, width, height = frame
    rows, columns = grey.shape
    size = min(width / columns, height / rows)
    w, h = columns * size, rows * size
    x, top = x + (width - w) / 2, y + height
    canvas.drawImage(ImageReader(BytesIO(code.tobytes())), x, top - h, w, h)
    per = np.array([w / radiograph.columns, h / radiograph.rows])

    def place(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        moved = (points + 0.5) * per
        return np.stack([x + moved[..., 0], top - moved[..., 1]], axis=-1)

    canvas.saveState()
    clip = canvas.beginPath()
    clip.rect(x, top - h, w, h)
    canvas.clipPath(clip, stroke=0)
    canvas.setLineJoin(1)
    canvas.setLineCap(1)
    scene = scene_of(study)
    for casing in (True, False):
        for line in scene.lines:
            path = canvas.beginPath()
            points = place(line.points)
            path.moveTo(*points[0])
            for point in points[1:]:
                path.lineTo(*point)
            if line.closed:
                path.close()
            colour = (0, 0, 0) if casing else COLOURS[line.kind]
            canvas.setStrokeColorRGB(*(c / 255 for c in colour))
            canvas.setLineWidth(WIDTHS[line.kind] + (0.9 if casing else 0))
            canvas.drawPath(path, stroke=1, fill=0)
    for label in scene.labels:
        px, py = place(label.at)
        _haloed(canvas, label.text, px, py, 8.5 if label.kind == "label" else 11, COLOURS[label.kind])
    canvas.restoreState()


def _haloed(
    canvas: Any, text: str, x: float, y: float, size: float, colour: tuple[int, int, int]
) -> None:
    """White or coloured letters with a dark rim, centred."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    left = x - stringWidth(text, BOLD, size) / 2
    canvas.setStrokeColorRGB(0, 0, 0)
    for mode, width in ((1, 1.8), (0, 0)):
        letters = canvas.beginText(left, y - 0.35 * size)
        letters.setFont(BOLD, size)
        letters.setTextRenderMode(mode)
        letters.setFillColorRGB(*(c / 255 for c in colour))
        canvas.setLineWidth(width)
        letters.textOut(text)
        canvas.drawText(letters)


def _key_table(
    canvas: Any, study: Study, reasons: tables.Reasons, left: float, y: float, width: float
) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    y = _title(canvas, words.KEY_VALUES, left, y, width)
    right = left + width - 54
    for row in tables.key_rows(study, reasons):
        size, font = (9.5, BOLD) if row.main else (8.5, REGULAR)
        _text(canvas, row.name, left, y, size, font=font)
        room = right - left - stringWidth(row.name, font, size) - 5
        _text(canvas, row.value, right, y, 12 if row.main else 9.5, font=BOLD, anchor="right", fit=room)
        _text(canvas, row.reference, left + width - 10, y, 7, colour=GREY, anchor="right", fit=42)
        _text(canvas, row.mark, left + width, y, 7, colour=RED, anchor="right")
        y -= 11
        under = f"{row.interval}  {row.label}".strip()
        _text(canvas, under, right, y, 7, colour=GREY, anchor="right", fit=right - left)
        y -= 14.5
    return y


def _segment_table(
    canvas: Any, study: Study, reasons: tables.Reasons, left: float, y: float, width: float
) -> float:
    y = _title(canvas, words.SEGMENTS, left, y, width)
    titles = ["", *(title for title, _ in tables.SEGMENT_COLUMNS)]
    return _grid(canvas, titles, tables.segment_rows(study, reasons), left, y, width, 36)


def _grid(
    canvas: Any,
    titles: list[str],
    rows: list[list[str]],
    left: float,
    y: float,
    width: float,
    first: float,
) -> float:
    """Right-aligned columns under small titles, every other row tinted."""
    step = (width - first) / (len(titles) - 1)
    for i, title in enumerate(titles[1:]):
        _text(canvas, title, left + first + (i + 1) * step, y, 6, colour=GREY, anchor="right")
    y -= 12.5
    for number, row in enumerate(rows):
        if number % 2 == 0:
            canvas.setFillColorRGB(*PALE)
            canvas.rect(left - 2, y - 4, width + 4, 14, stroke=0, fill=1)
        _text(canvas, row[0], left, y, 8, font=BOLD)
        for i, value in enumerate(row[1:]):
            _text(canvas, value, left + first + (i + 1) * step, y, 8, anchor="right", fit=step - 1)
        y -= 14
    return y


def _flags(
    canvas: Any, study: Study, left: float, y: float, width: float, bottom: float
) -> float:
    lines = [words.SCALE[_basis(study)], *tables.flag_lines(study)]
    y = _title(canvas, words.FLAGS, left, y, width)
    room = int((y - bottom - 60) / 9.5)
    wrapped = [_wrapped(f"\u2022 {line}", width - 12, 7.2) for line in lines]
    height = 9.2 * sum(len(part) for part in wrapped[: max(room, 3)]) + 8
    canvas.setFillColorRGB(1.0, 0.965, 0.88)
    canvas.setStrokeColorRGB(0.85, 0.62, 0.15)
    canvas.setLineWidth(0.6)
    canvas.roundRect(left, y - height + 8, width, height, 3, stroke=1, fill=1)
    y -= 2
    for part in wrapped[: max(room, 3)]:
        for text in part:
            _text(canvas, text, left + 6, y, 7.2)
            y -= 9.2
    return y - 6


def _second_page(canvas: Any, study: Study, reasons: tables.Reasons) -> None:
    y = PAGE[1] - MARGIN - 8
    width = PAGE[0] - 2 * MARGIN
    before = len(reasons.codes)
    name = study.source.patient_id or study.source.file
    _text(canvas, name, PAGE[0] - MARGIN, y, 7.5, colour=GREY, anchor="right", fit=width / 2)
    y = _title(canvas, words.BODIES, MARGIN, y, width)
    titles = ["", *(title for title, _ in tables.BODY_COLUMNS)]
    y = _grid(canvas, titles, tables.body_rows(study, reasons), MARGIN, y, width, 44)
    y = _title(canvas, f"{words.SEGMENTS} with 95 % intervals", MARGIN, y - 14, width)
    columns = (("disc angle \u00b0", "disc_angle"), ("segmental lordosis \u00b0", "segmental_lordosis"), ("mid. height mm", "disc_height_middle"), ("slip mm", "slip"), ("slip %", "slip_percent"))
    rows = []
    for pair in tables.segments(study):
        values = [tables.shown(study.find(key, pair), reasons, interval=True) for _, key in columns]
        graded = study.find("slip_grade", pair)
        grade = graded.label if graded is not None and graded.label else words.NONE
        rows.append([f"{pair[0]}/{pair[1]}", *values, grade])
    y = _grid(canvas, ["", *(title for title, _ in columns), "grade"], rows, MARGIN, y, width, 44)
    if len(reasons.codes) > before or reasons.codes:
        y = _title(canvas, words.MISSING, MARGIN, y - 12, width)
        y = _paragraphs(canvas, reasons.explained(), MARGIN, y, width, size=7)
    y = _title(canvas, words.DEFINITIONS, MARGIN, y - 10, width)
    _paragraphs(canvas, tables.definition_lines(study), MARGIN, y, width, size=6.5, colour=GREY)
    _footer(canvas, study)


def _footer(canvas: Any, study: Study) -> None:
    facts = study.manifest
    weights = str(facts.get("weights_sha256") or "")[:12] or words.NONE
    line = (
        f"spinemorph {facts.get('spinemorph', '')} \u00b7 segmenter {facts.get('segmenter', '')} "
        f"\u00b7 weights {weights} \u00b7 analysed {facts.get('analyzed_at', '')} "
        f"\u00b7 film {study.source.file} (sha256 {study.source.sha256[:12]})"
    )
    canvas.setStrokeColorRGB(*GREY)
    canvas.setLineWidth(0.3)
    canvas.line(MARGIN, MARGIN + 14, PAGE[0] - MARGIN, MARGIN + 14)
    _text(canvas, line, MARGIN, MARGIN + 4, 6.2, colour=GREY, fit=PAGE[0] - 2 * MARGIN - 40)
    _text(canvas, f"{canvas.getPageNumber()}", PAGE[0] - MARGIN, MARGIN + 4, 6.2, colour=GREY, anchor="right")


def _title(canvas: Any, text: str, left: float, y: float, width: float) -> float:
    _text(canvas, text, left, y - 8, 9, font=BOLD)
    canvas.setStrokeColorRGB(*INK)
    canvas.setLineWidth(0.6)
    canvas.line(left, y - 12, left + width, y - 12)
    return y - 24


def _text(
    canvas: Any,
    text: str,
    x: float,
    y: float,
    size: float,
    *,
    font: str = REGULAR,
    colour: tuple[float, float, float] = INK,
    anchor: str = "left",
    fit: float | None = None,
) -> None:
    """One line; ``fit``: make it smaller, then cut it, until it is no wider."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    if fit is not None:
        size = max(min(size, size * fit / max(stringWidth(text, font, size), 1e-6)), 0.62 * size)
        while len(text) > 1 and stringWidth(text, font, size) > fit:
            text = text[:-2].rstrip() + "\u2026"
    canvas.setFillColorRGB(*colour)
    canvas.setFont(font, size)
    if anchor == "right":
        canvas.drawRightString(x, y, text)
    else:
        canvas.drawString(x, y, text)


def _wrapped(text: str, width: float, size: float) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return list(simpleSplit(text, REGULAR, size, width))


def _paragraphs(
    canvas: Any,
    lines: list[str],
    left: float,
    y: float,
    width: float,
    *,
    size: float,
    font: str = REGULAR,
    colour: tuple[float, float, float] = INK,
) -> float:
    for line in lines:
        for part in _wrapped(line, width, size):
            if y < MARGIN + 20:
                return y
            _text(canvas, part, left, y, size, font=font, colour=colour)
            y -= size * 1.28
    return y
