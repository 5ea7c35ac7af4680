"""Recognition and composite recognition of a film, after Konya et al. 2021.

In the paper a radiologist judged whether a model found every lumbar vertebra and one sacral
vertebra as a distinct area. Here the rule is explicit:

* reference and predicted bodies of the same category are paired one to one by the Hungarian method
  on intersection over union; a pair counts from an IoU of 0.5;
* **recognized**: every reference body has a pair, and no predicted body is left over, except
  bodies above the topmost reference body (thoracic ones, which references often leave out) and
  specks under 1 % of the median reference body;
* **composite recognized**: recognized, and wherever two reference bodies overlap by at least 1 % of
  the smaller one, their predicted bodies share at least one pixel. Unknown (None) where the
  reference cannot hold overlaps, as a label mask cannot.

Implants take no part.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.anatomy import BODY_CATEGORIES
from spinemorph.data.overlap import Region, area, centroid, intersection, iou_matrix
from spinemorph.types import FloatArray

MATCH_IOU: Final = 0.5
OVERLAP_SHARE: Final = 0.01
SPECK_SHARE: Final = 0.01


@dataclass(frozen=True)
class Match:
    """Positions of a pair in the lists that were given, and its IoU."""

    predicted: int
    reference: int
    iou: float


@dataclass(frozen=True)
class Recognition:
    """The judgement of one film; every index is a position in the lists that were given.

    ``recognized`` is None only where the reference holds no body at all. ``missed``: reference
    bodies without a pair. ``extra``: predicted bodies left over that fail the film; ``excused``:
    those above the column and specks. ``separated``: overlapping reference bodies that were
    predicted as separate areas.
    """

    recognized: bool | None
    composite_recognized: bool | None
    matches: tuple[Match, ...]
    missed: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    excused: tuple[int, ...] = ()
    separated: tuple[tuple[int, int], ...] = ()


def match_instances(
    predicted: Sequence[Region], reference: Sequence[Region], threshold: float = MATCH_IOU
) -> tuple[Match, ...]:
    """One-to-one pairs of equal category with IoU of at least ``threshold``, by reference index.

    As many pairs as possible, and among those the largest sum of IoU (Hungarian method).
    """
    from scipy.optimize import linear_sum_assignment

    if not predicted or not reference:
        return ()
    iou = iou_matrix(predicted, reference)
    allowed = (iou >= threshold) & (iou > 0)
    more_than_any_sum = min(iou.shape) + 1.0
    rows, columns = linear_sum_assignment(
        np.where(allowed, more_than_any_sum + iou, 0.0), maximize=True
    )
    pairs = [
        Match(int(row), int(column), float(iou[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if allowed[row, column]
    ]
    return tuple(sorted(pairs, key=lambda pair: pair.reference))


def recognition(
    predicted: Sequence[Region],
    reference: Sequence[Region],
    *,
    reference_holds_overlaps: bool = True,
) -> Recognition:
    """Judge a film; ``predicted`` and ``reference`` are its instances with cropped masks."""
    bodies = [i for i, region in enumerate(reference) if region.category in BODY_CATEGORIES]
    candidates = [i for i, region in enumerate(predicted) if region.category in BODY_CATEGORIES]
    if not bodies:
        return Recognition(None, None, ())
    matches = tuple(
        Match(candidates[pair.predicted], bodies[pair.reference], pair.iou)
        for pair in match_instances(
            [predicted[i] for i in candidates], [reference[i] for i in bodies]
        )
    )
    found = {pair.reference for pair in matches}
    used = {pair.predicted for pair in matches}
    missed = tuple(i for i in bodies if i not in found)
    left_over = [i for i in candidates if i not in used]
    excused = _excused(predicted, left_over, [reference[i] for i in bodies])
    extra = tuple(i for i in left_over if i not in excused)
    recognized = not missed and not extra
    if not reference_holds_overlaps:
        return Recognition(recognized, None, matches, missed, extra, excused)
    separated = _separated(predicted, reference, matches)
    composite = recognized and not separated
    return Recognition(recognized, composite, matches, missed, extra, excused, separated)


def overlapping_pairs(regions: Sequence[Region]) -> tuple[tuple[int, int], ...]:
    """Pairs that share at least :data:`OVERLAP_SHARE` of the smaller region."""
    areas = [area(region) for region in regions]
    return tuple(
        (i, j)
        for i, j in itertools.combinations(range(len(regions)), 2)
        if intersection(regions[i], regions[j]) >= OVERLAP_SHARE * min(areas[i], areas[j])
    )


def _separated(
    predicted: Sequence[Region], reference: Sequence[Region], matches: Sequence[Match]
) -> tuple[tuple[int, int], ...]:
    pairs = overlapping_pairs([reference[match.reference] for match in matches])
    return tuple(
        (matches[i].reference, matches[j].reference)
        for i, j in pairs
        if not intersection(predicted[matches[i].predicted], predicted[matches[j].predicted])
    )


def _excused(
    predicted: Sequence[Region], left_over: Sequence[int], bodies: Sequence[Region]
) -> tuple[int, ...]:
    speck = SPECK_SHARE * float(np.median([area(body) for body in bodies]))
    top, upward, reach = _top_of_column(bodies)
    excused = []
    for index in left_over:
        region = predicted[index]
        height = float((centroid(region) - top) @ upward)
        above = region.category == "lumbar" and height > reach
        if above or area(region) < speck:
            excused.append(index)
    return tuple(excused)


def _top_of_column(bodies: Sequence[Region]) -> tuple[FloatArray, FloatArray, float]:
    """Centre of the topmost body, the unit vector upward along the column, and how far the body
    itself reaches that way from its centre.
    """
    centres = sorted((centroid(body) for body in bodies), key=lambda centre: float(centre[1]))
    topmost = min(bodies, key=lambda body: float(centroid(body)[1]))
    step = centres[0] - centres[1] if len(centres) > 1 else np.array([0.0, -1.0])
    length = float(np.hypot(*step))
    upward = step / length if length > 0 else np.array([0.0, -1.0])
    rows, columns = np.nonzero(topmost.mask)
    points = np.column_stack([columns + topmost.box.left, rows + topmost.box.top])
    return centres[0], upward, float(((points - centres[0]) @ upward).max())
