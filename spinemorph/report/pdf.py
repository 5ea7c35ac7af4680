"""report.pdf: one page to read in twenty seconds, the next ones to study."""

from __future__ import annotations

from pathlib import Path

from spinemorph.errors import UsageError
from spinemorph.report.catalogue import load_words
from spinemorph.report.content import report_content
from spinemorph.report.typeset import PAGES, typeset
from spinemorph.types import Radiograph, Study


class PdfWriter:
    """Writes the report: tagged, text that can be selected, fonts embedded, film under vectors.

    ``language``: of :data:`spinemorph.report.catalogue.LANGUAGES`; ``page``: ``a4`` or ``letter``;
    UsageError names the known ones where it is another.
    """

    def __init__(self, language: str = "en", page: str = "a4") -> None:
        self.words = load_words(language)
        if page not in PAGES:
            raise UsageError(f"no page size {page!r}; known: {', '.join(PAGES)}")
        self.page = page

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """The same study and film give the same bytes."""
        content = report_content(study, radiograph, self.words, self.page)
        made_at = study.manifest.get("analyzed_at")
        path.write_bytes(typeset("report.typ", content, made_at=str(made_at or "")))
