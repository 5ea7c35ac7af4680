"""A PDF of tables and figures: A4, embedded fonts, selectable text, equal bytes for equal input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spinemorph import __version__
from spinemorph.data.files import write_bytes
from spinemorph.evaluate.report.sheets import Sheet
from spinemorph.report import svg
from spinemorph.report.catalogue import load_words
from spinemorph.report.fonts import BOLD, REGULAR
from spinemorph.report.typeset import MARGIN, PAGES, typeset

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
SIZE: Final = 6.8
#: Dots an inch of the figures.
DENSITY: Final = 300
#: Highest picture as part of the page.
TALLEST: Final = 0.8


def write_pdf(
    path: Path,
    title: str,
    subtitle: str,
    sheets: Sequence[Sheet],
    pictures: Sequence[tuple[Path, str]],
) -> None:
    """Write the report; ``pictures`` are (PNG file, caption), kept in order after the tables."""
    words = load_words("en")
    width, height = PAGES["a4"]
    room = width - 2 * MARGIN
    content = {
        "language": "en",
        "title": title,
        "title_of_file": title,
        "notice": words("report.notice"),
        "page": {"width": width, "height": height, "margin": MARGIN},
        "page_of": words("report.page"),
        "running": "",
        "footer": f"spinemorph {__version__} · {words('report.notice')}",
        "subtitle": subtitle,
        "sheets": [_sheet(sheet, room) for sheet in sheets],
        "pictures": [_picture(file, caption, room, TALLEST * height) for file, caption in pictures],
    }
    write_bytes(path, typeset("sheets.typ", content))


def _sheet(sheet: Sheet, room: float) -> dict[str, Any]:
    return {
        "title": sheet.title,
        "note": sheet.note,
        "header": list(sheet.header),
        "sides": ["left" if name in LEFT_ALIGNED else "right" for name in sheet.header],
        "widths": _widths(sheet, room),
        "rows": [list(row) for row in sheet.rows],
    }


def _widths(sheet: Sheet, room: float) -> list[float]:
    """Columns as wide as their content asks; long remarks wrap."""
    wanted = []
    for column, name in enumerate(sheet.header):
        words = max((svg.text_width(word, SIZE, BOLD) for word in name.split()), default=0)
        cells = (svg.text_width(row[column], SIZE, REGULAR) for row in sheet.rows)
        wanted.append(min(max(words, max(cells, default=0)), 0.3 * room) + 8)
    return wanted


def _picture(file: Path, caption: str, room: float, tallest: float) -> dict[str, Any]:
    from PIL import Image

    with Image.open(file) as picture:
        columns, rows = picture.size
    width, height = columns * 72 / DENSITY, rows * 72 / DENSITY
    scale = min(room / width, tallest / height, 1.0)
    shown = svg.element("image", href=svg.png(file.read_bytes()), width=width, height=height)
    return {
        "svg": svg.document(width, height, shown),
        "caption": caption,
        "width": width * scale,
    }
