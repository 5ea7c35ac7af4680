"""PDF by typst: a template of this folder and data for it, as bytes.

Data reaches a template as JSON, never as markup: whatever a patient is called, it stays text.
The PDF is tagged (PDF/UA-1), its fonts are embedded, and the same data give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from spinemorph.errors import ReportError
from spinemorph.report.fonts import FAMILIES, font_folders, printable
from spinemorph.report.svg import Drawing

TEMPLATES: Final = Path(__file__).with_name("templates")
#: Width and height in points, and the margin that any printer leaves.
PAGES: Final = {"a4": (595.28, 841.89), "letter": (612.0, 792.0)}
MARGIN: Final = 30.0
STANDARD: Final = "ua-1"
#: Documents after which typst forgets what an earlier one was made of, and after how many it is made to:
#: what it remembers of the templates makes the next one faster, and of the films it fills the memory.
REMEMBERED: Final = 11
TOGETHER: Final = 4
_documents = itertools.count(1)
#: Longest text, in characters.
LONGEST: Final = 5000


def typeset(
    template: str,
    data: Mapping[str, Any],
    *,
    made_at: str | None = None,
    templates: Path = TEMPLATES,
) -> bytes:
    """The PDF of ``template`` (a file of ``templates``) filled with ``data`` (plain JSON values).

    ``made_at``: ISO date and time that the PDF says it was made; without one it says 1970, so that
    the bytes depend on nothing but the arguments. ReportError where typst refuses.
    """
    import typst

    drawings: dict[str, str] = {}
    content = _apart(cleaned({**data, "fonts": list(FAMILIES)}), drawings)
    inputs = {"data": json.dumps(content, ensure_ascii=False), **drawings}
    try:
        document = typst.compile(
            str(templates / template),
            root=str(templates),
            font_paths=_fonts(),
            sys_inputs=inputs,
            pdf_standards=STANDARD,
            timestamp=timestamp(made_at),
            format="pdf",
        )
    except typst.TypstError as fault:
        raise ReportError(f"{template}: {fault.message}") from fault
    except BaseException as fault:
        # A panic of the typesetter is no Exception to Python, and must not stop a batch.
        if type(fault).__name__ != "PanicException":
            raise
        raise ReportError(f"{template}: the typesetter failed: {fault}") from fault
    if next(_documents) % TOGETHER == 0:
        _let_go()
    return document


def _let_go() -> None:
    """Typst remembers what its latest documents were made of, films too, until some others were made."""
    import typst

    for _ in range(REMEMBERED):
        typst.compile(b"", font_paths=_fonts(), format="svg")


def cleaned(value: Any) -> Any:
    """``value`` with every text made printable, and cut where no report could want more of it."""
    if isinstance(value, Drawing):
        return value
    if isinstance(value, str):
        text = printable(value)
        return text if len(text) <= LONGEST else text[:LONGEST] + "…"
    if isinstance(value, dict):
        return {key: cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value


def _apart(value: Any, drawings: dict[str, str]) -> Any:
    """``value`` with every drawing replaced by its key in ``drawings``.

    Typst hashes data whenever it remembers a result; drawings of half a megabyte would cost most
    of its time.
    """
    if isinstance(value, Drawing):
        key = f"drawing-{len(drawings)}"
        drawings[key] = value
        return key
    if isinstance(value, dict):
        return {key: _apart(item, drawings) for key, item in value.items()}
    if isinstance(value, list):
        return [_apart(item, drawings) for item in value]
    return value


def timestamp(made_at: str | None) -> int:
    """Seconds since 1970 of an ISO date and time (UTC where it names no zone); 0 without one."""
    try:
        moment = dt.datetime.fromisoformat(made_at or "")
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(int(moment.timestamp()), 0)


@lru_cache(maxsize=1)
def _fonts() -> Any:
    """All fonts, read once a process; none of the machine's own, so that all make the same PDF."""
    import typst

    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(folder) for folder in font_folders()],
    )
