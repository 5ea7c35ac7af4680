"""The tables of a report as values: key values, motion segments, bodies, and all that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spinemorph.reference import ReferenceRange
from spinemorph.report.catalogue import Words
from spinemorph.report.values import Cell, Reasons, cell, digits, known_range, mark, with_unit
from spinemorph.types import Measurement, Study

#: The main values; those of the pelvis appear where they were measured.
KEY: Final = (
    ("lumbar_lordosis", ("L1", "S1")),
    ("lower_lordosis", ("L4", "S1")),
    ("lordosis_distribution_index", ("L1", "L4", "S1")),
    ("sacral_slope", ("S1",)),
)
PELVIC: Final = ("pelvic_incidence", "pelvic_tilt", "pi_ll_mismatch")
#: Columns of the first page; heights in millimetres, or ratios where there is no scale.
SHORT: Final = (
    "disc_angle",
    "disc_height_anterior",
    "disc_height_middle",
    "disc_height_posterior",
    "slip_percent",
    "slip_grade",
)
SHORT_UNSCALED: Final = (
    "disc_angle",
    "disc_height_index",
    "disc_height_farfan",
    "slip_percent",
    "slip_grade",
)
SEGMENT_COLUMNS: Final = (
    "segmental_lordosis",
    "segmental_lordosis_unit",
    "disc_angle",
    "disc_height_anterior",
    "disc_height_middle",
    "disc_height_posterior",
    "disc_height_index",
    "slip",
    "slip_percent",
    "slip_grade",
)
SEGMENT_COLUMNS_MORE: Final = (
    "disc_height_dabbs",
    "disc_height_farfan",
    "disc_height_frobin",
    "disc_area",
    "disc_narrowing_neighbours",
    "disc_narrowing_reference",
    "displacement_frobin",
)
BODY_COLUMNS: Final = (
    "vertebral_height_anterior",
    "vertebral_height_middle",
    "vertebral_height_posterior",
    "vertebral_depth_superior",
    "vertebral_depth_inferior",
    "height_ratio_wedge",
    "height_ratio_biconcave",
    "height_ratio_crush",
    "vertebral_wedge",
    "height_loss_anterior",
    "height_loss_middle",
    "height_loss_posterior",
    "genant_grade",
    "osteophyte_grade",
)


#: One value a corner: the table of bodies shows the worst, the list all of them.
OSTEOPHYTES: Final = "osteophyte_grade"
#: The reason that the sentence on the scale gives for a whole table.
NO_SCALE: Final = "no_pixel_spacing"


@dataclass(frozen=True)
class KeyRow:
    """One of the main values; ``main``: the first of them all; ``verdict``: the mark in words."""

    name: str
    cell: Cell
    interval: str
    label: str
    main: bool
    measurement: Measurement | None
    range: ReferenceRange | None
    range_text: str
    verdict: str


@dataclass(frozen=True)
class Grid:
    """A table: measures of the columns with their titles, and rows that begin with their name."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def key_rows(study: Study, reasons: Reasons) -> list[KeyRow]:
    """The main values with interval, published range, and a mark where they lie outside."""
    words = reasons.words
    pelvic = [item for name in PELVIC if (item := study.find(name)) and item.value is not None]
    rows = []
    for name, levels in (*KEY, *((item.name, item.levels) for item in pelvic)):
        item = study.find(name)
        known = known_range(name, levels, study)
        shown, interval, label = cell(item, study, reasons), "", ""
        unit = words.unit(item.unit) if item is not None else ""
        if item is not None and item.value is not None:
            sign = mark(item.value, known)
            shown = Cell(with_unit(item.value, item.unit, words), shown.interval, sign)
            if item.interval95 is not None:
                low, high = (words.number(end, 0) for end in item.interval95)
                interval = words("key.interval", low=low, high=high)
            seen = words("key.poorly_seen") if "corner_uncertain" in item.flags else ""
            label = " · ".join(part for part in (words.label(item.label or ""), seen) if part)
        if len(levels) == 2:
            label = " · ".join(part for part in ("\u2013".join(levels), label) if part)
        text = verdict = ""
        if known is not None:
            low, high = words.number(known.low, 0), words.number(known.high, 0)
            text = words("key.range", low=low, high=high, unit=unit)
        if shown.mark and known is not None and item is not None and item.value is not None:
            verdict = words("key.above" if item.value > known.high else "key.below")
        main = name == KEY[0][0]
        rows.append(
            KeyRow(
                words.of("key", name, words.measure(name)),
                shown,
                interval,
                label,
                main,
                item,
                known,
                text,
                verdict,
            )
        )
    return rows


def segments(study: Study) -> list[tuple[str, ...]]:
    """Motion segments with any value, and all lumbar ones, from above downward."""
    valued = {item.levels for item in study.measurements if item.value is not None}
    pairs = dict.fromkeys(item.levels for item in study.measurements if item.name == "disc_angle")
    return [pair for pair in pairs if pair in valued or pair[0].startswith("L")]


def short_columns(study: Study) -> tuple[str, ...]:
    """Columns of the first page."""
    return SHORT_UNSCALED if study.image.spacing is None else SHORT


def segment_grid(
    study: Study, columns: Sequence[str], reasons: Reasons, titles: str = "columns"
) -> Grid:
    """Motion segments in rows; columns that no segment has, or only with a scale, are left out.

    ``titles``: the section of the catalogue that names the columns.
    """
    rows = [("/".join(pair), pair) for pair in segments(study)]
    return _grid(study, rows, columns, reasons, titles)


def body_grid(study: Study, reasons: Reasons) -> Grid:
    """Numbered bodies above the sacrum in rows."""
    levels = [body.level for body in study.vertebrae if body.level and body.level != "S1"]
    return _grid(study, [(level, (level,)) for level in levels], BODY_COLUMNS, reasons, "columns")


def other_rows(study: Study, reasons: Reasons) -> list[tuple[str, str]]:
    """Every measurement that has no place in a table: its name and where, and its values by level.

    Measures of implants and corners have a row for each of them; of osteophytes only the corners
    that have one.
    """
    words = reasons.words
    pelvic = {m.name for m in study.measurements if m.name in PELVIC and m.value is not None}
    placed = {
        *(name for name, _ in KEY),
        *pelvic,
        *SEGMENT_COLUMNS,
        *SEGMENT_COLUMNS_MORE,
        *BODY_COLUMNS,
    }
    bare = {
        (m.levels, m.site) for m in study.measurements if m.name == OSTEOPHYTES and m.value == 0
    }
    rows: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for item in study.measurements:
        if item.name in placed and not (item.site and item.name == OSTEOPHYTES):
            continue
        if item.name.startswith("osteophyte_") and (item.levels, item.site) in bare:
            continue
        site = words.of("sites", item.site, (item.site or "").replace("_", " "))
        where = ", ".join(part for part in (site, item.instance) if part)
        shown = cell(item, study, reasons)
        unit = "" if item.value is None else words.unit(item.unit)
        interval = f" {shown.interval}" if shown.interval else ""
        graded = item.name.endswith("_grade")
        label = f", {words.label(item.label)}" if item.label and not graded else ""
        sign = f" {shown.mark}" if shown.mark else ""
        text = f"{shown.text}{interval}{unit}{label}{sign}"
        name = words.measure(item.name) + (f", {where}" if where else "")
        rows.setdefault((item.name, name), []).append(("/".join(item.levels), text))
    return [(name, _by_level(entries)) for (_, name), entries in rows.items()]


def worst(study: Study, name: str, levels: tuple[str, ...]) -> Measurement | None:
    """The measurement of these levels; of several sites the greatest value, else one without."""
    found = [item for item in study.measurements if item.name == name and item.levels == levels]
    valued = [item for item in found if item.value is not None]
    return max(valued or found, key=lambda item: item.value or 0.0, default=None)


def _by_level(entries: Sequence[tuple[str, str]]) -> str:
    """``L1 3.0; L2 4.0``; levels that say the same share it."""
    levels: dict[str, list[str]] = {}
    for level, text in entries:
        levels.setdefault(text, []).append(level)
    return "; ".join(
        f"{', '.join(filter(None, names))} {text}".strip() for text, names in levels.items()
    )


def definition_rows(study: Study, words: Words) -> list[tuple[str, str]]:
    """Each measurement with its definition, once."""
    seen: dict[str, str] = {}
    for item in study.measurements:
        seen.setdefault(item.name, item.definition)
    return [
        (words.measure(name), words.definition(name, text).rstrip("."))
        for name, text in seen.items()
    ]


def range_rows(study: Study, words: Words) -> list[str]:
    """The published ranges that the report shows, with population and source.

    Levels of one measure from one source share a line.
    """
    groups: dict[tuple[str, str], list[tuple[Measurement, ReferenceRange]]] = {}
    for item in study.measurements:
        known = known_range(item.name, item.levels, study)
        if known is not None:
            groups.setdefault((item.name, known.source), []).append((item, known))
    lines = []
    for (name, source), entries in groups.items():
        places = digits(entries[0][0].unit)
        shown = [
            words(
                "definition.range",
                levels="\u2013".join(item.levels),
                low=words.number(known.low, places),
                high=words.number(known.high, places),
                unit=words.unit(item.unit),
            )
            for item, known in entries
        ]
        population = entries[0][1].population
        if len(entries) > 1:
            population = population.partition(";")[0]
        population = words.of("populations", population, population).rstrip(".")
        ranges = "; ".join(dict.fromkeys(shown))
        lines.append(f"{words.measure(name)}: {ranges}. {population}. {source.rstrip('.')}.")
    return lines


def _grid(
    study: Study,
    rows: Sequence[tuple[str, tuple[str, ...]]],
    columns: Sequence[str],
    reasons: Reasons,
    titles: str,
) -> Grid:
    known = {
        item.name
        for item in study.measurements
        if item.value is not None or item.reason != NO_SCALE
    }
    shown = tuple(name for name in columns if name in known)
    return Grid(
        shown,
        tuple(reasons.words.of(titles, name, reasons.words.measure(name)) for name in shown),
        tuple(
            (title, tuple(cell(worst(study, name, levels), study, reasons) for name in shown))
            for title, levels in rows
        ),
    )
