"""From draws of a quantity to a measurement: value, interval, flags, or the reason why not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinemorph.measure.intervals import factor
from spinemorph.measure.landmarks import Landmarks
from spinemorph.types import FloatArray, Measurement

#: Flags of the film that stand beside every length.
SCALE_FLAGS = ("detector_scale", "unknown_scale", "estimated_scale", "magnification_underestimated")
#: Flags of a body that stand beside every value of its level.
BODY_FLAGS = ("corner_uncertain", "cut_by_edge", "low_score", "gap_in_column")
#: Fewer draws than this tell no spread.
LEAST_DRAWS = 20


@dataclass(frozen=True)
class Quantity:
    """What is measured: name, unit, definition, what is anatomically possible at all, and the ``least``
    that an interval reaches down to.
    """

    name: str
    unit: str
    definition: str
    possible: tuple[float, float] = (-np.inf, np.inf)
    digits: int = 2
    least: float = -np.inf

    def measured(
        self,
        landmarks: Landmarks,
        levels: tuple[str, ...],
        draws: FloatArray,
        *,
        site: str | None = None,
        instance: str | None = None,
        flags: Sequence[str] = (),
    ) -> Measurement:
        """``draws`` (1 + n,): the estimate first. Lengths need a scale, all need their levels.

        ``instance``: the implant that is measured.
        """
        value = float(draws[0])
        reason = self._reason(landmarks, levels, value)
        flags = tuple(dict.fromkeys([*flags, *self._flags(landmarks, levels)]))
        if reason is not None:
            return Measurement(
                self.name,
                levels,
                None,
                self.unit,
                self.definition,
                site,
                instance,
                flags=flags,
                reason=reason,
            )
        interval = None
        sd = _deviation(draws[1:])
        if sd is not None:
            half = 1.96 * sd * factor(self.name, landmarks.route(levels))
            low, high = max(value - half, self.least), max(value + half, self.least)
            interval = round(low, self.digits + 1), round(high, self.digits + 1)
        return Measurement(
            self.name,
            levels,
            round(value, self.digits + 1),
            self.unit,
            self.definition,
            site,
            instance,
            interval95=interval,
            flags=flags,
        )

    def missing(
        self,
        landmarks: Landmarks,
        levels: tuple[str, ...],
        reason: str,
        *,
        site: str | None = None,
        instance: str | None = None,
    ) -> Measurement:
        """No value: what the landmarks lack is the reason, and ``reason`` where they lack nothing."""
        reason = self._lacking(landmarks, levels) or reason
        return Measurement(
            self.name,
            levels,
            None,
            self.unit,
            self.definition,
            site,
            instance,
            flags=tuple(self._flags(landmarks, levels)),
            reason=reason,
        )

    def _reason(self, landmarks: Landmarks, levels: tuple[str, ...], value: float) -> str | None:
        lacking = self._lacking(landmarks, levels)
        if lacking is not None:
            return lacking
        if not math.isfinite(value):
            return "corner_uncertain"
        if not self.possible[0] <= value <= self.possible[1]:
            return "implausible"
        return None

    def _lacking(self, landmarks: Landmarks, levels: tuple[str, ...]) -> str | None:
        if not landmarks.numbered:
            return "no_sacrum"
        if any(landmarks.at(level) is None for level in levels):
            return "level_not_found"
        if landmarks.facing is None:
            return "facing_unknown"
        if self.unit in ("mm", "mm2") and landmarks.spacing is None:
            return "no_pixel_spacing"
        return None

    def _flags(self, landmarks: Landmarks, levels: tuple[str, ...]) -> list[str]:
        flags = []
        if self.unit in ("mm", "mm2"):
            flags = [flag for flag in landmarks.film_flags if flag in SCALE_FLAGS]
        for level in levels:
            body = landmarks.at(level)
            if body is not None:
                flags += [flag for flag in body.flags if flag in BODY_FLAGS]
        return flags


def _deviation(draws: FloatArray) -> float | None:
    """Standard deviation of those that are finite, as numpy's ``std``, which takes thrice as long."""
    total = float(draws.sum())
    if not math.isfinite(total):
        draws = draws[np.isfinite(draws)]
        total = float(draws.sum())
    if len(draws) < LEAST_DRAWS:
        return None
    away = draws - total / len(draws)
    return math.sqrt(float(away @ away) / len(draws))
