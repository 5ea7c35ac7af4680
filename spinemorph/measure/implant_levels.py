"""What implants do to levels: segments that they hold, bodies that they hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from spinemorph.measure.landmarks import BodyLandmarks, Landmarks
from spinemorph.types import Instance, LabeledImplant

#: A corner is covered when implants fill at least this share of the disc around it ...
_COVERED: Final = 0.5
#: ... of this radius, in parts of the length of its endplate.
_RADIUS: Final = 0.06
_STEPS: Final = np.array(np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))).reshape(2, -1)
#: Points of the unit disc (2, n).
_DISC: Final = _STEPS[:, (_STEPS**2).sum(axis=0) <= 1]


def covered_corners(marks: Landmarks, implants: Sequence[LabeledImplant]) -> dict[str, int]:
    """Level -> how many of its corners lie under an implant; levels without any are left out."""
    found: dict[str, int] = {}
    for body in marks.bodies:
        if body.level is None:
            continue
        number = sum(
            any(_covers(item.instance, body, k, marks.aspect) for item in implants)
            for k in range(4)
            if np.isfinite(body.corners[k]).all()
        )
        if number:
            found[body.level] = number
    return found


def held_segments(
    marks: Landmarks, implants: Sequence[LabeledImplant]
) -> Mapping[tuple[str, str], str]:
    """Segments that hold a cage, or that a rod or plate joins with a screw (or the plate) at both ends:
    levels from above downward -> the category that holds them.
    """
    screwed = {
        item.levels[0] for item in implants if item.instance.category == "screw" and item.levels
    }
    held: dict[tuple[str, str], str] = {}
    for upper, lower in marks.motion_segments():
        for item in implants:
            category = item.instance.category
            both = upper in item.levels and lower in item.levels
            if category == "cage" and item.levels == (upper, lower):
                held[upper, lower] = "cage"
            elif both and category == "plate":
                held.setdefault((upper, lower), "plate")
            elif both and category == "rod" and _between(upper, lower, screwed, item.levels):
                held.setdefault((upper, lower), "rod")
    return held


def _between(upper: str, lower: str, screwed: set[str], along: tuple[str, ...]) -> bool:
    """Whether screws of a rod lie at or above the upper and at or below the lower level."""
    at = [along.index(level) for level in along if level in screwed]
    return bool(at) and min(at) <= along.index(upper) and max(at) >= along.index(lower)


def _covers(instance: Instance, body: BodyLandmarks, k: int, aspect: float) -> bool:
    """Whether an instance fills most of the disc around a corner."""
    corner = body.corners[k]
    ends = body.corners[2 * (k // 2) : 2 * (k // 2) + 2] * [1.0, aspect]
    radius = _RADIUS * float(np.linalg.norm(ends[0] - ends[1]))
    if not np.isfinite(radius):
        return False
    box = instance.box
    reach = radius, radius / aspect
    if not (
        box.left - reach[0] <= corner[0] <= box.right + reach[0]
        and box.top - reach[1] <= corner[1] <= box.bottom + reach[1]
    ):
        return False
    columns = np.rint(corner[0] + reach[0] * _DISC[0]).astype(int) - box.left
    rows = np.rint(corner[1] + reach[1] * _DISC[1]).astype(int) - box.top
    there = (columns >= 0) & (rows >= 0) & (columns < box.shape[1]) & (rows < box.shape[0])
    hit = instance.mask[rows[there], columns[there]].sum()
    return bool(hit >= _COVERED * _DISC.shape[1])
