"""Levels of the thoracolumbar spine and their order, from the sacrum upward."""

from __future__ import annotations

from typing import Final, Literal

Category = Literal[
    "lumbar", "sacrum", "cage", "screw", "rod", "plate", "cement", "body_replacement"
]

#: Bodies that every model may find. Thoracic bodies are ``lumbar`` to a model; numbering names them.
BODY_CATEGORIES: Final = ("lumbar", "sacrum")
IMPLANT_CATEGORIES: Final = ("cage", "screw", "rod", "plate", "cement", "body_replacement")
CATEGORIES: Final = BODY_CATEGORIES + IMPLANT_CATEGORIES

#: Numbering goes upward from S1. L6 is never assigned silently: it only appears in an alternative.
LEVELS_UPWARD: Final = ("S1", "L5", "L4", "L3", "L2", "L1", "T12", "T11", "T10", "T9", "T8")
LUMBAR_LEVELS: Final = ("L1", "L2", "L3", "L4", "L5")

#: Corner order of every (4, 2) array of corners.
CORNERS: Final = (
    "superior_anterior",
    "superior_posterior",
    "inferior_anterior",
    "inferior_posterior",
)


def level_above(level: str, steps: int = 1) -> str | None:
    """The level ``steps`` above (negative: below); None where the list ends."""
    index = LEVELS_UPWARD.index(level) + steps
    return LEVELS_UPWARD[index] if 0 <= index < len(LEVELS_UPWARD) else None


def is_lumbar(level: str | None) -> bool:
    return level in LUMBAR_LEVELS
