"""Axis and ends of an implant from its mask alone: straight for a screw, curved for a rod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.types import FloatArray

#: Places along the implant at which its middle is taken.
_PLACES: Final = 24
#: Parts of a screw that are wider than this many times its median width are its head.
_HEAD: Final = 1.5
#: A mask is known to about this part of its width along each edge.
_EDGE: Final = 0.1
#: Part of the pixels of a place that is left out at either edge.
_TRIM: Final = 0.02


@dataclass(frozen=True, eq=False)
class Axis:
    """The straight line of an implant: ``tip`` (2,), the unit vector ``along`` (2,) to it, its width, and the
    standard deviations of the line's angle (degrees) and of a point of it.
    """

    tip: FloatArray
    along: FloatArray
    width: float
    angle_sd: float
    point_sd: float


def straight_axis(points: FloatArray, toward: FloatArray) -> Axis | None:
    """The line through the middles of a screw's shaft; its tip is the end that lies ``toward``.

    ``points``: (n, 2) of the mask in a square frame. None where the mask is no longer than wide.
    """
    middles, widths, (centre, main, _) = _middles(points, toward)
    if middles is None:
        return None
    shaft = widths <= _HEAD * float(np.median(widths))
    at, off = middles[shaft].T
    if len(at) < 4:
        return None
    slope, offset = np.polyfit(at, off, 1)
    residual = float(np.std(off - (slope * at + offset)))
    width = float(np.median(widths))
    sd = float(np.hypot(residual, _EDGE * width))
    spread = float(np.sqrt(((at - at.mean()) ** 2).sum()))
    normal = np.array([-main[1], main[0]])
    along = main + slope * normal
    along = along / np.linalg.norm(along)
    end = float(((points - centre) @ main).max())
    tip = centre + main * end + normal * (slope * end + offset)
    return Axis(tip, along, width, float(np.degrees(sd / max(spread, 1e-9))), sd)


def bend(points: FloatArray, upward: FloatArray) -> tuple[float, float] | None:
    """Degrees that a rod turns from its lower to its upper end, and their standard deviation.

    Positive when the direction turns from cranial toward posterior on the way up, which is when the
    rod bows forward. From a parabola through the middles of the rod.
    """
    middles, widths, (centre, main, _) = _middles(points, upward)
    if middles is None or len(middles) < 8:
        return None
    usual = widths <= _HEAD * float(np.median(widths))
    at, off = middles[usual].T
    if len(at) < 8:
        return None
    curve, slope, offset = np.polyfit(at, off, 2)
    residual = float(np.std(off - np.polyval([curve, slope, offset], at)))
    sd = float(np.hypot(residual, _EDGE * float(np.median(widths))))
    centred = (at - at.mean()) ** 2
    curve_sd = sd / max(float(np.sqrt(((centred - centred.mean()) ** 2).sum())), 1e-9)
    along = (points - centre) @ main
    ends = np.array([along.min(), along.max()])
    slopes = 2 * curve * ends + slope
    low, high = np.degrees(np.arctan(slopes))
    turn_sd = float(np.degrees(2 * curve_sd * (ends[1] - ends[0])))
    return float(high - low), turn_sd


_Frame = tuple[FloatArray, FloatArray, FloatArray]


def _middles(
    points: FloatArray, toward: FloatArray
) -> tuple[FloatArray, FloatArray, _Frame] | tuple[None, FloatArray, _Frame]:
    """Middles (k, 2) along and across the main axis, widths (k,), and the frame: centre, main, side."""
    centre = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - centre).T))
    main = vectors[:, 1] * (1.0 if vectors[:, 1] @ toward >= 0 else -1.0)
    side = np.array([-main[1], main[0]])
    frame = centre, main, side
    local = (points - centre) @ np.stack([main, side], axis=1)
    low, high = local.min(axis=0), local.max(axis=0)
    if high[0] - low[0] < 1.5 * (high[1] - low[1]) or len(points) < 30:
        return None, np.zeros(0), frame
    place = (local[:, 0] - low[0]) / (high[0] - low[0]) * _PLACES
    part = np.clip(place.astype(int), 0, _PLACES - 1)
    order = np.lexsort((local[:, 1], part))
    bounds = np.searchsorted(part[order], np.arange(_PLACES + 1))
    first, count = bounds[:-1], np.diff(bounds)
    some = count > 1
    first, count = first[some], count[some]
    edge = np.rint(_TRIM * (count - 1)).astype(int)  # the outermost pixels are the least certain
    across = local[order, 1]
    bottom, top = across[first + edge], across[first + count - 1 - edge]
    along = np.bincount(part, local[:, 0], _PLACES)[some] / count
    middles = np.stack([along, (bottom + top) / 2], axis=1)
    return middles, np.maximum(top - bottom, 1e-9), frame
