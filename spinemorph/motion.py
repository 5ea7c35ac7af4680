"""Motion between a flexion and an extension film: pure functions on two studies.

Signs: rotation positive when the segment opens in front from flexion to extension; translation positive
when the upper body lies farther in front in flexion. The two films have independent errors,
so the half widths of their intervals add in squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from spinemorph.reference import MotionLimit, motion_limits
from spinemorph.types import Measurement, Study

#: Name of the motion, what it is the difference of, and its definition; rotation is taken the other way.
MOTIONS: Final = (
    (
        "motion_rotation",
        "disc_angle",
        "angle of the disc in extension less that in flexion",
    ),
    (
        "motion_translation",
        "slip",
        "slip in flexion less slip in extension",
    ),
    (
        "motion_translation_percent",
        "slip_percent",
        "slip in flexion less slip in extension, in percent of the lower body's superior endplate",
    ),
)
SEGMENTS: Final = (("L1", "L2"), ("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1"))
Verdict = Literal["above", "below", "uncertain"]


@dataclass(frozen=True)
class Compared:
    """A motion beside one published limit: where its interval lies against it."""

    limit: MotionLimit
    verdict: Verdict


def motion(flexion: Study, extension: Study) -> tuple[Measurement, ...]:
    """Rotation and translation of every lumbar segment; a missing value keeps its reason.

    Millimetres need the same kind of scale on both films: else ``scales_differ``.
    """
    return tuple(
        _difference(flexion, extension, levels, *motion_of)
        for levels in SEGMENTS
        for motion_of in MOTIONS
    )


def against_limits(item: Measurement) -> tuple[Compared, ...]:
    """Every published limit for this motion, each with its source; they disagree and none is a diagnosis.

    The size of the motion is compared, whatever its direction; a motion whose interval holds the limit
    is ``uncertain``.
    """
    if item.value is None:
        return ()
    low, high = _size(item.value, item.interval95)
    return tuple(
        Compared(
            limit,
            "above" if low > limit.limit else "below" if high < limit.limit else "uncertain",
        )
        for limit in motion_limits(item.name, item.levels)
    )


def _difference(
    flexion: Study,
    extension: Study,
    levels: tuple[str, str],
    name: str,
    of: str,
    definition: str,
) -> Measurement:
    bent, straight = flexion.find(of, levels), extension.find(of, levels)
    unit = {"disc_angle": "deg", "slip": "mm", "slip_percent": "%"}[of]

    def missing(reason: str) -> Measurement:
        return Measurement(name, levels, None, unit, definition, reason=reason)

    if bent is None or straight is None:
        return missing("level_not_found")
    if bent.value is None or straight.value is None:
        return missing(bent.reason or straight.reason or "level_not_found")
    if unit == "mm" and _basis(flexion) != _basis(extension):
        return missing("scales_differ")
    difference = bent.value - straight.value
    value = round(-difference if of == "disc_angle" else difference, 3)
    half = _half(bent), _half(straight)
    interval = None
    if half[0] is not None and half[1] is not None:
        width = math.hypot(half[0], half[1])
        interval = round(value - width, 3), round(value + width, 3)
    flags = tuple(dict.fromkeys((*bent.flags, *straight.flags)))
    return Measurement(name, levels, value, unit, definition, interval95=interval, flags=flags)


def _basis(study: Study) -> str | None:
    return None if study.image.spacing is None else study.image.spacing.basis


def _half(item: Measurement) -> float | None:
    return None if item.interval95 is None else (item.interval95[1] - item.interval95[0]) / 2


def _size(value: float, interval: tuple[float, float] | None) -> tuple[float, float]:
    """Least and greatest size of the motion, without its sign."""
    low, high = interval or (value, value)
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))
