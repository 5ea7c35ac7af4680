"""A PDF of tables and figures: A4, embedded font, selectable text, equal bytes for equal input."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from spinemorph import __version__
from spinemorph.data.files import write_bytes
from spinemorph.evaluate.report.sheets import Sheet

REGULAR: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"
LEFT_ALIGNED: Final = frozenset(
    {
        "Metric",
        "Model",
        "Model 1",
        "Model 2",
        "Measurement",
        "Remark",
        "Test",
        "Readers",
        "Unit",
        "Effect",
    }
)


def write_pdf(
    path: Path,
    title: str,
    subtitle: str,
    sheets: Sequence[Sheet],
    pictures: Sequence[tuple[Path, str]],
) -> None:
    """Write the report; ``pictures`` are (PNG file, caption), kept in order after the tables."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    _register()
    styles = _styles()
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=16 * mm,
        rightMargin=16 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=title,
        author=f"spinemorph {__version__}",
        lang="en",
        invariant=1,
    )
    story: list[Any] = [Paragraph(escape(title), styles["title"])]
    story += [Paragraph(escape(subtitle), styles["note"]), Spacer(0, 4 * mm)]
    for sheet in sheets:
        story += _sheet(sheet, styles, document.width)
    for file, caption in pictures:
        story += _picture(file, caption, styles, document.width, document.height)
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    write_bytes(path, stream.getvalue())


def _register() -> None:
    """The font that comes with matplotlib, found without importing it."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    if REGULAR in pdfmetrics.getRegisteredFontNames():
        return
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise RuntimeError("matplotlib is not installed")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))


def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    cell = ParagraphStyle("cell", fontName=REGULAR, fontSize=6.8, leading=8.4)
    return {
        "title": ParagraphStyle("title", fontName=BOLD, fontSize=15, leading=19),
        "heading": ParagraphStyle(
            "heading", fontName=BOLD, fontSize=9.5, leading=13, spaceBefore=9, spaceAfter=3
        ),
        "note": ParagraphStyle(
            "note", fontName=REGULAR, fontSize=7, leading=9.2, textColor=HexColor("#444444")
        ),
        "left": cell,
        "right": ParagraphStyle("right", parent=cell, alignment=2),
        "head_left": ParagraphStyle("head_left", parent=cell, fontName=BOLD),
        "head_right": ParagraphStyle("head_right", parent=cell, fontName=BOLD, alignment=2),
    }


def _sheet(sheet: Sheet, styles: dict[str, Any], width: float) -> list[Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import CondPageBreak, Paragraph, Table

    sides = ["left" if name in LEFT_ALIGNED else "right" for name in sheet.header]
    widths = _widths(sheet, width)
    cells = [
        [
            Paragraph(escape(name), styles[f"head_{side}"])
            for name, side in zip(sheet.header, sides, strict=True)
        ]
    ]
    cells += [
        [Paragraph(escape(text), styles[side]) for text, side in zip(row, sides, strict=True)]
        for row in sheet.rows
    ]
    table = Table(cells, colWidths=widths, repeatRows=1)
    table.setStyle(
        [
            ("LINEABOVE", (0, 0), (-1, 0), 0.8, HexColor("#222222")),
            ("LINEBELOW", (0, 0), (-1, 0), 0.5, HexColor("#222222")),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, HexColor("#222222")),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [HexColor("#FFFFFF"), HexColor("#F5F7F9")]),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ("TOPPADDING", (0, 0), (-1, -1), 1.4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
        ]
    )
    parts = [CondPageBreak(90), Paragraph(escape(sheet.title), styles["heading"]), table]
    return [*parts, Paragraph(escape(sheet.note), styles["note"])] if sheet.note else parts


def _widths(sheet: Sheet, width: float) -> list[float]:
    """Columns as wide as their content asks, scaled to the page; long remarks wrap."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    wanted = []
    for column, name in enumerate(sheet.header):
        words = max((stringWidth(word, BOLD, 6.8) for word in name.split()), default=0)
        longest = max((stringWidth(row[column], REGULAR, 6.8) for row in sheet.rows), default=0)
        wanted.append(min(max(words, longest), 0.3 * width) + 8)
    scale = width / sum(wanted)
    return [each * min(scale, 1.35) for each in wanted]


def _picture(
    file: Path, caption: str, styles: dict[str, Any], width: float, height: float
) -> list[Any]:
    from PIL import Image as Picture
    from reportlab.platypus import Image, KeepTogether, Paragraph, Spacer

    with Picture.open(file) as picture:
        columns, rows = picture.size
    natural = columns * 72 / 300
    scale = min(width / natural, 0.86 * height / (rows * 72 / 300), 1.0)
    image = Image(str(file), natural * scale, rows * 72 / 300 * scale)
    image.hAlign = "LEFT"
    return [KeepTogether([Spacer(0, 10), image, Paragraph(escape(caption), styles["note"])])]


def _footer(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(REGULAR, 6.5)
    canvas.drawString(document.leftMargin, 26, f"spinemorph {__version__} · research use only")
    right = document.pagesize[0] - document.rightMargin
    canvas.drawRightString(right, 26, f"page {canvas.getPageNumber()}")
    canvas.restoreState()
