"""What the comparison says, in two sentences made from the verdicts."""

from __future__ import annotations

from dataclasses import replace

from spinemorph.compare.types import Comparison


def summary_of(comparison: Comparison) -> Comparison:
    """The comparison with its summary."""
    changed = sum(change.verdict == "changed" for change in comparison.changes)
    return replace(comparison, summary=(f"{changed} measures changed.",))
