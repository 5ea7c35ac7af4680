"""The rows of the report's tables, as text; what is missing is a dash with a numbered reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from spinemorph.flags import FLAGS
from spinemorph.reference import reference_range
from spinemorph.report import words
from spinemorph.types import Measurement, Study

KEY = (
    ("lumbar_lordosis", ("L1", "S1")),
    ("lower_lordosis", ("L4", "S1")),
    ("lordosis_distribution_index", ("L1", "L4", "S1")),
    ("sacral_slope", ("S1",)),
)
SEGMENT_COLUMNS = (
    ("angle \u00b0", "disc_angle"),
    ("ant.", "disc_height_anterior"),
    ("mid.", "disc_height_middle"),
    ("post. mm", "disc_height_posterior"),
    ("index", "disc_height_index"),
    ("slip %", "slip_percent"),
)
BODY_COLUMNS = (
    ("ant.", "vertebral_height_anterior"),
    ("mid.", "vertebral_height_middle"),
    ("post. mm", "vertebral_height_posterior"),
    ("Ha/Hp", "height_ratio_wedge"),
    ("Hm/Hp", "height_ratio_biconcave"),
    ("wedge \u00b0", "vertebral_wedge"),
    ("depth sup.", "vertebral_depth_superior"),
    ("inf. mm", "vertebral_depth_inferior"),
)


#: The line on the scale's basis says the same.
SAID_BY_SCALE = ("no_pixel_spacing", "detector_scale", "unknown_scale", "estimated_scale")


@dataclass
class Reasons:
    """Collects reasons for missing values and gives each its number, in order of appearance."""

    codes: list[str] = field(default_factory=list)

    def mark(self, code: str) -> str:
        if code not in self.codes:
            self.codes.append(code)
        return f"{words.NONE} ({self.codes.index(code) + 1})"

    def explained(self) -> list[str]:
        return [f"({i + 1}) {FLAGS.get(code, code)}" for i, code in enumerate(self.codes)]


def shown(item: Measurement | None, reasons: Reasons, *, interval: bool = False) -> str:
    """Value with unit-free figures: degrees and percent to one, ratios to two decimals."""
    if item is None:
        return words.NONE
    if item.value is None:
        return reasons.mark(item.reason or "")
    digits = 2 if item.unit == "1" else 1
    text = f"{item.value:.{digits}f}".replace("-", "\u2212")
    if interval and item.interval95 is not None:
        low, high = (f"{value:.{digits}f}".replace("-", "\u2212") for value in item.interval95)
        text += f" [{low}; {high}]"
    return text


@dataclass(frozen=True)
class KeyRow:
    """One of the main values; ``main``: the first of them all."""

    name: str
    value: str
    interval: str
    reference: str
    mark: str
    label: str
    main: bool


def key_rows(study: Study, reasons: Reasons) -> list[KeyRow]:
    """The main values with interval, published range, and a mark where they lie outside."""
    rows = []
    for name, levels in KEY:
        item = study.find(name, levels)
        known = reference_range(name, levels, study.source.sex)
        title = words.NAMES[name] + (f" {levels[0]}\u2013{levels[-1]}" if len(levels) == 2 else "")
        unit = words.UNITS[item.unit] if item is not None else ""
        value, interval, mark = shown(item, reasons), "", ""
        if item is not None and item.value is not None:
            value += unit
            if item.interval95 is not None:
                interval = "95 % [{:.0f}; {:.0f}]".format(*item.interval95).replace("-", "\u2212")
            if known is not None and not known.low <= item.value <= known.high:
                mark = words.OUTSIDE
        reference = f"{known.low:.0f}\u2013{known.high:.0f}{unit}" if known is not None else ""
        label = (item.label or "") if item is not None else ""
        rows.append(KeyRow(title, value, interval, reference, mark, label, name == KEY[0][0]))
    return rows


def segments(study: Study) -> list[tuple[str, ...]]:
    """Motion segments with any value, from above downward."""
    pairs = dict.fromkeys(
        item.levels for item in study.measurements if item.name == "disc_angle"
    )
    return [
        pair
        for pair in pairs
        if any(item.levels == pair and item.value is not None for item in study.measurements)
        or pair[0].startswith("L")
    ]


def segment_rows(study: Study, reasons: Reasons) -> list[list[str]]:
    return [
        [f"{pair[0]}/{pair[1]}"]
        + [shown(study.find(name, pair), reasons) for _, name in SEGMENT_COLUMNS]
        for pair in segments(study)
    ]


def body_rows(study: Study, reasons: Reasons) -> list[list[str]]:
    levels = [body.level for body in study.vertebrae if body.level and body.level != "S1"]
    return [
        [level] + [shown(study.find(name, (level,)), reasons) for _, name in BODY_COLUMNS]
        for level in levels
    ]


def flag_lines(study: Study) -> list[str]:
    """The study's flags in plain words, then those of single bodies with their levels."""
    lines = [FLAGS.get(code, code) for code in study.flags if code not in SAID_BY_SCALE]
    own: dict[str, list[str]] = {}
    for body in study.vertebrae:
        for code in body.flags:
            if code not in study.flags:
                own.setdefault(code, []).append(body.level or "unnumbered body")
    lines += [f"{', '.join(levels)}: {FLAGS.get(code, code)}" for code, levels in own.items()]
    if study.numbering.alternative is not None:
        other = study.numbering.alternative
        lines.append(
            f"Numbering: {100 * study.numbering.confidence:.0f} % as shown; "
            f"{100 * other.probability:.0f} % that {other.reason}."
        )
    return lines


def definition_lines(study: Study) -> list[str]:
    """Each measurement's definition once, then the sources of reference ranges."""
    seen = {}
    for item in study.measurements:
        seen.setdefault(item.name, item.definition)
    lines = [f"{name.replace('_', ' ')}: {text}." for name, text in seen.items()]
    for name, levels in KEY:
        known = reference_range(name, levels)
        if known is not None:
            lines.append(f"Range of {name.replace('_', ' ')}: {known.population}. {known.source}.")
    return lines
