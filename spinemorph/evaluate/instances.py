"""How well each matched body is outlined: overlap, surface distances, corner error.

Surfaces are the pixels of a mask that touch the outside by an edge (or the edge of the image). For
every surface pixel of one mask the distance to the nearest surface pixel of the other is taken, both
ways together: the 95 % Hausdorff distance is the larger of the two directions' 95th percentiles,
the surface distance the mean over all surface pixels of both. Pixels that are not square count with
their aspect: distances "in pixels" are in widths of a pixel; millimetres need a spacing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemorph.anatomy import BODY_CATEGORIES
from spinemorph.data.annotation import AnnotatedInstance, Annotation
from spinemorph.data.overlap import area, intersection
from spinemorph.evaluate.recognition import match_instances
from spinemorph.types import Box, FloatArray


@dataclass(frozen=True)
class InstanceScore:
    """One reference body and its prediction. Distances in widths of a pixel.

    ``corner_error``: mean distance of the corners that both sides know, or None; ``body_height``:
    mean distance of superior to inferior corners of the reference where known, or None.
    """

    category: str
    level: str | None
    iou: float
    dice: float
    hausdorff95: float
    surface_distance: float
    corner_error: float | None
    body_height: float | None


def score_instances(predicted: Annotation, reference: Annotation) -> tuple[InstanceScore, ...]:
    """Scores of every reference body that has a prediction (IoU of 0.5 or more).

    Both annotations must be rasterized.
    """
    ours = [each for each in predicted.instances if each.category in BODY_CATEGORIES]
    theirs = [each for each in reference.instances if each.category in BODY_CATEGORIES]
    return tuple(
        _score(ours[pair.predicted], theirs[pair.reference], reference.aspect)
        for pair in match_instances(ours, theirs)
    )


def _score(ours: AnnotatedInstance, theirs: AnnotatedInstance, aspect: float) -> InstanceScore:
    shared, total = intersection(ours, theirs), area(ours) + area(theirs)
    hausdorff, mean = surface_distances(ours, theirs, aspect)
    return InstanceScore(
        category=theirs.category,
        level=theirs.level,
        iou=shared / (total - shared),
        dice=2 * shared / total,
        hausdorff95=hausdorff,
        surface_distance=mean,
        corner_error=corner_error(ours.corners, theirs.corners, aspect),
        body_height=_height(theirs.corners, aspect),
    )


def surface_distances(
    first: AnnotatedInstance, second: AnnotatedInstance, aspect: float = 1.0
) -> tuple[float, float]:
    """95 % Hausdorff distance and mean surface distance of two masks, in widths of a pixel."""
    from scipy.ndimage import distance_transform_edt

    a, b = first.box, second.box
    both = Box(
        min(a.top, b.top), min(a.left, b.left), max(a.bottom, b.bottom), max(a.right, b.right)
    )
    edges = [_surface(_placed(each, both)) for each in (first, second)]
    sampling = (aspect, 1.0)
    there, back = (
        distance_transform_edt(~edges[1 - side], sampling=sampling)[edges[side]] for side in (0, 1)
    )
    hausdorff = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return hausdorff, float(np.concatenate([there, back]).mean())


def corner_error(
    ours: FloatArray | None, theirs: FloatArray | None, aspect: float = 1.0
) -> float | None:
    """Mean distance of corners (4, 2) known on both sides, in widths of a pixel; None without."""
    if ours is None or theirs is None:
        return None
    step = (ours - theirs) * (1.0, aspect)
    distances = np.hypot(step[:, 0], step[:, 1])
    known = np.isfinite(distances)
    return float(distances[known].mean()) if known.any() else None


def _height(corners: FloatArray | None, aspect: float) -> float | None:
    if corners is None:
        return None
    step = (corners[2:] - corners[:2]) * (1.0, aspect)
    height = float(np.hypot(step[:, 0], step[:, 1]).mean())
    return height if math.isfinite(height) and height > 0 else None


def _placed(instance: AnnotatedInstance, box: Box) -> NDArray[np.bool_]:
    whole = np.zeros(box.shape, bool)
    top, left = instance.box.top - box.top, instance.box.left - box.left
    rows, columns = instance.mask.shape
    whole[top : top + rows, left : left + columns] = instance.mask
    return whole


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    framed = np.pad(mask, 1)
    inner = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return mask & ~inner
