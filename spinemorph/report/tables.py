"""The rows of the report's tables, as text; what is missing is a dash with a numbered reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from spinemorph.flags import FLAGS
from spinemorph.reference import ReferenceRange, reference_range
from spinemorph.report import words
from spinemorph.types import Measurement, Study

KEY: Final = (
    ("lumbar_lordosis", ("L1", "S1")),
    ("lower_lordosis", ("L4", "S1")),
    ("lordosis_distribution_index", ("L1", "L4", "S1")),
    ("sacral_slope", ("S1",)),
)
#: Said by the sentence on the scale already.
SAID_BY_SCALE: Final = frozenset(
    {"no_pixel_spacing", "detector_scale", "unknown_scale", "estimated_scale"}
)
#: Flags that put every value in doubt; they come first, and in red.
STOPPING: Final = frozenset(
    {
        "facing_disagrees",
        "facing_unknown",
        "gap_in_column",
        "no_bodies",
        "no_sacrum",
        "not_lateral_lumbar",
        "numbering_uncertain",
        "possible_four_lumbar",
        "possible_l6",
        "several_sacra",
    }
)


@dataclass
class Reasons:
    """Collects reasons for missing values and gives each its number, in order of appearance."""

    codes: list[str] = field(default_factory=list)

    def mark(self, code: str) -> str:
        if code not in self.codes:
            self.codes.append(code)
        return f"{words.NONE} ({self.codes.index(code) + 1})"

    def explained(self, since: int = 0) -> list[str]:
        """The reasons from number ``since`` on, each with its number."""
        return [f"({i + 1}) {FLAGS.get(code, code)}" for i, code in enumerate(self.codes)][since:]


@dataclass(frozen=True)
class Cell:
    """A value as text, its interval in short (``± 2.1``), and a mark where outside a range."""

    text: str
    interval: str = ""
    mark: str = ""


@dataclass(frozen=True)
class KeyRow:
    """One of the main values; ``main``: the first of them all."""

    name: str
    cell: Cell
    interval: str
    label: str
    main: bool
    measurement: Measurement | None
    range: ReferenceRange | None
    range_text: str


@dataclass(frozen=True)
class Grid:
    """A table: titles of the columns, and rows that begin with their name."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def number(value: float, digits: int) -> str:
    """Rounded, with a real minus sign and no minus zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\u2212")


def cell(item: Measurement | None, reasons: Reasons, sex: str | None = None) -> Cell:
    """Angles, lengths and percent to one decimal, ratios to two; a class stands for its number."""
    if item is None:
        return Cell(words.NONE)
    if item.value is None:
        return Cell(reasons.mark(item.reason or ""))
    if item.name.endswith("_grade") and item.label:
        return Cell(item.label)
    digits = 2 if item.unit == "1" else 1
    return Cell(
        number(item.value, digits),
        _short(item, digits),
        mark(item.value, reference_range(item.name, item.levels, sex)),
    )


def mark(value: float, known: ReferenceRange | None) -> str:
    """Up or down where ``value`` lies outside ``known``."""
    if known is None or known.low <= value <= known.high:
        return ""
    return words.HIGH if value > known.high else words.LOW


def key_rows(study: Study, reasons: Reasons) -> list[KeyRow]:
    """The main values with interval, published range, and a mark where they lie outside."""
    rows = []
    for name, levels in KEY:
        item = study.find(name)
        known = reference_range(name, levels, study.source.sex)
        title = words.NAMES[name] + (f" {levels[0]}\u2013{levels[-1]}" if len(levels) == 2 else "")
        unit = words.UNITS.get(item.unit, f" {item.unit}") if item is not None else ""
        shown, interval = cell(item, reasons, study.source.sex), ""
        if item is not None and item.value is not None:
            shown = Cell(shown.text + unit, shown.interval, mark(item.value, known))
            if item.interval95 is not None:
                low, high = (number(end, 0) for end in item.interval95)
                interval = words.INTERVAL.format(low=low, high=high)
        text = ""
        if known is not None:
            low, high = number(known.low, 0), number(known.high, 0)
            text = words.RANGE.format(low=low, high=high, unit=unit)
        label = (item.label or "") if item is not None else ""
        rows.append(KeyRow(title, shown, interval, label, name == KEY[0][0], item, known, text))
    return rows


def segments(study: Study) -> list[tuple[str, ...]]:
    """Motion segments with any value, and all lumbar ones, from above downward."""
    valued = {item.levels for item in study.measurements if item.value is not None}
    pairs = dict.fromkeys(item.levels for item in study.measurements if item.name == "disc_angle")
    return [pair for pair in pairs if pair in valued or pair[0].startswith("L")]


def segment_columns(study: Study) -> dict[str, str]:
    """Columns of the first page: heights in millimetres, or ratios where there is no scale."""
    return words.SEGMENT_COLUMNS_UNSCALED if study.image.spacing is None else words.SEGMENT_COLUMNS


def segment_grid(study: Study, columns: dict[str, str], reasons: Reasons) -> Grid:
    """Motion segments in rows; columns that no segment has are left out."""
    rows = [("/".join(pair), pair) for pair in segments(study)]
    return _grid(study, rows, columns, reasons)


def body_grid(study: Study, reasons: Reasons) -> Grid:
    """Numbered bodies above the sacrum in rows."""
    levels = [body.level for body in study.vertebrae if body.level and body.level != "S1"]
    return _grid(study, [(level, (level,)) for level in levels], words.BODY_COLUMNS, reasons)


def other_lines(study: Study, reasons: Reasons) -> list[str]:
    """Every measurement that has no place in a table, one line each."""
    placed = {
        *(name for name, _ in KEY),
        *words.SEGMENT_COLUMNS,
        *words.SEGMENT_COLUMNS_MORE,
        *words.BODY_COLUMNS,
    }
    lines = []
    for item in study.measurements:
        if item.name in placed:
            continue
        where = ", ".join(
            part
            for part in (
                "\u2013".join(item.levels),
                (item.site or "").replace("_", " "),
                item.instance,
            )
            if part
        )
        shown = cell(item, reasons, study.source.sex)
        unit = "" if item.value is None else words.UNITS.get(item.unit, f" {item.unit}")
        kind = f", {item.label}" if item.label and item.label != shown.text else ""
        lines.append(
            f"{words.readable(item.name)} ({where}): {shown.text} {shown.interval}".rstrip()
            + f"{unit}{kind} {shown.mark}".rstrip()
        )
    return lines


def stop_lines(study: Study) -> list[str]:
    """The flags that put every value in doubt, in plain words."""
    return [FLAGS.get(code, code) for code in study.flags if code in STOPPING]


def flag_lines(study: Study) -> list[str]:
    """The other flags in plain words: the study's, single bodies' and single measurements'."""
    said = {*study.flags, *SAID_BY_SCALE}
    lines = [FLAGS.get(code, code) for code in study.flags if code not in STOPPING | SAID_BY_SCALE]
    lines += _gathered(
        ((body.level or words.UNNUMBERED, body.flags) for body in study.vertebrae), said
    )
    for body in study.vertebrae:
        said.update(body.flags)
    lines += _gathered(
        (
            (words.readable(item.name), item.flags)
            for item in study.measurements
            if item.value is not None
        ),
        said,
    )
    return lines


def basis_lines(study: Study) -> list[str]:
    """Where millimetres, levels and direction come from."""
    spacing = study.image.spacing
    lines = [words.SCALE[None if spacing is None else spacing.basis]]
    if spacing is not None:
        lines[0] += " " + words.PIXEL.format(
            row=f"{spacing.row:.4g}", column=f"{spacing.column:.4g}"
        )
    if any(body.level for body in study.vertebrae):
        confidence = min(round(100 * study.numbering.confidence), 99)
        lines.append(words.NUMBERED.format(confidence=confidence))
    elif study.vertebrae:
        lines.append(words.NOT_NUMBERED)
    other = study.numbering.alternative
    if other is not None:
        reason = other.reason.rstrip(".")
        probability = round(100 * other.probability)
        lines.append(words.ALTERNATIVE.format(probability=probability, reason=reason))
    if study.vertebrae:
        lines.append(words.FACING[study.image.facing])
    return lines


def patient_values(study: Study) -> list[tuple[str, str | None]]:
    """Label and value of the patient line; None where the film does not say."""
    source = study.source
    values = []
    for key, label in words.PATIENT.items():
        value = (getattr(source, key) or "").strip("^ ")
        if key == "patient_name":
            value = ", ".join(part for part in value.replace("^", "\n").split("\n") if part.strip())
        elif key == "sex":
            value = words.SEX.get(value.upper(), value)
        elif key == "birth_date" and (years := age(value, source.study_date)) is not None:
            value = words.AGE.format(date=value, years=years)
        values.append((label, value or None))
    return values


def age(born: str | None, at: str | None) -> int | None:
    """Completed years between two ISO dates; None where one is missing or not a date."""
    try:
        first = date.fromisoformat((born or "")[:10])
        last = date.fromisoformat((at or "")[:10])
    except ValueError:
        return None
    years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return years if 0 <= years < 130 else None


def definition_lines(study: Study) -> list[str]:
    """Each measurement's definition once, then the sources of reference ranges."""
    seen: dict[str, str] = {}
    for item in study.measurements:
        seen.setdefault(item.name, item.definition)
    lines = [
        words.DEFINITION.format(name=words.readable(name), text=text.rstrip("."))
        for name, text in seen.items()
    ]
    for name, levels in KEY:
        known = reference_range(name, levels, study.source.sex)
        if known is not None:
            lines.append(
                words.RANGE_SOURCE.format(
                    name=words.readable(name).lower(),
                    population=known.population.rstrip("."),
                    source=known.source.rstrip("."),
                )
            )
    return lines


def provenance(study: Study) -> str:
    """What made this report."""
    facts = study.manifest
    when = str(facts.get("analyzed_at") or words.NONE).replace("T", " ").replace("+00:00", " UTC")
    return words.PROVENANCE.format(
        spinemorph=facts.get("spinemorph") or words.NONE,
        segmenter=facts.get("segmenter") or words.NONE,
        weights=str(facts.get("weights_sha256") or "")[:12] or words.NONE,
        device=facts.get("device") or words.NONE,
        date=when.removesuffix("Z"),
        file=study.source.file,
        hash=study.source.sha256[:12],
    )


def _grid(
    study: Study,
    rows: list[tuple[str, tuple[str, ...]]],
    columns: dict[str, str],
    reasons: Reasons,
) -> Grid:
    known = {item.name for item in study.measurements}
    shown = {name: title for name, title in columns.items() if name in known}
    return Grid(
        tuple(shown.values()),
        tuple(
            (
                title,
                tuple(cell(study.find(name, levels), reasons, study.source.sex) for name in shown),
            )
            for title, levels in rows
        ),
    )


def _short(item: Measurement, digits: int) -> str:
    """The interval as a half-width where it is symmetrical, else its ends."""
    if item.interval95 is None or item.value is None:
        return ""
    low, high = item.interval95
    half = (high - low) / 2
    if abs(item.value - low - half) <= 0.6 * 10**-digits:
        return f"\u00b1 {number(half, digits)}"
    return f"[{number(low, digits)}; {number(high, digits)}]"


def _gathered(owners: Iterable[tuple[str, tuple[str, ...]]], said: set[str]) -> list[str]:
    """One line a flag that was not said yet, led by all that carry it."""
    carriers: dict[str, dict[str, None]] = {}
    for name, codes in owners:
        for code in codes:
            if code not in said:
                carriers.setdefault(code, {})[name] = None
    return [f"{', '.join(names)}: {FLAGS.get(code, code)}" for code, names in carriers.items()]
