"""report.html: the report as one page without any address in it, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from spinemorph.report.catalogue import load_words
from spinemorph.report.content import report_content
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


def drawing(svg: str, alt: str) -> Any:
    """A drawing of this package (SVG markup) as it stands in a page, with its words."""
    from markupsafe import Markup, escape

    opened, tag, rest = svg.partition("<svg ")
    if opened or not tag:
        raise ValueError("not a drawing of this package")
    label = "" if "aria-label=" in rest.partition(">")[0] else f'aria-label="{escape(alt)}" '
    return Markup(f"<svg {label}{rest}")  # noqa: S704  made by spinemorph.report.svg, which escapes


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
