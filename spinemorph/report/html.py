"""report.html: the report as one page without any address in it, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from spinemorph.report.catalogue import load_words
from spinemorph.report.content import report_content
from spinemorph.report.svg import Drawing
from spinemorph.report.typeset import TEMPLATES, cleaned
from spinemorph.types import Radiograph, Study


class HtmlWriter:
    """Writes the same content as the PDF; ``language``: as of the PDF."""

    def __init__(self, language: str = "en") -> None:
        self.words = load_words(language)

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """The same study and film give the same bytes."""
        content = report_content(study, radiograph, self.words)
        path.write_text(page("report.html.j2", content), encoding="utf-8", newline="\n")


def page(template: str, content: Mapping[str, Any], *, templates: Path | None = None) -> str:
    """The HTML of ``template`` (a file of ``templates``, else of this package) with ``content``.

    Every text is escaped; only drawings made here are markup.
    """
    environment = _environment(templates or TEMPLATES)
    return environment.get_template(template).render(
        **cleaned(content), style=_style(), drawing=drawing
    )


def drawing(markup: Drawing, alt: str) -> Any:
    """A drawing of this package as it stands in a page, with its words; TypeError for other text."""
    from markupsafe import Markup, escape

    if not isinstance(markup, Drawing):
        raise TypeError("only a drawing of this package is markup")
    if "aria-label=" in markup.partition(">")[0]:
        return Markup(markup)  # noqa: S704  made by spinemorph.report.svg, which escapes
    label = f'<svg aria-label="{escape(alt)}" '
    return Markup(markup.replace("<svg ", label, 1))  # noqa: S704  the same


@lru_cache(maxsize=4)
def _environment(templates: Path) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([str(templates), str(TEMPLATES)]),
        autoescape=True,
        undefined=StrictUndefined,
    )


@lru_cache(maxsize=1)
def _style() -> Any:
    from markupsafe import Markup

    return Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704  our own file
