"""What a change must exceed: published errors of readers, and the error of positioning."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

#: Their difference holds the tilt of the film, which no other measure does.
AGAINST_VERTICAL: Final = ("sacral_slope", "pelvic_tilt")


@dataclass(frozen=True)
class Published:
    """Smallest change that readers can tell, in the unit of the measure, how it was derived, where read."""

    value: float
    derived: str
    source: str


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = (resources.files("spinemorph.compare") / "limits.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def published_limit(name: str) -> Published | None:
    """The published limit of a measure; None where none was read."""
    for row in _data()["published"]:
        if row["name"] == name:
            return Published(row["value"], row["derived"], row["source"])
    return None


def positioning_error(name: str, levels: tuple[str, ...], unit: str) -> float:
    """Standard deviation of a difference that only positioning makes, in the unit of the measure.

    By name and lower level, else by name; a measure that was not simulated gets the largest of its unit.
    """
    table = {**_data()["positioning"], **_data()["implants"]}
    known = table.get(name)
    if known is not None:
        return float(known.get("/".join(levels), known["all"]))
    alike = [
        row["all"]
        for other, row in table.items()
        if row["unit"] == unit and other not in AGAINST_VERTICAL
    ]
    return float(max(alike, default=0.0))


def tail(kind: str) -> float:
    """How much farther errors of landmarks reach than their 95 % interval says, by kind of place."""
    return float(_data()["tails"].get(kind, 1.0))
