"""Published reference ranges: one data file, nothing in it that was not read in its source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources


@dataclass(frozen=True)
class ReferenceRange:
    """``low`` to ``high`` in the unit of the measurement, of whom, and where it is printed."""

    low: float
    high: float
    population: str
    source: str


@lru_cache(maxsize=1)
def _ranges() -> dict[tuple[str, tuple[str, ...]], ReferenceRange]:
    text = (resources.files("spinemorph") / "reference.json").read_text(encoding="utf-8")
    return {
        (row["name"], tuple(row["levels"])): ReferenceRange(
            row["low"], row["high"], row["population"], row["source"]
        )
        for row in json.loads(text)["ranges"]
    }


def reference_range(
    name: str, levels: tuple[str, ...], sex: str | None = None
) -> ReferenceRange | None:
    """The published range of a measurement; None where none was read for this definition.

    ``sex`` is kept for sources that give ranges by sex; the present ones do not.
    """
    del sex
    return _ranges().get((name, levels))
