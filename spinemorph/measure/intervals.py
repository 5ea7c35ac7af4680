"""How much wider or narrower than its drawn spread an interval must be to hold the truth in 95 of 100 cases.

Corners that a model or a mask gets wrong are wrong together, and no covariance of single corners says so.
Each measure has a factor on the standard deviation of its draws, by where the corners come from, fitted on
simulated films that no test uses (benchmarks/calibrate_intervals.py).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Final

from spinemorph.measure.landmarks import Route

#: Measures that are wrong in the same way as another one, which could be checked.
_ALIKE: Final = {"osteophyte_length": "osteophyte_area"}


def factor(name: str, route: Route) -> float:
    """Of the measure ``name``; one that could not be checked keeps at least the spread that was drawn."""
    known = _factors().get(route, {})
    own = known.get(_ALIKE.get(name, name))
    return max(known.get("any", 1.0), 1.0) if own is None else own


@lru_cache(maxsize=1)
def _factors() -> dict[str, dict[str, float]]:
    path = resources.files("spinemorph.measure") / "intervals.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {route: dict(stored["factors"][route]) for route in stored["factors"]}
