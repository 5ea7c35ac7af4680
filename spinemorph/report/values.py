"""One measurement as a reader sees it: text, short interval, and a mark where outside a range.

What is missing is a dash with the number of its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from spinemorph.reference import ReferenceRange, reference_range
from spinemorph.report.catalogue import Words
from spinemorph.report.remarks import age
from spinemorph.types import Measurement, Study

HIGH, LOW = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"
GRADES: Final = frozenset({"0", "I", "II", "III", "IV", "V", "1", "2", "3"})


@dataclass
class Reasons:
    """Collects reasons for missing values and gives each its number, in order of appearance."""

    words: Words
    codes: list[str] = field(default_factory=list)

    def mark(self, code: str) -> str:
        if code not in self.codes:
            self.codes.append(code)
        return f"{self.words('report.none')} ({self.codes.index(code) + 1})"

    def explained(self) -> list[str]:
        """The reasons, each with its number."""
        return [f"({i + 1}) {self.words.flag(code)}" for i, code in enumerate(self.codes)]


@dataclass(frozen=True)
class Cell:
    """A value as text, its interval in short (``± 2.1``), and a mark where outside a range."""

    text: str
    interval: str = ""
    mark: str = ""


def known_range(name: str, levels: tuple[str, ...], study: Study) -> ReferenceRange | None:
    """The published range of a measurement for the patient and the millimetres of ``study``."""
    source, spacing = study.source, study.image.spacing
    years = age(source.birth_date, source.study_date)
    return reference_range(
        name, levels, source.sex, years, None if spacing is None else spacing.basis
    )


def digits(unit: str) -> int:
    """Angles, lengths and percent to one decimal, ratios to two."""
    return 2 if unit == "1" else 1


def cell(item: Measurement | None, study: Study, reasons: Reasons) -> Cell:
    """The value of ``item`` for a table; a grade stands for its number."""
    words = reasons.words
    if item is None:
        return Cell(words("report.none"))
    if item.value is None:
        return Cell(reasons.mark(item.reason or ""))
    known = known_range(item.name, item.levels, study)
    if item.name.endswith("_grade"):
        return Cell(grade(item, words), mark=mark(item.value, known))
    places = digits(item.unit)
    return Cell(
        words.number(item.value, places), short_interval(item, words), mark(item.value, known)
    )


def grade(item: Measurement, words: Words) -> str:
    """A grade as it is written: by its label where that is a numeral, else its number."""
    if item.label in GRADES:
        return str(item.label)
    return words("report.none") if item.value is None else words.number(item.value, 0)


def mark(value: float, known: ReferenceRange | None) -> str:
    """Up or down where ``value`` lies outside ``known``."""
    if known is None or known.low <= value <= known.high:
        return ""
    return HIGH if value > known.high else LOW


def short_interval(item: Measurement, words: Words) -> str:
    """The interval as a half-width where it is symmetrical, else its ends."""
    if item.interval95 is None or item.value is None:
        return ""
    places = digits(item.unit)
    low, high = item.interval95
    half = (high - low) / 2
    if abs(item.value - low - half) <= 0.6 * 10**-places:
        return f"± {words.number(half, places)}"
    return f"[{words.number(low, places)}; {words.number(high, places)}]"


def with_unit(value: float, unit: str, words: Words, places: int | None = None) -> str:
    """A number and its unit."""
    return words.number(value, digits(unit) if places is None else places) + words.unit(unit)
