"""True measurements of a simulated film from its true corners, in the film's plane.

Written apart from :mod:`spinemorph.measure`, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinemorph.types import FloatArray

ORDER = ("L1", "L2", "L3", "L4", "L5", "S1")
TrueValue = tuple[str, tuple[str, ...], float]


def true_measurements(
    corners: Mapping[str, FloatArray], pixel_mm: float, facing_left: bool
) -> tuple[TrueValue, ...]:
    """Angles in degrees and lengths in mm of the levels in ``corners`` (each (4, 2) in pixels)."""
    flip = np.array([-1.0, -1.0]) if facing_left else np.array([1.0, -1.0])
    mm = {level: points * pixel_mm * flip for level, points in corners.items() if level in ORDER}
    values: list[TrueValue] = []
    for upper, name in (("L1", "lumbar_lordosis"), ("L4", "lower_lordosis")):
        if upper in mm and "S1" in mm:
            values.append((name, (upper, "S1"), _angle(mm[upper][:2], mm["S1"][:2])))
    if "L1" in mm and "L5" in mm:
        values.append(("lumbar_lordosis_l1_l5", ("L1", "L5"), _angle(mm["L1"][:2], mm["L5"][2:])))
    for level, points in mm.items():
        if level != "S1":
            values.append(("vertebral_height_anterior", (level,), _length(points[0] - points[2])))
            values.append(("vertebral_height_posterior", (level,), _length(points[1] - points[3])))
    for upper, lower in zip(ORDER[:-1], ORDER[1:], strict=True):
        if upper in mm and lower in mm:
            values += _segment(upper, lower, mm[upper], mm[lower])
    return tuple(values)


def _segment(upper: str, lower: str, above: FloatArray, below: FloatArray) -> list[TrueValue]:
    levels = (upper, lower)
    end = below[:2] if lower == "S1" else below[2:]
    along = below[0] - below[1]
    depth = _length(along)
    facing = above[2] - above[3]
    middle = along / depth + facing / _length(facing)
    normal = np.array([-middle[1], middle[0]]) / _length(middle)
    return [
        ("segmental_lordosis", levels, _angle(above[:2], end)),
        ("disc_angle", levels, _angle(above[2:], below[:2])),
        ("disc_height_anterior", levels, float((above[2] - below[0]) @ normal)),
        ("disc_height_posterior", levels, float((above[3] - below[1]) @ normal)),
        ("slip", levels, float((above[3] - below[1]) @ along / depth)),
    ]


def _length(vector: FloatArray) -> float:
    return float(np.linalg.norm(vector))


def _angle(upper: FloatArray, lower: FloatArray) -> float:
    """Degrees from the upper to the lower endplate (anterior, posterior); open in front positive."""
    a, b = upper[0] - upper[1], lower[0] - lower[1]
    return float(np.degrees(np.arctan2(a[1] * b[0] - a[0] * b[1], a @ b)))
