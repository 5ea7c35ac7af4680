"""From a candidate to an instance: corners with covariance and a full mask from canonical crops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.segmenters.compact import layout, windows
from spinemorph.segmenters.compact.candidates import Candidate, sigmoid
from spinemorph.segmenters.compact.weights import Networks, Outputs
from spinemorph.types import Box, FloatArray

#: Cells around the peak of a corner map that make its mean and spread.
REACH = 9


@dataclass(frozen=True, eq=False)
class Refined:
    """A candidate after refinement; ``affine`` maps square film pixels to the crop.

    ``covariance`` (4, 2, 2) of its corners; ``middles`` (2, 2) of its endplates with (2, 2, 2), NaN where the
    body has none or the weights know none.
    """

    candidate: Candidate
    covariance: FloatArray
    middles: FloatArray
    middle_covariance: FloatArray
    validity: float
    mask_logits: NDArray[np.float32]
    affine: FloatArray


#: The last look at a body is taken from several crops, whose mean is believed: as found, and turned
#: (degrees), scaled and shifted (parts of the crop's side) a little.
VIEWS = (
    (0.0, 1.0, 0.0, 0.0),
    (4.0, 1.06, 0.03, 0.02),
    (-4.0, 0.95, -0.03, 0.03),
    (3.0, 0.94, -0.02, -0.03),
    (-3.0, 1.05, 0.02, -0.03),
)


def refine(
    film: NDArray[np.float32],
    aspect: float,
    candidates: list[Candidate],
    facing_left: bool,
    networks: Networks,
    passes: int = 2,
) -> list[Refined]:
    """Refine all candidates together, ``passes`` times, each time from the corners just found.

    The last pass looks at every body from all :data:`VIEWS`.
    """
    refined: list[Refined] = []
    reduced: dict[int, NDArray[np.generic]] = {}
    for last in (False,) * (passes - 1) + (True,):
        if not candidates:
            return []
        views = VIEWS if last else VIEWS[:1]
        affines = [
            windows.after(_moved(view), _crop(candidate, facing_left))
            for candidate in candidates
            for view in views
        ]
        crops = np.stack([_seen(film, stretched(affine, aspect), reduced) for affine in affines])
        outputs = networks.refine(crops)
        variance = float(networks.facts.get("corner_variance", 1.0))
        every = [
            _read(candidates[i // len(views)], affine, outputs, i, variance)
            for i, affine in enumerate(affines)
        ]
        refined = [
            _agreed(every[i : i + len(views)], facing_left)
            for i in range(0, len(every), len(views))
        ]
        lines = networks.facts.get("middle_depth")
        if last and lines:
            refined = [with_true_depths(item, facing_left, lines) for item in refined]
        candidates = [item.candidate for item in refined]
    return refined


def _seen(
    film: NDArray[np.float32], affine: FloatArray, reduced: dict[int, NDArray[np.generic]]
) -> NDArray[np.float32]:
    crop = windows.cut(film, affine, layout.CROP, layout.CROP, reduced=reduced)
    return windows.channels(crop, layout.CROP_LOCAL)


def _moved(view: tuple[float, float, float, float]) -> FloatArray:
    turn, scale, right, down = view
    middle = (layout.CROP - 1) / 2
    target = (middle + right * layout.CROP, middle + down * layout.CROP)
    return windows.similarity((middle, middle), target, scale, np.deg2rad(turn))


def _agreed(views: list[Refined], facing_left: bool) -> Refined:
    """The mean of all views; what they disagree about adds to the covariance of the corners."""
    first = views[0]
    if len(views) == 1:
        return first
    mean, covariance = _mean(
        [view.candidate.corners for view in views], [view.covariance for view in views]
    )
    middles, middle_covariance = _mean(
        [view.middles for view in views], [view.middle_covariance for view in views]
    )
    sacrum = first.candidate.sacrum
    centre = windows.sacrum_centre(mean, facing_left) if sacrum else mean.mean(axis=0)
    logits = [first.mask_logits]
    to_grid = windows.coarser(first.affine, layout.CROP_STRIDE)
    for view in views[1:]:
        own = windows.coarser(view.affine, layout.CROP_STRIDE)
        logits.append(
            cv2.warpAffine(
                view.mask_logits,
                windows.after(to_grid, windows.invert(own)),
                first.mask_logits.shape[::-1],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    return Refined(
        replace(first.candidate, corners=mean, centre=centre),
        covariance,
        middles,
        middle_covariance,
        float(np.mean([view.validity for view in views])),
        np.mean(logits, axis=0, dtype=np.float32),
        first.affine,
    )


def depth_of(ends: FloatArray, middle: FloatArray, superior: bool, facing_left: bool) -> float:
    """How far ``middle`` (2,) lies inside the line between the anterior and the posterior end (2, 2)
    of an endplate, in lengths of that line; negative where it stands out.
    """
    inward = _inward(ends, superior, facing_left)
    return float(inward @ (middle - ends.mean(axis=0)) / max(float(inward @ inward), 1e-9))


def _inward(ends: FloatArray, superior: bool, facing_left: bool) -> FloatArray:
    """Across an endplate into its body, as long as the line between its ends."""
    along = ends[0] - ends[1]
    inward: FloatArray = np.array([-along[1], along[0]])
    return inward if superior != facing_left else -inward


def with_true_depths(
    item: Refined, facing_left: bool, lines: Mapping[str, tuple[float, float]]
) -> Refined:
    """Middles moved across their endplate to the depth that the one seen stands for.

    ``lines``: slope and shift by kind of endplate (benchmarks/calibrate_middles.py).
    """
    middles = item.middles.copy()
    for k, kind in enumerate(("sacrum",) if item.candidate.sacrum else ("superior", "inferior")):
        ends = item.candidate.corners[2 * k : 2 * k + 2]
        slope, shift = lines[kind]
        seen = depth_of(ends, middles[k], k == 0, facing_left)
        middles[k] += ((slope - 1) * seen + shift) * _inward(ends, k == 0, facing_left)
    return replace(item, middles=middles)


def _mean(points: list[FloatArray], covariances: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean of points (k, 2) over the views; what they disagree about adds to the mean covariance."""
    every = np.stack(points)
    away = every - every.mean(axis=0)
    spread = np.einsum("vki,vkj->kij", away, away) / (len(points) - 1)
    return every.mean(axis=0), np.mean(covariances, axis=0) + spread


def stretched(affine: FloatArray, aspect: float) -> FloatArray:
    """The same map from the film's own pixels, which are ``aspect`` times higher than wide."""
    return affine * np.array([1.0, aspect, 1.0])


def _crop(candidate: Candidate, facing_left: bool) -> FloatArray:
    if candidate.sacrum:
        return windows.sacrum_crop(candidate.corners[:2], facing_left)
    return windows.body_crop(candidate.corners, facing_left)


def _read(
    candidate: Candidate, affine: FloatArray, outputs: Outputs, i: int, variance: float
) -> Refined:
    kind = int(candidate.sacrum)
    maps = outputs["corners"][i]
    back = windows.invert(affine)
    corners, covariance = _points(
        maps[layout.SACRUM_CORNERS if kind else layout.BODY_CORNERS], 4, back, variance
    )
    middles, middle_covariance = _points(
        maps[layout.SACRUM_MIDDLES if kind else layout.BODY_MIDDLES], 2, back, variance
    )
    if kind:
        centre = windows.sacrum_centre(corners, bool(np.linalg.det(affine[:, :2]) > 0))
    else:
        centre = corners.mean(axis=0)
    return Refined(
        replace(candidate, corners=corners, centre=centre),
        covariance,
        middles,
        middle_covariance,
        float(sigmoid(outputs["validity"][i].astype(np.float64))[kind]),
        outputs["masks"][i, kind],
        affine,
    )


def _points(
    maps: NDArray[np.float32], count: int, back: FloatArray, variance: float
) -> tuple[FloatArray, FloatArray]:
    """Points (count, 2) of as many maps as there are, with covariance; NaN beyond them."""
    points, covariance = np.full((count, 2), np.nan), np.full((count, 2, 2), np.nan)
    for k, logits in enumerate(maps):
        mean, spread = _moments(logits)
        points[k] = windows.apply(back, mean)
        covariance[k] = back[:, :2] @ (spread * variance) @ back[:, :2].T
    return points, covariance


def _moments(logits: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Mean (2,) and covariance (2, 2) of a corner map in crop pixels, around its peak."""
    row, column = divmod(int(logits.argmax()), logits.shape[1])
    top, left = max(row - REACH, 0), max(column - REACH, 0)
    part = logits[top : row + REACH + 1, left : column + REACH + 1].astype(np.float64)
    p = np.exp(part - logits[row, column])
    p /= p.sum()
    across, down = p.sum(axis=0), p.sum(axis=1)
    x, y = np.arange(left, left + len(across)), np.arange(top, top + len(down))
    mean = np.array([(across * x).sum(), (down * y).sum()])
    dx, dy = x - mean[0], y - mean[1]
    cross = (p * dy[:, None] * dx).sum()
    spread = np.array([[(across * dx**2).sum(), cross], [cross, (down * dy**2).sum()]])
    stride = layout.CROP_STRIDE
    return mean * stride + (stride - 1) / 2, (spread + np.eye(2) * 0.02) * stride**2


def film_mask(
    logits: NDArray[np.float32],
    affine: FloatArray,
    stride: int,
    shape: tuple[int, int],
    largest: bool = True,
) -> tuple[NDArray[np.bool_], Box] | None:
    """A mask in film pixels from logits on a grid of ``stride``; ``affine`` maps film to window.

    None where nothing of it lies on the film.
    """
    to_grid = windows.coarser(affine, stride)
    back = windows.invert(to_grid)
    ys, xs = np.nonzero(logits > 0)
    if len(ys) == 0:
        return None
    ends = np.array(
        [[x, y] for x in (xs.min() - 1.5, xs.max() + 1.5) for y in (ys.min() - 1.5, ys.max() + 1.5)]
    )
    corners = windows.apply(back, ends)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, [shape[1], shape[0]])
    if right <= left or bottom <= top:
        return None
    inverse = back.copy()
    inverse[:, 2] -= [left, top]
    values = cv2.warpAffine(
        logits,
        inverse,
        (int(right - left), int(bottom - top)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-8.0,
    )
    mask = values > 0
    if largest and mask.any():
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        if count > 2:
            mask = parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if not mask.any():
        return None
    r, c = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(int(top + r[0]), int(left + c[0]), int(top + r[-1]) + 1, int(left + c[-1]) + 1)
    return mask[r[0] : r[-1] + 1, c[0] : c[-1] + 1], box
