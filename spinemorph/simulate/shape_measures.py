"""True measurements that need more than four corners, in the film's plane.

Middle heights, depths, indices, disc areas, osteophytes, and what a fracture took from a body.
Written apart from :mod:`spinemorph.measure`, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinemorph.simulate.measures import ORDER, TrueValue
from spinemorph.simulate.midline import Midline
from spinemorph.types import FloatArray

#: Loss of height in percent from which each grade counts (Genant 1993).
GRADES = (20.0, 25.0, 40.0)
TYPES = ("wedge", "biconcave", "crush")


def shape_measurements(
    midlines: Mapping[str, Midline], pixel_mm: float, facing_left: bool
) -> tuple[TrueValue, ...]:
    """Angles in degrees, lengths in mm, areas in mm2 of the levels in ``midlines``."""
    flip = pixel_mm * np.array([-1.0 if facing_left else 1.0, -1.0])
    known = {level: line for level, line in midlines.items() if level in ORDER}
    corners = {level: line.corners * flip for level, line in known.items()}
    middles = {level: line.middles * flip for level, line in known.items()}
    curves = {level: line.curves * flip for level, line in known.items()}
    found: list[TrueValue] = []
    if "S1" in corners:
        plate = corners["S1"][0] - corners["S1"][1]
        slope = -float(np.degrees(np.arctan2(plate[1], plate[0])))
        found.append(("sacral_slope", ("S1",), slope))
    for level, points in corners.items():
        if level != "S1":
            found += _body(level, points, middles[level])
    for upper, lower in zip(ORDER[:-1], ORDER[1:], strict=True):
        if upper in corners and lower in corners:
            middle = _middle_height(corners[upper], corners[lower], middles[upper], middles[lower])
            found.append(("disc_height_middle", (upper, lower), middle))
            ring = np.concatenate([curves[upper][1], curves[lower][0][::-1]])
            found.append(("disc_area_midline", (upper, lower), abs(_area(ring))))
    return tuple(found)


def losses(now: Midline, before: Midline) -> FloatArray:
    """Loss of the anterior, middle and posterior height (3,) in percent of the same body intact."""
    return np.asarray(100 * (1 - _heights(now) / _heights(before)))


def grade(loss: float) -> int:
    """Genant's grade of the greatest loss of height in percent; a bound belongs to the grade above."""
    return int(np.searchsorted(GRADES, loss, side="right"))


def _heights(line: Midline) -> FloatArray:
    c, m = line.corners, line.middles
    return np.linalg.norm([c[0] - c[2], m[0] - m[1], c[1] - c[3]], axis=1)


def _body(level: str, corners: FloatArray, middles: FloatArray) -> list[TrueValue]:
    at = (level,)
    superior, inferior = corners[0] - corners[1], corners[2] - corners[3]
    cross = superior[1] * inferior[0] - superior[0] * inferior[1]
    return [
        ("vertebral_height_middle", at, float(np.linalg.norm(middles[0] - middles[1]))),
        ("vertebral_depth_superior", at, float(np.linalg.norm(superior))),
        ("vertebral_depth_inferior", at, float(np.linalg.norm(inferior))),
        ("vertebral_wedge", at, float(np.degrees(np.arctan2(cross, superior @ inferior)))),
    ]


def _middle_height(
    upper: FloatArray, lower: FloatArray, upper_middles: FloatArray, lower_middles: FloatArray
) -> float:
    facing, along = upper[2] - upper[3], lower[0] - lower[1]
    bisector = facing / np.linalg.norm(facing) + along / np.linalg.norm(along)
    normal = np.array([-bisector[1], bisector[0]]) / np.linalg.norm(bisector)
    return float((upper_middles[1] - lower_middles[0]) @ normal)


def _area(ring: FloatArray) -> float:
    x, y = ring.T
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))
