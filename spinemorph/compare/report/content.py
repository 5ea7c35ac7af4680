"""What the report of a comparison says, as plain values in one language; templates lay it out."""

from __future__ import annotations

from typing import Any, Final

from spinemorph import __version__
from spinemorph.compare.comparable import FORBIDS
from spinemorph.compare.limits import Published, published_limit
from spinemorph.compare.report.pictures import (
    Picture,
    blink_pictures,
    film_title,
    films_picture,
    overlay_picture,
)
from spinemorph.compare.report.plots import plots
from spinemorph.compare.report.rows import (
    adjacent_lines,
    change_row,
    events,
    key_changes,
    one_sided,
    table_rows,
)
from spinemorph.compare.summary import summary_of
from spinemorph.compare.types import Check, Comparison
from spinemorph.report.catalogue import Words
from spinemorph.report.remarks import read_name
from spinemorph.report.typeset import MARGIN, PAGES
from spinemorph.report.values import Reasons, digits

#: Checks that put the whole comparison in doubt.
STOPPING: Final = (
    "patient_id_differs",
    "birth_date_differs",
    "same_film",
    "numbering_disagrees",
    "numbering_withheld",
    "not_numbered",
)
OVERRIDES: Final = ("patient_id_differs", "birth_date_differs")
FILMS_HEIGHT, OVERLAY_HEIGHT = 300.0, 330.0
PLOT: Final = (255.0, 120.0)
_PATIENT: Final = ("patient_id", "patient_name", "birth_date", "sex", "dates", "surgery")
_WIDTHS: Final = (1.2, 1.6, 1.1, 0.8, 2.4, 1.5)


def comparison_content(comparison: Comparison, words: Words, page: str = "a4") -> dict[str, Any]:
    """Everything that the report of ``comparison`` shows; KeyError for a page size that is not known."""
    width, height = PAGES[page]
    room = width - 2 * MARGIN
    last = len(comparison.films) - 1
    reasons = Reasons(words)
    key, more = key_changes(comparison)
    tables = [_table(comparison, film, reasons) for film in range(last, 0, -1)]
    override = _override(comparison, words)
    title = words("comparison.title")
    footer = f"spinemorph {__version__} · {words('report.notice')}"
    overlays = [
        found
        for film in _films_shown(comparison)[1:]
        if (found := overlay_picture(comparison, film, words, room / 2 - 6, OVERLAY_HEIGHT))
    ]
    blink = blink_pictures(comparison, last, words, room / 2 - 6, OVERLAY_HEIGHT)
    said = (*STOPPING, "rescaled_by_bodies")  # scales have a line of their own
    checks = [check for check in comparison.checks if check.code not in said]
    return {
        "language": words.language,
        "title": title,
        "title_of_file": f"{title}, {comparison.studies[0].source.patient_id or ''}".rstrip(", "),
        "notice": override or words("report.notice"),
        "unknown": words("report.unknown"),
        "patient": _patient(comparison, words),
        "patient_widths": list(_WIDTHS),
        "page": {"width": width, "height": height, "margin": MARGIN},
        "page_of": words("report.page"),
        "running": override or _running(comparison, words),
        "footer": f"{override} {footer}" if override else footer,
        "summary": {
            "title": words("comparison.headings.summary"),
            "lines": list(summary_of(comparison, words)),
        },
        "stop": {
            "title": words("comparison.headings.stop"),
            "lines": [
                _check(comparison, check, words)
                for check in comparison.checks
                if check.code in STOPPING
            ],
        },
        "films": _picture(
            films_picture(comparison, words, room, FILMS_HEIGHT, _films_shown(comparison))
        ),
        "columns": dict(words.section("comparison.columns")),
        "key": {
            "title": f"{words('comparison.headings.key')}: {_against(comparison, last, words)}",
            "rows": [change_row(comparison, row, reasons) for row in key],
            "more": words("comparison.more", count=more) if more else "",
            "none": ""
            if any(row.verdict == "changed" for row in key)
            else words("comparison.none_changed"),
        },
        "implants": {
            "title": words("comparison.headings.implants"),
            "lines": [
                *events(comparison, words),
                *adjacent_lines(comparison, words),
                *_surgery(comparison, words),
            ],
        },
        "checks": {
            "title": words("comparison.headings.checks"),
            "lines": [_check(comparison, check, words) for check in checks]
            + _rescaled(comparison, words)
            or [words("comparison.no_checks")],
        },
        "overlay": {
            "title": words("comparison.headings.overlay"),
            "pictures": [_picture(found) for found in overlays],
        },
        "blink": None
        if blink is None
        else {
            "title": words("comparison.headings.blink"),
            "note": words("comparison.blink_note"),
            "pictures": [_picture(found) for found in blink],
        },
        "plots": {
            "title": words("comparison.headings.over_time"),
            "pictures": [_picture(found) for found in plots(comparison, words, *PLOT)],
            "note": words("comparison.plot_note"),
        },
        "tables": tables,
        "table_note": words("comparison.table_note"),
        "other_films": words("comparison.other_films") if last > 1 else "",
        "forbidden": {
            "title": words("comparison.headings.forbidden"),
            "lines": reasons.explained(),
        },
        "method": {
            "title": words("comparison.headings.method"),
            "lines": [
                line.replace("{alpha}", f"{100 * comparison.options.alpha:g} %")
                for line in words.section("comparison.method")
            ],
        },
        "limits": {
            "title": words("comparison.headings.limits"),
            "lines": _limits(comparison, words),
        },
        "provenance": {
            "title": words("comparison.headings.provenance"),
            "header": [
                words(f"comparison.columns.{name}")
                for name in ("film", "date", "position", "scale", "file")
            ],
            "rows": [_provenance(comparison, film, words) for film in range(last + 1)],
        },
    }


def _table(comparison: Comparison, film: int, reasons: Reasons) -> dict[str, Any]:
    """Everything of the last film; of the others what is primary or changed."""
    words = reasons.words
    full = film == len(comparison.films) - 1
    heading = words(f"comparison.headings.{'table' if full else 'short'}")
    places = one_sided(comparison, film)
    return {
        "title": f"{heading}: {_against(comparison, film, words)}",
        "rows": table_rows(comparison, film, reasons, short=not full),
        "note": words("comparison.one_sided", places=places) if places else "",
    }


def _films_shown(comparison: Comparison) -> tuple[int, ...]:
    """Up to four films: the first, the last, and those nearest to surgery between them."""
    count = len(comparison.films)
    if count <= 4:
        return tuple(range(count))
    first = next((event.film for event in comparison.events if event.kind == "appeared"), 1)
    middle = (first + count - 1) // 2
    return tuple(sorted({0, first, middle, count - 1}))


def _against(comparison: Comparison, film: int, words: Words) -> str:
    return f"{film_title(comparison, film, words)} – {film_title(comparison, 0, words)}"


def _patient(comparison: Comparison, words: Words) -> list[dict[str, Any]]:
    source = comparison.studies[0].source
    surgery = comparison.surgery
    dates = [film.date for film in comparison.films]
    values = {
        "patient_id": source.patient_id,
        "patient_name": read_name(source.patient_name),
        "birth_date": words.date(source.birth_date) if source.birth_date else None,
        "sex": words.of("sex", source.sex, source.sex) if source.sex else None,
        "dates": ", ".join(words.date(date) for date in dates if date) or None,
        "surgery": words.date(surgery.date) if surgery is not None else None,
    }
    return [
        {"label": words(f"comparison.patient.{name}"), "value": values[name]} for name in _PATIENT
    ]


def _running(comparison: Comparison, words: Words) -> str:
    source = comparison.studies[0].source
    dates = [words.date(film.date) for film in comparison.films if film.date]
    return " · ".join(part for part in (source.patient_id, *dates[:1], *dates[1:][-1:]) if part)


def _override(comparison: Comparison, words: Words) -> str:
    codes = [check.code for check in comparison.checks if check.code in OVERRIDES]
    if not codes:
        return ""
    what = " + ".join(words(f"comparison.override_{code}") for code in codes)
    return words("comparison.override", what=what)


def _check(comparison: Comparison, check: Check, words: Words) -> str:
    """A check in plain words, with what was found, the films, and what it forbids."""
    titles = [film_title(comparison, film, words) for film in check.films]
    everyone = len(check.films) == len(comparison.films)
    films = "" if everyone else words("comparison.check_films", films=", ".join(titles))
    detail = f" {check.detail}." if check.detail else ""
    text = words("comparison.check", words=words.flag(check.code), detail=detail, films=films)
    forbids = FORBIDS.get(check.code)
    if forbids is not None:
        text = f"{text.strip()} {words(f'comparison.check_forbids.{forbids}')}"
    return text.strip()


def _rescaled(comparison: Comparison, words: Words) -> list[str]:
    return [
        words(
            "comparison.rescaled",
            film=film_title(comparison, scale.film, words),
            levels=", ".join(scale.levels),
            factor=words.number(scale.factor, 3),
            error=words.number(100 * scale.error, 1),
        )
        for scale in comparison.scales
        if scale.basis == "bodies"
    ]


def _surgery(comparison: Comparison, words: Words) -> list[str]:
    surgery = comparison.surgery
    if surgery is None:
        return []
    return [words(f"comparison.surgery_{surgery.basis}", date=words.date(surgery.date))]


def _limits(comparison: Comparison, words: Words) -> list[str]:
    units = {change.name: change.unit for change in comparison.changes}
    named: dict[tuple[Published, str], list[str]] = {}
    for name, unit in units.items():
        known = published_limit(name)
        if known is not None:
            named.setdefault((known, unit), []).append(words.measure(name))
    return [
        words(
            "comparison.limits",
            name=" · ".join(names),
            value=words.number(known.value, digits(unit)),
            unit=words.unit(unit),
            source=f"{known.source}, {known.derived}",
        )
        for (known, unit), names in named.items()
    ]


def _provenance(comparison: Comparison, film: int, words: Words) -> list[str]:
    study = comparison.studies[film]
    spacing = study.image.spacing
    scale = words("scale.none" if spacing is None else f"scale.{spacing.basis}")
    weights = str(study.manifest.get("weights_sha256") or "")[:12]
    made_by = f"spinemorph {study.manifest.get('spinemorph') or '?'}"
    return [
        words("comparison.film", number=film + 1),
        film_title(comparison, film, words),
        study.source.body_position or words("report.unknown"),
        scale,
        f"{study.source.file} (SHA-256 {study.source.sha256[:12]}; {made_by}, {weights})",
    ]


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "svg": picture.svg,
        "width": picture.width,
        "height": picture.height,
        "alt": picture.alt,
        "note": picture.note,
        "legend": [list(entry) for entry in picture.legend],
    }
