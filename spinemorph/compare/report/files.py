"""The files of a comparison; each appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from spinemorph.compare.documents import changes_csv, comparison_json
from spinemorph.compare.report.words import comparison_words
from spinemorph.compare.types import Comparison
from spinemorph.errors import ReportError, UsageError
from spinemorph.report.typeset import PAGES

#: Word for ``--formats`` -> file.
FORMATS: Final = {
    "pdf": "comparison.pdf",
    "html": "comparison.html",
    "json": "comparison.json",
    "csv": "changes.csv",
}


def write_comparison(
    comparison: Comparison,
    folder: Path,
    formats: Sequence[str] = tuple(FORMATS),
    *,
    language: str = "en",
    page: str = "a4",
) -> list[Path]:
    """Write the files of ``formats`` into ``folder``.

    UsageError for a format, language or page size that is not known; ReportError where the folder
    cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"no format {unknown[0]!r}; known: {', '.join(FORMATS)}")
    if page not in PAGES:
        raise UsageError(f"no page size {page!r}; known: {', '.join(PAGES)}")
    words = comparison_words(language)
    content: dict[str, Any] = {}
    if {"pdf", "html"} & set(formats):
        from spinemorph.compare.report.content import comparison_content

        content = comparison_content(comparison, words, page)
    makers: dict[str, Callable[[], bytes]] = {
        "pdf": lambda: _pdf(content),
        "html": lambda: _html(content),
        "json": lambda: comparison_json(comparison).encode("utf-8"),
        "csv": lambda: changes_csv(comparison).encode("utf-8"),
    }
    return _moved(folder, {FORMATS[name]: makers[name]() for name in formats})


def _pdf(content: dict[str, Any]) -> bytes:
    from spinemorph.report.typeset import typeset

    return typeset("comparison.typ", content)


def _html(content: dict[str, Any]) -> bytes:
    from spinemorph.report.html import page

    return page("comparison.html.j2", content).encode("utf-8")


def _moved(folder: Path, files: dict[str, bytes]) -> list[Path]:
    if folder.is_symlink():
        raise ReportError(f"{folder}: is a link; results are not written through links")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".comparison.", suffix=".part", dir=folder))
    except OSError as fault:
        raise ReportError(f"{folder}: cannot be written: {fault.strerror}") from fault
    try:
        for name, content in files.items():
            (part / name).write_bytes(content)
        for name in files:
            (part / name).replace(folder / name)
    except OSError as fault:
        raise ReportError(f"{folder}: cannot be written: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [folder / name for name in files]
