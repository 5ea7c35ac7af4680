"""How much wider or narrower than its drawn spread an interval must be to hold the truth in 95 of 100 cases.

Corners that a model or a mask gets wrong are wrong together, and no covariance of single corners says so.
Each measure has a factor on the standard deviation of its draws, by where the corners come from, fitted on
simulated films that no test uses (benchmarks/calibrate_intervals.py).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

from spinemorph.measure.landmarks import Route


def factor(name: str, route: Route) -> float:
    """Of the measure ``name``; of the route as a whole where the measure has none, 1 without any."""
    known = _factors().get(route, {})
    return known.get(name, known.get("any", 1.0))


@lru_cache(maxsize=1)
def _factors() -> dict[str, dict[str, float]]:
    path = resources.files("spinemorph.measure") / "intervals.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {route: dict(stored["factors"][route]) for route in stored["factors"]}
