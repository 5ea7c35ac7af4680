"""Implants: where a cage stands in its disc, how a screw lies in its body, how a rod is bent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.implant_shape import Axis, bend, straight_axis
from spinemorph.measure.landmarks import DRAWS, SEED, Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import (
    FloatArray,
    Instance,
    LabeledImplant,
    LabeledSpine,
    Measurement,
    Radiograph,
)

POSITION: Final = Quantity(
    "cage_position",
    "1",
    "from the posterior end of the lower body's superior endplate to the middle of the cage, over "
    "the length of that endplate (centre point ratio, Landham 2017)",
    (-1.0, 2.0),
    3,
)
GAP: Final = Quantity(
    "cage_posterior_gap",
    "1",
    "from the posterior end of the lower body's superior endplate to the back of the cage, over the "
    "length of that endplate (posterior gap ratio, Landham 2017)",
    (-1.0, 2.0),
    3,
)
PENETRATION: Final = Quantity(
    "cage_endplate_penetration",
    "mm",
    "farthest that the cage reaches past the curve through both rim corners and the middle of the "
    "endplate; negative: its distance from that endplate",
    (-30, 40),
)
ANGLE: Final = Quantity(
    "screw_endplate_angle",
    "deg",
    "axis of the screw to the superior endplate of its body, positive when the tip points cranially",
    (-70, 70),
)
DEPTH: Final = Quantity(
    "screw_tip_depth",
    "%",
    "from the posterior to the anterior wall along a parallel to the superior endplate through the "
    "tip; above 100: in front of the body",
    (-100, 250),
    1,
)
DISTANCE: Final = Quantity(
    "screw_tip_distance",
    "mm",
    "from the tip to the anterior wall along a parallel to the superior endplate; negative: in "
    "front of the body",
    (-60, 90),
)
ROD: Final = Quantity(
    "rod_angle",
    "deg",
    "between the directions of the two ends of the rod, positive when it bows forward (lordotic)",
    (-120, 150),
)
#: Sites of the penetration: the endplate above the disc and the one below it.
ABOVE, BELOW = "inferior_endplate", "superior_endplate"
#: The outline of a cage is known to this part of the length of the endplate (standard deviation).
OUTLINE_SD: Final = 0.012


class Implants:
    """Every implant that a level could be given to."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``; implants without a level are counted nowhere."""
        del radiograph
        marks: Landmarks = provided["landmarks"]
        found: list[Measurement] = []
        flags: list[str] = []
        for implant in spine.implants:
            category = implant.instance.category
            if category == "cage" and len(implant.levels) == 2:
                found += _cage(marks, implant)
            elif category == "screw" and len(implant.levels) == 1:
                found += _screw(marks, implant)
            elif category == "rod" and implant.levels:
                found.append(_rod(marks, implant))
        for item in found:
            flags += [
                flag for flag in item.flags if flag.endswith(("outside_disc", "outside_body"))
            ]
        return Findings((*found, *_counts(spine)), flags=tuple(dict.fromkeys(flags)))


def mask_points(marks: Landmarks, instance: Instance) -> FloatArray:
    """Pixels of a mask in anatomical axes, (n, 2); every few where there are many."""
    step = max(int(np.sqrt(np.count_nonzero(instance.mask) / 1500)), 1)
    rows, columns = np.nonzero(instance.mask[::step, ::step])
    pixels = np.stack([columns, rows], axis=1) * float(step) + [instance.box.left, instance.box.top]
    return marks.to_anatomical(pixels)


def _cage(marks: Landmarks, implant: LabeledImplant) -> list[Measurement]:
    upper, lower = levels = implant.levels
    above, below = marks.corners(upper), marks.corners(lower)
    outline = _outline(mask_points(marks, implant.instance))
    along = geometry.superior_direction(below)
    length = np.hypot(along[..., 0], along[..., 1])
    back = below[:, geometry.SUPERIOR_POSTERIOR]
    generator = np.random.default_rng(SEED + 2)
    shift = OUTLINE_SD * np.nan_to_num(length[0]) * generator.standard_normal((1 + DRAWS, 2))
    shift[0] = 0.0
    points = outline[None] + shift[:, None]
    place = geometry.dot(points - back[:, None], geometry.unit(along)[:, None]) / length[:, None]
    ends = place.min(axis=1), place.max(axis=1)
    flags = ("cage_outside_disc",) if _beyond(ends[0], ends[1]) else ()
    found = [
        POSITION.measured(marks, levels, (ends[0] + ends[1]) / 2, instance=implant.id, flags=flags),
        GAP.measured(marks, levels, ends[0], instance=implant.id, flags=flags),
    ]
    for site, corners, middle in (
        (ABOVE, above[:, 2:], marks.middles(upper)[:, 1]),
        (BELOW, below[:, :2], marks.middles(lower)[:, 0]),
    ):
        beyond = _past(points, corners, middle, upward=site == ABOVE)
        found.append(
            PENETRATION.measured(marks, levels, beyond, site=site, instance=implant.id, flags=flags)
        )
    return found


def _outline(points: FloatArray) -> FloatArray:
    """Farthest points of the mask in 72 directions: what bounds every extent of a cage, (k, 2)."""
    angles = np.radians(np.arange(0, 360, 5))
    reach = points @ np.stack([np.cos(angles), np.sin(angles)])
    return np.asarray(points[np.unique(np.argmax(reach, axis=0))])


def _past(
    points: FloatArray, corners: FloatArray, middle: FloatArray, *, upward: bool
) -> FloatArray:
    """How far points (d, k, 2) reach past the endplate's curve at most, (d,); positive inside the body."""
    front, back = corners[:, 0], corners[:, 1]
    along = front - back
    length = np.hypot(along[:, 0], along[:, 1])
    direction = geometry.unit(along)
    normal = geometry.perpendicular(direction) * (1.0 if upward else -1.0)
    u = geometry.dot(points - back[:, None], direction[:, None]) / length[:, None]
    away = geometry.dot(points - back[:, None], normal[:, None])
    sag = geometry.dot(middle - (front + back) / 2, normal)
    curve = 4 * sag[:, None] * u * (1 - u)
    inside = (u >= 0) & (u <= 1)
    reach = np.where(inside, away - curve, -np.inf).max(axis=1)
    return np.where(np.isfinite(reach), reach, np.nan)


def _beyond(low: FloatArray, high: FloatArray) -> bool:
    """Whether a cage surely reaches past an end of the endplate, 0 to 1."""
    return bool(low[0] + _margin(low) < 0 or high[0] - _margin(high) > 1)


def _margin(values: FloatArray) -> float:
    """Half the 95 % interval of the draws ``values[1:]``; NaN where they are unknown."""
    known = values[1:][np.isfinite(values[1:])]
    return 1.96 * float(known.std()) if len(known) > 1 else np.nan


def _screw(marks: Landmarks, implant: LabeledImplant) -> list[Measurement]:
    levels = implant.levels
    corners = marks.corners(levels[0])
    forward = geometry.superior_direction(corners[0])
    toward = forward if np.isfinite(forward).all() else np.array([1.0, 0.0])
    axis = straight_axis(mask_points(marks, implant.instance), toward)
    if axis is None or _ends_behind(axis, corners[0]):
        return [
            quantity.missing(marks, levels, "implant_unclear", instance=implant.id)
            for quantity in (ANGLE, DEPTH, DISTANCE)
        ]
    generator = np.random.default_rng(SEED + 3)
    turn = axis.angle_sd * generator.standard_normal(1 + DRAWS)
    turn[0] = 0.0
    angle = geometry.signed_angle(geometry.superior_direction(corners), axis.along) + turn
    if levels[0] == "S1":
        found = [ANGLE.measured(marks, levels, angle, instance=implant.id)]
        return found + [
            quantity.missing(marks, levels, "no_walls", instance=implant.id)
            for quantity in (DEPTH, DISTANCE)
        ]
    shift = axis.point_sd * generator.standard_normal((1 + DRAWS, 2))
    shift[0] = 0.0
    depth, left = tip_depth(axis.tip + shift, corners)
    flags = ("screw_outside_body",) if _outside(axis, depth, corners) else ()
    return [
        ANGLE.measured(marks, levels, angle, instance=implant.id, flags=flags),
        DEPTH.measured(marks, levels, 100 * depth, instance=implant.id, flags=flags),
        DISTANCE.measured(marks, levels, left, instance=implant.id, flags=flags),
    ]


def tip_depth(tip: FloatArray, corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Part of the way from the posterior to the anterior wall, and what is left of it as a length.

    ``tip`` (..., 2), ``corners`` (..., 4, 2); along a parallel to the superior endplate.
    """
    along = geometry.unit(geometry.superior_direction(corners))
    walls = []
    for top, bottom in ((1, 3), (0, 2)):  # posterior, anterior
        wall = corners[..., bottom, :] - corners[..., top, :]
        start = corners[..., top, :] - tip
        # tip + t * along lies on the wall: cross products with the wall's direction
        across = along[..., 0] * wall[..., 1] - along[..., 1] * wall[..., 0]
        walls.append((start[..., 0] * wall[..., 1] - start[..., 1] * wall[..., 0]) / across)
    back, front = walls
    return -back / (front - back), front


def _ends_behind(axis: Axis, corners: FloatArray) -> bool:
    """Whether the tip lies behind the body's superior endplate: its head is seen, and not its shaft."""
    forward = geometry.superior_direction(corners)
    return bool(geometry.dot(axis.tip - corners[geometry.SUPERIOR_POSTERIOR], forward) < 0)


def _outside(axis: Axis, depth: FloatArray, corners: FloatArray) -> bool:
    """Whether the tip surely lies in front of the body, or past one of its endplates."""
    if depth[0] - _margin(depth) > 1:
        return True
    for front, back, sign in ((0, 1, 1.0), (2, 3, -1.0)):
        line = geometry.unit(corners[:, front] - corners[:, back])
        over = sign * geometry.dot(axis.tip - corners[:, back], geometry.perpendicular(line))
        if over[0] - np.hypot(_margin(over), 1.96 * axis.point_sd) > 0:
            return True
    return False


def _rod(marks: Landmarks, implant: LabeledImplant) -> Measurement:
    levels = tuple(level for level in implant.levels if marks.at(level) is not None)
    found = bend(mask_points(marks, implant.instance), np.array([0.0, 1.0]))
    if found is None:
        return ROD.missing(marks, levels, "implant_unclear", instance=implant.id)
    noise = found[1] * np.random.default_rng(SEED + 4).standard_normal(1 + DRAWS)
    noise[0] = 0.0
    return ROD.measured(marks, levels, found[0] + noise, instance=implant.id)


def _counts(spine: LabeledSpine) -> list[Measurement]:
    """How many implants of each kind every level carries: ``screw_count`` and so on."""
    counts = Counter(
        (implant.instance.category, levels)
        for implant in spine.implants
        for levels in _counted_at(implant)
    )
    return [
        Measurement(
            f"{category}_count",
            levels,
            float(number),
            "1",
            "found on the film at this level; one may hide another",
        )
        for (category, levels), number in counts.items()
    ]


def _counted_at(implant: LabeledImplant) -> list[tuple[str, ...]]:
    """A cage counts for its disc, everything else for every level that it holds."""
    if implant.instance.category == "cage":
        return [implant.levels] if len(implant.levels) == 2 else []
    return [(level,) for level in implant.levels]
