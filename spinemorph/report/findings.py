"""What stands out by level, in one line a kind: slips, deformities, osteophytes, implants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from spinemorph.report.catalogue import Words
from spinemorph.report.tables import BODY_COLUMNS, SEGMENT_COLUMNS, SEGMENT_COLUMNS_MORE, worst
from spinemorph.report.values import grade, known_range, mark, with_unit
from spinemorph.types import Measurement, Study

#: A backward slip is named from this percentage on, where its interval does not hold 0.
LEAST_BACKWARD: Final = 5.0
LOSSES: Final = ("height_loss_anterior", "height_loss_middle", "height_loss_posterior")


def finding_rows(study: Study, words: Words) -> list[tuple[str, str, bool]]:
    """Kind, words, and whether anything stands out; kinds that were not measured are left out."""
    rows = [
        _slips(study, words),
        _graded(study, words, "genant_grade", "deformity", _deformity),
        _graded(study, words, "osteophyte_grade", "osteophytes", _osteophyte),
        _outside(study, words),
        _implants(study, words),
    ]
    return [row for row in rows if row is not None]


def _slips(study: Study, words: Words) -> tuple[str, str, bool] | None:
    grades = [item for item in study.measurements if item.name == "slip_grade"]
    if not grades:
        return None
    parts, missing = [], []
    seen = {body.level for body in study.vertebrae}
    for item in grades:
        percent = study.find("slip_percent", item.levels)
        level = "/".join(item.levels)
        shown = "" if percent is None or percent.value is None else _amount(percent, words)
        if item.value is not None and item.value >= 1:
            parts.append(
                words("findings.slip_value", level=level, grade=grade(item, words), percent=shown)
            )
        elif percent is not None and _is_backward(percent):
            parts.append(words("findings.slip_back", level=level, percent=shown))
        elif (percent is None or percent.value is None) and seen.issuperset(item.levels):
            missing.append(level)
    valued = any(
        item.name in {"slip", "slip_percent"} and item.value is not None
        for item in study.measurements
    )
    return _row("slip", parts, missing, words) if valued else None


def _is_backward(percent: Measurement) -> bool:
    if percent.value is None or percent.value > -LEAST_BACKWARD:
        return False
    return percent.interval95 is None or percent.interval95[1] < 0


def _amount(percent: Measurement, words: Words) -> str:
    value = percent.value or 0.0
    return with_unit(abs(value), percent.unit, words, 0)


def _graded(
    study: Study,
    words: Words,
    name: str,
    kind: str,
    say: Callable[[Study, Measurement, Words], str],
) -> tuple[str, str, bool] | None:
    """The worst grade of each level from 1 on."""
    levels = dict.fromkeys(item.levels for item in study.measurements if item.name == name)
    found = [item for each in levels if (item := worst(study, name, each)) is not None]
    if all(item.value is None for item in found):
        return None
    seen = {body.level for body in study.vertebrae}
    missing = [
        "/".join(item.levels)
        for item in found
        if item.value is None and seen.issuperset(item.levels)
    ]
    parts = [say(study, item, words) for item in found if (item.value or 0) >= 1]
    return _row(kind, parts, missing, words)


def _deformity(study: Study, item: Measurement, words: Words) -> str:
    level, shown = "/".join(item.levels), grade(item, words)
    text = words("findings.deformity_value", level=level, grade=shown)
    if item.label and item.label != shown:
        kind = words.label(item.label)
        text = words("findings.deformity_type", level=level, type=kind, grade=shown)
    losses = [study.find(name, item.levels) for name in LOSSES]
    lost = max((loss.value for loss in losses if loss and loss.value is not None), default=None)
    return text if lost is None else f"{text} ({with_unit(lost, '%', words, 0)})"


def _osteophyte(study: Study, item: Measurement, words: Words) -> str:
    del study
    return words(
        "findings.osteophytes_value", level="/".join(item.levels), grade=grade(item, words)
    )


def _outside(study: Study, words: Words) -> tuple[str, str, bool] | None:
    """Values by level that lie outside their published range."""
    tables = {*SEGMENT_COLUMNS, *SEGMENT_COLUMNS_MORE, *BODY_COLUMNS}
    found: dict[str, list[str]] = {}
    ranged = False
    for item in study.measurements:
        known = known_range(item.name, item.levels, study) if item.name in tables else None
        if known is None or item.value is None:
            continue
        ranged = True
        sign = mark(item.value, known)
        if sign:
            found.setdefault(words.measure(item.name), []).append(f"{'/'.join(item.levels)} {sign}")
    if not ranged:
        return None
    parts = [f"{name} {', '.join(levels)}" for name, levels in found.items()]
    return _row("outside", parts, (), words)


def _implants(study: Study, words: Words) -> tuple[str, str, bool] | None:
    if not study.implants:
        return None
    counts = Counter(implant.category for implant in study.implants)
    parts = [
        words("findings.implants_value", count=count, category=words.of("implants", name, name))
        for name, count in counts.items()
    ]
    return words("findings.implants"), ", ".join(parts), False


def _row(
    kind: str, parts: Sequence[str], missing: Sequence[str], words: Words
) -> tuple[str, str, bool]:
    """``parts``, or that there are none; then the levels of the film that were not graded."""
    text = "; ".join(parts) if parts else words(f"findings.{kind}_none")
    if missing:
        text += " (" + words("findings.partly", levels=", ".join(missing)) + ")"
    return words(f"findings.{kind}"), text, bool(parts)
