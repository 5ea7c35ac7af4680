"""Bodies out of a fused class mask, which is all that a semantic network gives.

1. Fragments of one class that lie in a body of the other change sides, holes are filled, specks go.
2. A curve is fitted through the column and the column is laid out straight along it.
3. It is cut at the disc spaces: where the width profile is low or notched and the bodies between get
   heights like their neighbours'; so parts of one body are kept together, too.
4. A watershed from the middles of the bodies, on how far from the bone's edge and how unlikely bone is,
   gives every pixel to one body: along the cuts where bodies are fused, along their own outlines elsewhere.

The sacrum is one region, the largest that lies at an end of the column. Any other category is as many
regions as it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.segmenters.disc_cuts import Cut, disc_cuts
from spinemorph.segmenters.spine_curve import PER_DEPTH, SpineCurve, spine_curve
from spinemorph.types import FloatArray

Mask = NDArray[np.bool_]

#: Regions with less than this part of the largest one's area are specks.
SPECK: Final = 0.04
#: A fragment this small beside a typical body changes its class where it mostly borders on the other's.
FRAGMENT: Final = 0.3
BORDERING: Final = 0.5
#: A body has at least this part of the typical body's area; at an end of the column the film may cut it.
SMALLEST: Final = 0.25
SMALLEST_AT_END: Final = 0.06
#: Regions whose centre lies so far from the curve are no bodies, in depths of a body.
BESIDE: Final = 0.75
#: Half the band around a cut that belongs to no seed of the watershed, in steps of the column.
BAND: Final = 2.0
#: Fewest pixels of a body.
FEWEST: Final = 6


@dataclass(frozen=True, eq=False)
class SplitBody:
    """One body: ``score`` is its mean probability, ``mask`` (rows, columns) shares no pixel with others."""

    category: str
    score: float
    mask: Mask


def split_fused(
    probabilities: NDArray[np.float32], categories: Sequence[str] = ("lumbar", "sacrum")
) -> list[SplitBody]:
    """The bodies of one film, from the top of the column downward, then the sacrum, then implants.

    ``probabilities``: (1 + categories, rows, columns), background first, summing to 1 in every pixel.
    ValueError where the shape does not fit.
    """
    probabilities = np.asarray(probabilities, np.float32)
    if probabilities.ndim != 3 or len(probabilities) != len(categories) + 1:
        raise ValueError(
            f"probabilities: expected ({len(categories) + 1}, rows, columns), got "
            f"{probabilities.shape}"
        )
    whole = probabilities.argmax(0)
    if not whole.any():
        return []
    near = _around(whole > 0)
    probabilities, labels = probabilities[:, *near], whole[near]
    own = {name: labels == number for number, name in enumerate(categories, start=1)}
    nothing = np.zeros(labels.shape, bool)
    lumbar, sacrum = own.get("lumbar", nothing), own.get("sacrum", nothing)
    lumbar, sacrum = _fragments_changed(lumbar, sacrum)
    bone = sum(
        probabilities[number]
        for number, name in enumerate(categories, start=1)
        if name in {"lumbar", "sacrum"}
    )
    masks: list[tuple[str, Mask]] = []
    bodies = _bodies(lumbar, sacrum, np.asarray(bone, np.float32))
    masks += [("lumbar", body) for body in bodies]
    last = _sacrum(sacrum, bodies)
    if last is not None:
        masks.append(("sacrum", last))
    for name, mask in own.items():
        if name not in {"lumbar", "sacrum"}:
            masks += [(name, part) for part in _regions(mask, 0.0)]
    certain = probabilities.max(0)
    return [
        SplitBody(name, float(certain[mask].mean()), _placed(mask, near, whole.shape))
        for name, mask in masks
    ]


def split_labels(
    labels: NDArray[np.integer], categories: Sequence[str] = ("lumbar", "sacrum")
) -> list[SplitBody]:
    """The bodies in a label map (rows, columns): 0 background, then the categories."""
    numbers = np.arange(len(categories) + 1)[:, None, None]
    return split_fused((np.asarray(labels)[None] == numbers).astype(np.float32), categories)


def _around(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns that hold the mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _placed(part: Mask, where: tuple[slice, slice], shape: tuple[int, ...]) -> Mask:
    """A part of a mask at its place in the whole."""
    whole = np.zeros(shape, bool)
    whole[where] = part
    return whole


def _filled(mask: Mask) -> Mask:
    """The mask without its holes: what cannot be reached from outside of its box."""
    if not mask.any():
        return mask
    box = _around(mask)
    outside = np.pad(~mask[box], 1, constant_values=True)
    return _placed(_labelled(outside)[0][1:-1, 1:-1] != 1, box, mask.shape)


def _regions(mask: Mask, least: float) -> list[Mask]:
    """Connected regions with at least the part ``least`` of the largest one's pixels, largest first."""
    numbers, areas = _labelled(mask)
    if not len(areas):
        return []
    order = np.argsort(-areas, kind="stable")
    floor = max(float(areas.max()) * least, FEWEST)
    return [numbers == index + 1 for index in order if areas[index] >= floor]


def _labelled(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Numbers of the connected regions (rows, columns), and their areas."""
    import cv2

    count, numbers, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    del count
    return numbers, statistics[1:, cv2.CC_STAT_AREA].astype(np.int64)


def _fragments_changed(lumbar: Mask, sacrum: Mask) -> tuple[Mask, Mask]:
    """Small fragments of one class that mostly border on the other's bone are that class."""
    from scipy import ndimage

    for _ in range(2):
        swaps = []
        for mask, other in ((lumbar, sacrum), (sacrum, lumbar)):
            numbers, areas = _labelled(mask)
            others = _labelled(other)[1]
            change = np.zeros(mask.shape, bool)
            if len(areas) and len(others):
                boxes = ndimage.find_objects(numbers)
                for index, area in enumerate(areas):
                    if area <= FRAGMENT * others.max() and len(areas) > 1:
                        change |= _bordering(numbers, index + 1, boxes[index], other)
            swaps.append(change)
        if not (swaps[0].any() or swaps[1].any()):
            break
        to_sacrum, to_lumbar = swaps
        lumbar, sacrum = (lumbar & ~to_sacrum) | to_lumbar, (sacrum & ~to_lumbar) | to_sacrum
    return lumbar, sacrum


def _bordering(
    numbers: NDArray[np.int32], number: int, box: tuple[slice, slice], other: Mask
) -> Mask:
    """The region where most of its border is ``other``, else nothing."""
    from scipy import ndimage

    near = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
    part = numbers[near] == number
    ring = ndimage.binary_dilation(part) & ~part
    found = np.zeros(numbers.shape, bool)
    if ring.any() and other[near][ring].mean() >= BORDERING:
        found[near] = part
    return found


def _bodies(lumbar: Mask, sacrum: Mask, bone: NDArray[np.float32]) -> list[Mask]:
    """The bodies of the column from its top downward."""
    regions = _regions(lumbar, SPECK)
    if not regions:
        return []
    column = np.logical_or.reduce(regions)
    below = _regions(sacrum, 1.0)[:1]
    near = below[0] if below else None
    curve = spine_curve(column, near)
    kept = _near_curve(regions, curve)
    if len(kept) < len(regions):
        column = np.logical_or.reduce(kept)
        curve = spine_curve(column, near)
    column = _filled(column | sacrum) & ~sacrum
    laid_out = curve.straightened(np.where(column, bone, 0).astype(np.float32))
    cuts = disc_cuts(laid_out, PER_DEPTH)
    return _plausible(_watershed(column, bone, curve, cuts), curve)


def _near_curve(regions: Sequence[Mask], curve: SpineCurve) -> list[Mask]:
    """The regions that lie on the curve; all of them where none does."""
    centres = np.array([np.argwhere(region).mean(0)[::-1] for region in regions])
    away = np.abs(curve.coordinates(centres)[1]) / PER_DEPTH
    kept = [region for region, far in zip(regions, away, strict=True) if far <= BESIDE]
    return kept or list(regions)


def _watershed(
    column: Mask, bone: NDArray[np.float32], curve: SpineCurve, cuts: Sequence[Cut]
) -> list[Mask]:
    """The column's pixels by body, flooded from seeds between the cuts."""
    from scipy import ndimage
    from skimage.segmentation import watershed

    rows, columns = np.nonzero(column)
    along, aside = curve.coordinates(np.column_stack([columns, rows]).astype(float))
    seed = np.ones(len(rows), int)
    inside = np.ones(len(rows), bool)
    for cut in cuts:
        beyond = along - (cut.at + cut.tilt * aside)
        seed += beyond > 0
        inside &= np.abs(beyond) > BAND
    box = _around(column)
    top, left = box[0].start, box[1].start
    markers = np.zeros(column[box].shape, np.int32)
    markers[rows - top, columns - left] = np.where(inside, seed, 0)
    markers = _main_parts(markers)
    depth = ndimage.distance_transform_edt(np.pad(column[box], 1))[1:-1, 1:-1]
    height = (1 - bone[box]) - 0.5 * np.minimum(depth / (0.2 * curve.depth), 1)
    flooded = watershed(np.round(height, 1), markers, mask=column[box])
    bodies = []
    for number, where in enumerate(ndimage.find_objects(flooded), start=1):
        if where is None:
            continue
        part = flooded[where] == number
        if np.count_nonzero(part) >= FEWEST:
            part = _filled(part) & ((flooded[where] == 0) | part)
            bodies.append(_placed(_placed(part, where, flooded.shape), box, column.shape))
    return bodies


def _main_parts(markers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Seeds without their crumbs: what a neighbour's rim leaves beyond a cut is no seed."""
    from scipy import ndimage

    kept = np.zeros_like(markers)
    for number, box in enumerate(ndimage.find_objects(markers), start=1):
        if box is None:
            continue
        numbers, areas = _labelled(markers[box] == number)
        large = 1 + np.flatnonzero(areas >= 0.15 * areas.max())
        kept[box][np.isin(numbers, large)] = number
    return kept


def _plausible(bodies: Sequence[Mask], curve: SpineCurve) -> list[Mask]:
    """The bodies that are large enough beside the others and lie on the curve."""
    if not bodies:
        return []
    areas = np.array([np.count_nonzero(body) for body in bodies], float)
    typical = float(np.median(areas[areas >= 0.4 * areas.max()]))
    ends = {0, len(bodies) - 1}
    least = [SMALLEST_AT_END if i in ends else SMALLEST for i in range(len(bodies))]
    large = [
        body
        for body, area, part in zip(bodies, areas, least, strict=True)
        if area >= part * typical
    ]
    return _near_curve(large, curve)


def _sacrum(sacrum: Mask, bodies: Sequence[Mask]) -> Mask | None:
    """The largest region of the sacrum, holes filled; one between two bodies or in one is none."""
    regions = _regions(sacrum, 0.3)
    centres = np.array([np.argwhere(body).mean(0) for body in bodies]).reshape(-1, 2)
    taken = np.logical_or.reduce(bodies) if bodies else np.zeros(sacrum.shape, bool)
    for region in regions:
        if len(bodies) >= 4 and _between(np.argwhere(region).mean(0), centres):
            continue
        filled: Mask = _filled(region) & ~taken
        if np.count_nonzero(filled) >= FEWEST:
            return filled
    return None


def _between(centre: FloatArray, centres: FloatArray) -> bool:
    """Whether two bodies or more lie on each side of the centre along the column."""
    axis = centres[-1] - centres[0]
    beyond = (centres - centre) @ axis
    return bool((beyond > 0).sum() >= 2 and (beyond < 0).sum() >= 2)
