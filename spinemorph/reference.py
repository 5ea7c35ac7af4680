"""Published reference values: one data file, nothing in it that was not read in its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class ReferenceRange:
    """``low`` to ``high`` in the unit of the measurement, of whom, how measured, and where printed.

    ``sex`` (M or F), ``ages`` (years, both ends included) and ``scales`` (kinds of millimetres) say for
    whom and for which films the range holds; None: for all.
    """

    low: float
    high: float
    population: str
    source: str
    mean: float | None = None
    sd: float | None = None
    method: str = ""
    sex: str | None = None
    ages: tuple[float, float] | None = None
    scales: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReferenceMean:
    """A published mean without a range."""

    mean: float
    population: str
    source: str
    method: str
    scales: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MotionLimit:
    """A published upper limit of motion between flexion and extension; the sources disagree."""

    name: str
    limit: float
    population: str
    source: str


def reference_range(
    name: str,
    levels: tuple[str, ...],
    sex: str | None = None,
    age: float | None = None,
    scale: str | None = None,
) -> ReferenceRange | None:
    """The published range of a measurement by this definition; None where none was read for it.

    ``sex`` as in the header (M, F), ``age`` in years, ``scale`` the basis of the film's millimetres. A row
    for one sex or some scales is used only where these are known and fit, a row for some ages
    unless a known age lies outside; of several that fit, the most particular one.
    """
    fitting = [row for row in _rows("ranges", name, levels) if _fits(row, sex, age, scale)]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: ("sex" in row) + ("ages" in row))
    return ReferenceRange(
        best["low"],
        best["high"],
        best["population"],
        best["source"],
        best.get("mean"),
        best.get("sd"),
        best["method"],
        best.get("sex"),
        None if "ages" not in best else (best["ages"][0], best["ages"][1]),
        None if "scales" not in best else tuple(best["scales"]),
    )


def reference_mean(
    name: str, levels: tuple[str, ...], scale: str | None = None
) -> ReferenceMean | None:
    """The published mean of a measurement by this definition on this scale, or None."""
    for row in _rows("means", name, levels):
        if _fits(row, None, None, scale):
            scales = None if "scales" not in row else tuple(row["scales"])
            return ReferenceMean(
                row["mean"], row["population"], row["source"], row["method"], scales
            )
    return None


def motion_limits(name: str, levels: tuple[str, ...]) -> tuple[MotionLimit, ...]:
    """Every published limit of ``name`` that holds for these levels, each with its source."""
    return tuple(
        MotionLimit(row["name"], row["limit"], row["population"], row["source"])
        for row in _rows("instability", name, levels)
    )


@lru_cache(maxsize=1)
def reference_data() -> Mapping[str, Any]:
    """The data file as it is."""
    text = (resources.files("spinemorph") / "reference.json").read_text(encoding="utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


def _rows(part: str, name: str, levels: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """Rows of that name and levels; a row without levels holds for all."""
    return [
        row
        for row in reference_data()[part]
        if row["name"] == name and (not row["levels"] or tuple(row["levels"]) == levels)
    ]


def _fits(row: Mapping[str, Any], sex: str | None, age: float | None, scale: str | None) -> bool:
    if "sex" in row and row["sex"] != sex:
        return False
    if "ages" in row and age is not None and not row["ages"][0] <= age <= row["ages"][1]:
        return False
    return "scales" not in row or scale in row["scales"]


@lru_cache(maxsize=64)
def normal_wedge(level: str, sex: str | None = None) -> float | None:
    """Published mean wedge of a body in degrees, positive when lower in front; None where none was read.

    ``sex`` as in the header (M, F); the mean of both where it is anything else.
    """
    means = {
        row["sex"]: float(row["mean"])
        for row in reference_data()["normal_wedge"]
        if row["level"] == level
    }
    if not means:
        return None
    return means[sex] if sex in means else sum(means.values()) / len(means)
