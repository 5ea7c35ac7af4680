"""Implants: numbered from above downward, with the levels that they touch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.label.bodies import Body, centre_of, shared_pixels
from spinemorph.types import FloatArray, Instance, LabeledImplant

#: A rod or plate holds a body whose centre it misses by at most this part of the way to the next one:
#: its ends hold screws, which enter the upper half of a body.
_BEYOND = 0.25


def label_implants(
    implants: Sequence[Instance],
    path: Sequence[Body],
    levels: Sequence[str | None],
    aspect: float,
) -> tuple[LabeledImplant, ...]:
    """Implants from above downward, counted within their category.

    ``path`` and ``levels``: the column from below upward. Without numbered bodies no implant has a level.
    """
    known = [(b, name) for b, name in zip(path, levels, strict=True) if name is not None]
    bodies, names = [item[0] for item in known], [item[1] for item in known]
    counts: dict[str, int] = {}
    labeled = []
    for instance in sorted(implants, key=lambda item: (item.box.top, item.box.left)):
        counts[instance.category] = counts.get(instance.category, 0) + 1
        touched = _touched(instance, bodies, names, aspect) if len(bodies) > 1 else ()
        name = f"{instance.category}-{counts[instance.category]}"
        labeled.append(LabeledImplant(name, instance, touched))
    return tuple(labeled)


def _touched(
    instance: Instance, bodies: Sequence[Body], names: Sequence[str], aspect: float
) -> tuple[str, ...]:
    """Levels from above downward: of a cage the two beside its disc, of a rod or plate all along it,
    of a body replacement the one it stands for, of everything else the body that holds it.
    """
    places = np.array([LEVELS_UPWARD.index(name) for name in names], dtype=float)
    centres = np.array([body.centre for body in bodies])
    if instance.category in ("rod", "plate"):
        rows, columns = np.nonzero(instance.mask)
        points = np.stack([columns + instance.box.left, (rows + instance.box.top) * aspect], axis=1)
        along = _place(points, centres, places)
        inside = (places >= along.min() - _BEYOND) & (places <= along.max() + _BEYOND)
        return tuple(names[i] for i in np.nonzero(inside)[0][::-1])
    middle = centre_of(instance) * [1.0, aspect]
    at = float(_place(middle[None], centres, places)[0])
    if instance.category == "cage":
        pair = [int(np.floor(at)) + 1, int(np.floor(at))]
        return tuple(LEVELS_UPWARD[i] for i in pair if 0 <= i < len(LEVELS_UPWARD))
    if instance.category == "body_replacement":
        return (LEVELS_UPWARD[int(np.clip(round(at), 0, len(LEVELS_UPWARD) - 1))],)
    shared = [shared_pixels(instance, body.instance) for body in bodies]
    best = int(np.argmax(shared)) if max(shared) > 0 else int(np.argmin(np.abs(places - at)))
    return (names[best],)


def _place(points: FloatArray, centres: FloatArray, places: FloatArray) -> FloatArray:
    """Where points (n, 2) lie along the column: 0 at S1, 1 at L5, between them in between.

    Nearest point of the broken line through the centres, whose end pieces go on straight.
    """
    start, step = centres[:-1], np.diff(centres, axis=0)
    length = np.maximum((step**2).sum(axis=1), 1e-9)
    along = ((points[:, None] - start) * step).sum(axis=2) / length
    low = np.where(np.arange(len(step)) == 0, -1.0, 0.0)
    high = np.where(np.arange(len(step)) == len(step) - 1, 2.0, 1.0)
    along = np.clip(along, low, high)
    nearest = start + along[..., None] * step
    which = np.argmin(((points[:, None] - nearest) ** 2).sum(axis=2), axis=1)
    part = along[np.arange(len(points)), which]
    return np.asarray(places[which] + part * np.diff(places)[which])
