"""What the accuracy benchmarks share: every built-in postprocessor in its order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from spinemorph.builtins import spinemorph_postprocessors
from spinemorph.plugins import ordered
from spinemorph.types import LabeledSpine, Measurement, Radiograph


@lru_cache(maxsize=1)
def postprocessors() -> tuple[tuple[str, Any], ...]:
    """Name and instance of each, in the order of what they need."""
    return tuple(
        (plugin.name, plugin.create()) for plugin in ordered(tuple(spinemorph_postprocessors()))
    )


def all_measures(
    radiograph: Radiograph,
    spine: LabeledSpine,
    given: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
) -> tuple[tuple[Measurement, ...], dict[str, Any]]:
    """Every measurement, and what the postprocessors provided; ``given`` is provided from the start."""
    provided = dict(given or {})
    found: list[Measurement] = []
    for name, each in postprocessors():
        if name not in skip:
            findings = each.process(radiograph, spine, provided)
            found += findings.measurements
            provided |= findings.provided
    return tuple(found), provided
