"""Vertebral deformity: how much height a body has lost, its type and its grade after Genant.

A low height describes a shape, a deformity; it is not the diagnosis of a fracture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.reference import normal_wedge
from spinemorph.types import FloatArray, LabeledSpine, Measurement, Radiograph

_POSSIBLE = (-100.0, 95.0)
ANTERIOR: Final = Quantity(
    "height_loss_anterior",
    "%",
    "anterior height against the posterior one less what the normal wedge of the level takes",
    _POSSIBLE,
)
MIDDLE: Final = Quantity(
    "height_loss_middle",
    "%",
    "middle height against the mean of the normal anterior and the posterior one, as in the sound bodies of "
    "the film",
    _POSSIBLE,
)
POSTERIOR: Final = Quantity(
    "height_loss_posterior",
    "%",
    "posterior height against the mean of up to two sound bodies on either side, L5 left out",
    _POSSIBLE,
)
GRADE: Final = Quantity(
    "genant_grade",
    "1",
    "grade of deformity by the greatest loss of height: 1 from 20 %, 2 from 25 %, 3 from 40 % (Genant 1993)",
)
#: Loss in percent from which each grade counts; a bound belongs to the grade above it.
BOUNDS: Final = (20.0, 25.0, 40.0)
#: The posterior height of L5 is normally lower than those above: it is neither measured nor a measure.
LOW_BEHIND: Final = "L5"
NO_NORMAL, NO_NEIGHBOUR = "no_normal_shape", "no_sound_neighbour"
#: A body is hidden where implants cover more than this part of it.
HIDDEN: Final = 0.15
#: A deformed body that was taken for a sound one is found when those that are worse are left out.
_ROUNDS: Final = 4


@dataclass(frozen=True, eq=False)
class _Shape:
    """Draws (1 + n,) of one body: heights anterior, middle, posterior, and mean depth."""

    level: str
    anterior: FloatArray
    middle: FloatArray
    posterior: FloatArray
    depth: FloatArray

    @property
    def hollow(self) -> FloatArray:
        return 2 * self.middle / (self.anterior + self.posterior)


class VertebralShape:
    """Every numbered body above S1; needs ``landmarks``."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Losses of height in percent, and the grade with the type as label."""
        marks: Landmarks = provided["landmarks"]
        sex = None if radiograph is None else radiograph.source.sex
        shapes = [_shape(marks, level) for level in marks.levels() if level != "S1"]
        sound = _sound(shapes, sex)
        hidden = _hidden(spine)
        found: list[Measurement] = []
        for shape in shapes:
            losses = _losses(shape, [other for other in sound if other is not shape], sex)
            found += _measured(marks, shape.level, losses, shape.level in hidden)
        return Findings(tuple(found))


def _shape(marks: Landmarks, level: str) -> _Shape:
    corners, middles = marks.corners(level), marks.middles(level)
    anterior, posterior = geometry.vertebral_heights(corners)
    middle = geometry.distance(middles[:, 0], middles[:, 1])
    depth = np.mean(geometry.vertebral_depths(corners), axis=0)
    return _Shape(level, anterior, middle, posterior, depth)


def _sound(shapes: list[_Shape], sex: str | None) -> list[_Shape]:
    """The bodies that have lost less than 20 % of any height, against one another."""
    sound = shapes
    for _ in range(_ROUNDS):
        kept = []
        for shape in shapes:
            losses = _losses(shape, [other for other in sound if other is not shape], sex)
            if not any(float(draws[0]) >= BOUNDS[0] for draws, _ in losses):
                kept.append(shape)
        if kept == sound:
            break
        sound = kept
    return sound


_Loss = tuple[FloatArray, str | None]


def _losses(shape: _Shape, others: list[_Shape], sex: str | None) -> tuple[_Loss, _Loss, _Loss]:
    """Draws of the loss in percent in front, in the middle and behind, each with why it is unknown."""
    unknown = np.full(len(shape.posterior), np.nan)
    expected, lost_behind, behind = shape.posterior, unknown, NO_NORMAL
    if shape.level != LOW_BEHIND:
        near = _nearest(shape, [other for other in others if other.level != LOW_BEHIND])
        behind = NO_NEIGHBOUR
        if near:
            usual = np.mean([other.posterior for other in near], axis=0)
            lost_behind = 100 * (1 - shape.posterior / usual)
            if (
                lost_behind[0] >= BOUNDS[0]
            ):  # what is lost behind cannot be the measure of the front
                expected = usual
    wedge = normal_wedge(shape.level, sex)
    front, lost_front = unknown, unknown
    if wedge is not None:
        front = expected - 2 * np.tan(np.radians(wedge / 2)) * shape.depth
        lost_front = 100 * (1 - shape.anterior / front)
    lost_middle, middle = unknown, NO_NORMAL if wedge is None else NO_NEIGHBOUR
    if wedge is not None and others:
        usual = np.median([other.hollow for other in others], axis=0)
        lost_middle = 100 * (1 - shape.middle / (usual * (front + expected) / 2))
    return (
        (lost_front, None if wedge is not None else NO_NORMAL),
        (lost_middle, None if np.isfinite(lost_middle[0]) else middle),
        (lost_behind, None if np.isfinite(lost_behind[0]) else behind),
    )


def _nearest(shape: _Shape, others: list[_Shape]) -> list[_Shape]:
    """Up to two bodies on either side, by the order of levels."""
    place = LEVELS_UPWARD.index(shape.level)
    steps = [(LEVELS_UPWARD.index(other.level) - place, other) for other in others]
    return [other for step, other in steps if abs(step) <= 2]


def _measured(
    marks: Landmarks, level: str, losses: tuple[_Loss, _Loss, _Loss], hidden: bool
) -> list[Measurement]:
    at, flags = (level,), ("implant_hides",) if hidden else ()
    found = []
    for quantity, (draws, reason) in zip((ANTERIOR, MIDDLE, POSTERIOR), losses, strict=True):
        item = quantity.measured(marks, at, draws, flags=flags)
        if item.reason == "corner_uncertain" and reason is not None:
            item = replace(item, reason=reason)
        found.append(item)
    return [*found, _graded(marks, at, found, losses, flags)]


def _graded(
    marks: Landmarks,
    at: tuple[str, ...],
    items: list[Measurement],
    losses: tuple[_Loss, _Loss, _Loss],
    flags: tuple[str, ...],
) -> Measurement:
    """The grade of the greatest loss; without the front and one more height there is none."""
    anterior, middle, posterior = items
    known = [item for item in items if item.value is not None]
    if anterior.value is None or len(known) < 2:
        reason = next(item.reason for item in (*items[:1], *items[1:]) if item.reason is not None)
        empty = GRADE.measured(marks, at, np.full(len(losses[0][0]), np.nan), flags=flags)
        return replace(empty, reason=reason)
    greatest = max(known, key=lambda item: item.value if item.value is not None else -np.inf)
    assert greatest.value is not None  # noqa: S101  narrows the type
    grade = grade_of(greatest.value)
    interval = None
    if greatest.interval95 is not None:
        low, high = greatest.interval95
        interval = float(grade_of(low)), float(grade_of(high))
    kind = "none"
    if grade > 0 and posterior.value is not None and posterior.value >= BOUNDS[0]:
        kind = "crush deformity"
    elif grade > 0:
        kind = "biconcave deformity" if greatest is middle else "wedge deformity"
    return Measurement(
        GRADE.name,
        at,
        float(grade),
        GRADE.unit,
        GRADE.definition,
        label=kind,
        interval95=interval,
        flags=greatest.flags,
    )


def grade_of(loss: float) -> int:
    """Grade 0 to 3 of a loss of height in percent."""
    return int(np.searchsorted(BOUNDS, loss, side="right"))


def _hidden(spine: LabeledSpine | None) -> set[str]:
    """Levels of which implants cover a good part."""
    found: set[str] = set()
    for body in spine.vertebrae if spine is not None else ():
        own = body.instance
        covered = np.zeros_like(own.mask)
        for implant in spine.implants if spine is not None else ():
            box, other = own.box, implant.instance.box
            top, left = max(box.top, other.top), max(box.left, other.left)
            bottom, right = min(box.bottom, other.bottom), min(box.right, other.right)
            if top < bottom and left < right:
                covered[top - box.top : bottom - box.top, left - box.left : right - box.left] |= (
                    implant.instance.mask[
                        top - other.top : bottom - other.top, left - other.left : right - other.left
                    ]
                )
        hidden = np.count_nonzero(covered & own.mask)
        if body.level is not None and hidden > HIDDEN * np.count_nonzero(own.mask):
            found.add(body.level)
    return found
