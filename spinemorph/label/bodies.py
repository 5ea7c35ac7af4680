"""Candidates for a body with their geometry, and the suppression of second outlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spinemorph.chain import Nodes
from spinemorph.types import FloatArray, Instance

#: Bodies at least this strong stand by themselves; weaker ones only close a gap between two others.
ACCEPTED: Final = 0.5
#: Two outlines are one body when they share this much of the smaller one.
SAME_BODY: Final = 0.5
#: Depth over height of a body whose corners are not known.
DEPTH_OVER_HEIGHT: Final = 1.25


@dataclass(frozen=True, eq=False)
class Body:
    """A candidate with its geometry in square pixels; ``up`` points to the head."""

    instance: Instance
    centre: FloatArray
    up: FloatArray
    height: float

    @property
    def sacrum(self) -> bool:
        return self.instance.category == "sacrum"

    @property
    def score(self) -> float:
        return self.instance.score

    @property
    def weak(self) -> bool:
        """Not trusted by itself; S1 has a threshold of its own."""
        return not self.sacrum and self.score < ACCEPTED


def body_of(instance: Instance, aspect: float) -> Body:
    """Geometry from the corners, or from the mask alone (an upright body of usual shape)."""
    square = np.array([1.0, aspect])
    centre = centre_of(instance) * square
    height = float(np.sqrt(np.count_nonzero(instance.mask) * aspect / DEPTH_OVER_HEIGHT))
    up = np.array([0.0, -1.0])
    if instance.corners is not None and np.isfinite(instance.corners).all():
        corners = instance.corners * square
        direction = (corners[:2] - corners[2:]).mean(axis=0)
        length = float(np.linalg.norm(direction))
        if length > 0:
            centre, height, up = corners.mean(axis=0), length, direction / length
    return Body(instance, centre, up, height)


def centre_of(instance: Instance) -> FloatArray:
    """Centre x, y of the mask in pixels of the film."""
    moments = cv2.moments(instance.mask.astype(np.uint8))
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    return np.asarray(middle + [instance.box.left, instance.box.top])


def nodes_of(bodies: Sequence[Body]) -> Nodes:
    """The bodies as candidates of a path."""
    return Nodes(
        np.array([body.centre for body in bodies]).reshape(-1, 2),
        np.array([body.up for body in bodies]).reshape(-1, 2),
        np.array([body.height for body in bodies]),
        np.array([body.score for body in bodies]),
        np.array([body.sacrum for body in bodies], dtype=bool),
    )


def distinct(bodies: Iterable[Body]) -> tuple[list[Body], int]:
    """Non-maximum suppression: of outlines of the same body the strongest stays.

    Returns the bodies that stay and how many accepted ones were removed. A body that was found both as
    lumbar and as sacrum stays twice: the column decides which it is.
    """
    kept: list[Body] = []
    removed = 0
    for body in sorted(bodies, key=lambda item: -item.score):
        if any(body.sacrum == other.sacrum and same_body(body, other) for other in kept):
            removed += body.score >= ACCEPTED
        else:
            kept.append(body)
    return kept, removed


def same_body(a: Body, b: Body) -> bool:
    """Whether two outlines show one body: centres close, or one mostly inside the other."""
    if float(np.linalg.norm(a.centre - b.centre)) < 0.4 * min(a.height, b.height):
        return True
    smaller = min(int(np.count_nonzero(item.instance.mask)) for item in (a, b))
    return shared_pixels(a.instance, b.instance) > SAME_BODY * smaller


def shared_pixels(a: Instance, b: Instance) -> int:
    """Pixels that two instances share."""
    top, bottom = max(a.box.top, b.box.top), min(a.box.bottom, b.box.bottom)
    left, right = max(a.box.left, b.box.left), min(a.box.right, b.box.right)
    if top >= bottom or left >= right:
        return 0
    parts = [
        item.mask[
            top - item.box.top : bottom - item.box.top, left - item.box.left : right - item.box.left
        ]
        for item in (a, b)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))
