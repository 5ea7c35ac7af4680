"""Places that can change by themselves, and the few measures that stand for each of them."""

from __future__ import annotations

from typing import Final

from spinemorph.anatomy import LEVELS_UPWARD

#: The pose of a motion segment has three degrees of freedom, and each has one measure here; of the disc
#: heights the one with the smallest error that every disc has, with millimetres or without. A measure that is
#: not named here follows the place it belongs to.
PRIMARY: Final = {
    "whole": ("lumbar_lordosis",),
    "segment": ("disc_angle", "disc_height_farfan", "slip_percent"),
    "body": ("height_ratio_wedge", "height_ratio_biconcave", "height_ratio_crush"),
}
#: Share of the error that each kind of place may spend.
SHARES: Final = {"whole": 0.25, "segment": 0.40, "body": 0.20, "implant": 0.10, "other": 0.05}
#: Of what the segments have: those with implants, and those next to them.
OPERATED, ADJACENT = 0.55, 0.25


def place_of(
    name: str, levels: tuple[str, ...], instance: str | None
) -> tuple[str, tuple[str, ...]]:
    """Kind of the place and its name: ``("segment", ("L4", "L5"))``."""
    if instance is not None:
        return "implant", (instance,)
    if name.startswith("cage_"):
        return "implant", levels
    if name.startswith("osteophyte"):
        return "other", ("osteophyte", *levels)
    if len(levels) == 1 and levels != ("S1",):
        return "body", levels
    if len(levels) == 2 and adjacent(levels):
        return "segment", levels
    if set(levels) <= set(LEVELS_UPWARD) and levels:
        return "whole", ()
    return "other", (name, *levels)


def adjacent(levels: tuple[str, ...]) -> bool:
    """Two neighbours, upper first."""
    upper, lower = levels
    if upper not in LEVELS_UPWARD or lower not in LEVELS_UPWARD:
        return False
    return LEVELS_UPWARD.index(upper) - LEVELS_UPWARD.index(lower) == 1
