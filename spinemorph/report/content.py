"""What a report says, as plain values in one language; how it looks is up to the templates.

The PDF and the HTML page are made from the same content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spinemorph.report import svg, tables
from spinemorph.report.catalogue import Words
from spinemorph.report.film import FilmFigure, film_figure
from spinemorph.report.findings import finding_rows
from spinemorph.report.profile import lordosis_profile
from spinemorph.report.remarks import (
    basis_lines,
    flag_lines,
    patient_values,
    provenance_line,
    provenance_rows,
    stop_lines,
)
from spinemorph.report.segment_pictures import HEIGHT, WIDTH, segment_pictures
from spinemorph.report.tables import Grid, KeyRow
from spinemorph.report.typeset import MARGIN, PAGES
from spinemorph.report.values import Reasons
from spinemorph.types import Radiograph, Study

#: Relative widths of the fields of the patient line.
PATIENT_WIDTHS: Final = (1.3, 2.1, 1.5, 1.0, 1.1, 1.1)
#: Width of the film on the first page in points; heights above and below the film.
FILM_WIDTH: Final = 304.0
HEAD, LEGEND, FOOT = 57.0, 24.0, 24.0
BAR_WIDTH, BAR_HEIGHT = 62.0, 10.0
PROFILE_WIDTH: Final = 260.0


def report_content(
    study: Study, radiograph: Radiograph | None, words: Words, page: str = "a4"
) -> dict[str, Any]:
    """Everything that the report of ``study`` shows; KeyError for a page size that is not known."""
    body = PAGES[page][1] - 2 * MARGIN - HEAD - FOOT
    figure = film_figure(study, radiograph, words, FILM_WIDTH, body - LEGEND)
    reasons = Reasons(words)
    valued = any(item.value is not None for item in study.measurements)
    stopping, remarks = stop_lines(study, words), flag_lines(study, words)
    key = tables.key_rows(study, reasons) if valued else []
    short = tables.segment_grid(study, tables.short_columns(study), reasons, "short_columns")
    notes = [words("marks"), words("small_figures")] if valued else []
    notes += reasons.explained()
    segments = tables.segment_grid(study, tables.SEGMENT_COLUMNS, reasons)
    bodies = tables.body_grid(study, reasons)
    more = tables.segment_grid(study, tables.SEGMENT_COLUMNS_MORE, reasons)
    others = tables.other_rows(study, reasons) if valued else []
    if not valued:
        short, segments, bodies, more = (_none(each) for each in (short, segments, bodies, more))
    pictures = segment_pictures(study, radiograph, words) if segments.rows else {}
    return {
        **frame_content(study, words, page),
        "body_height": body,
        "film": film_content(figure),
        "stop": {"title": words("headings.stop"), "lines": stopping},
        "key": {"title": words("headings.key"), "rows": [_key(row) for row in key]},
        "findings": {
            "title": words("headings.findings"),
            "rows": [
                {"kind": kind, "text": text, "notable": notable}
                for kind, text, notable in (finding_rows(study, words) if valued else ())
            ],
        },
        "short": grid_content(short, "segments", words),
        "remarks": {
            "title": words("headings.flags"),
            "lines": remarks,
            "none": words("flags_box.none") if not stopping else "",
            "more": [words("flags_box.more", count=n + 1) for n in range(len(remarks))],
        },
        "basis": {"title": words("headings.basis"), "lines": basis_lines(study, words)},
        "nothing": None if valued else _nothing(study, words, stopping),
        "notes": notes,
        "segments": {
            **_segments(segments, pictures, words),
            "picture_ratio": WIDTH / HEIGHT,
        },
        "bodies": grid_content(bodies, "bodies", words),
        "more": grid_content(more, "segments_more", words),
        "profile": _profile(study, words),
        "sections": _sections(study, words, reasons, others, [*stopping, *remarks]),
    }


def frame_content(study: Study, words: Words, page: str) -> dict[str, Any]:
    """What stands around every report of one film: titles, patient, page, foot."""
    width, height = PAGES[page]
    source = study.source
    patient = [{"label": label, "value": value} for label, value in patient_values(study, words)]
    running = (source.patient_id, words.date(source.study_date or ""), source.file)
    return {
        "language": words.language,
        "title": words("report.title"),
        "title_of_file": f"{words('report.title')}, {source.file}",
        "notice": words("report.notice"),
        "unknown": words("report.unknown"),
        "patient": patient,
        "patient_widths": list(PATIENT_WIDTHS),
        "page": {"width": width, "height": height, "margin": MARGIN},
        "page_of": words("report.page"),
        "running": " · ".join(part for part in running if part),
        "footer": provenance_line(study, words),
    }


def film_content(figure: FilmFigure) -> dict[str, Any]:
    """A film figure for the templates."""
    return {
        "svg": figure.svg,
        "width": figure.width,
        "height": figure.height,
        "alt": figure.alt,
        "note": figure.note,
        "legend": [list(entry) for entry in figure.legend],
    }


def grid_content(grid: Grid, heading: str, words: Words) -> dict[str, Any]:
    """A table for the templates, under its heading of the catalogue."""
    return {
        "title": words(f"headings.{heading}"),
        "level": words("columns.level"),
        "pictures": False,
        "names": list(grid.names),
        "titles": list(grid.titles),
        "rows": [
            {
                "name": name,
                "cells": [
                    {"text": cell.text, "interval": cell.interval, "mark": cell.mark}
                    for cell in cells
                ],
            }
            for name, cells in grid.rows
        ],
    }


def range_bar(row: KeyRow) -> svg.Drawing | None:
    """The published range as a band, the value and its interval over it, as SVG."""
    if row.range is None:
        return None
    low, high = row.range.low, row.range.high
    first, last = low - 0.5 * (high - low), high + 0.5 * (high - low)
    middle = BAR_HEIGHT / 2

    def at(value: float) -> float:
        return BAR_WIDTH * min(max((value - first) / (last - first), 0.02), 0.98)

    parts = [
        svg.line(0, middle, BAR_WIDTH, middle, 0.6, stroke=svg.BAND),
        svg.element(
            "rect", x=at(low), y=middle - 3, width=at(high) - at(low), height=6, fill=svg.BAND
        ),
    ]
    item = row.measurement
    if item is not None and item.value is not None:
        ink = svg.ALERT if row.cell.mark else svg.INK
        if item.interval95 is not None:
            start, end = (at(value) for value in item.interval95)
            parts.append(svg.line(start, middle, end, middle, 1.1, stroke=ink))
        parts.append(svg.element("circle", cx=at(item.value), cy=middle, r=2.4, fill=ink))
    return svg.document(BAR_WIDTH, BAR_HEIGHT, *parts)


def _key(row: KeyRow) -> dict[str, Any]:
    said = (row.name, row.cell.text, row.interval, row.range_text, row.verdict)
    return {
        "name": row.name,
        "label": row.label,
        "value": row.cell.text,
        "mark": row.cell.mark,
        "interval": row.interval,
        "range": row.range_text,
        "verdict": row.verdict,
        "main": row.main,
        "bar": range_bar(row),
        "bar_alt": "; ".join(part for part in said if part),
    }


def _segments(
    grid: Grid,
    pictures: Mapping[tuple[str, ...], tuple[svg.Drawing, str]],
    words: Words,
) -> dict[str, Any]:
    content = grid_content(grid, "segments", words)
    for row in content["rows"]:
        found = pictures.get(tuple(row["name"].split("/")))
        row["picture"] = None if found is None else {"svg": found[0], "alt": found[1]}
    return {
        **content,
        "pictures": bool(pictures),
        "picture": words("columns.picture"),
        "note": words("segment.note"),
    }


def _profile(study: Study, words: Words) -> dict[str, Any] | None:
    found = lordosis_profile(study, words, PROFILE_WIDTH)
    if found is None:
        return None
    return {
        "title": words("headings.profile"),
        "svg": found[0],
        "alt": found[1],
        "note": words("profile.note"),
    }


def _nothing(study: Study, words: Words, stopping: Sequence[str]) -> dict[str, Any]:
    reasons = dict.fromkeys(item.reason for item in study.measurements if item.reason)
    lines = [words.flag(code) for code in reasons]
    lines = [line for line in lines if line not in stopping]
    title = words("empty.withheld" if study.measurements else "empty.nothing")
    return {"title": title, "why": words("empty.why"), "lines": lines}


def _sections(
    study: Study,
    words: Words,
    reasons: Reasons,
    others: Sequence[tuple[str, str]],
    remarks: Sequence[str],
) -> list[dict[str, Any]]:
    """The last page: what is left, what is missing and why, method, definitions, provenance."""
    segmenter = study.manifest.get("segmenter") or words("report.none")
    method = [
        words("method.find", segmenter=segmenter),
        words("method.interval"),
        words("method.missing"),
        words("method.picture"),
    ]
    definitions = [f"{name}: {text}." for name, text in tables.definition_rows(study, words)]
    sections: list[tuple[str, str, Sequence[Any]]] = [
        ("flags_all", "lines", remarks),
        ("missing", "lines", reasons.explained()),
        ("others", "rows", others),
        ("basis", "lines", basis_lines(study, words)),
        ("method", "lines", method),
        ("definitions", "lines", definitions),
        ("ranges", "lines", tables.range_rows(study, words)),
        ("provenance", "rows", provenance_rows(study, words)),
    ]
    filled = [0, 0]
    shown = []
    for name, kind, body in sections:
        if not body:
            continue
        column = int(filled[1] < filled[0])
        filled[column] += 3 + sum(_lines(item) for item in body)
        shown.append(
            {
                "title": words(f"headings.{name}"),
                "column": column,
                "rows": [list(item) for item in body] if kind == "rows" else [],
                "lines": list(body) if kind == "lines" else [],
            }
        )
    return shown


def _lines(item: str | Sequence[str]) -> int:
    """About how many lines a text or a row takes in half a page."""
    if isinstance(item, str):
        return 1 + len(item) // 75
    return 1 + max(len(item[0]) // 25, len(item[-1]) // 45)


def _none(grid: Grid) -> Grid:
    return Grid(grid.names, grid.titles, ())
