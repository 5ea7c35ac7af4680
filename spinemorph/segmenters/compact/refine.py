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


#: Degrees of a turn, scale, and shift to the right and down in parts of the crop's side.
View = tuple[float, float, float, float]
#: The crop as it was found.
PLAIN: View = (0.0, 1.0, 0.0, 0.0)
#: A body is looked at in several crops, turned, scaled and shifted a little, whose mean is believed.
VIEWS: tuple[View, ...] = (
    (4.0, 1.06, 0.03, 0.02),
    (-3.0, 1.05, 0.02, -0.03),
    (0.0, 0.97, 0.0, 0.03),
)


def refine(
    film: NDArray[np.float32],
    aspect: float,
    candidates: list[Candidate],
    facing_left: bool,
    networks: Networks,
) -> list[Refined]:
    """Refine all candidates together, each seen from all :data:`VIEWS`.

    The finder is less sure of S1 than of bodies: it is looked at once before, from where it was found.
    """
    reduced: dict[int, NDArray[np.generic]] = {}

    def look(chosen: list[Candidate], views: tuple[View, ...]) -> list[Refined]:
        if not chosen:
            return []
        affines = [
            windows.after(_moved(view), _crop(candidate, facing_left))
            for candidate in chosen
            for view in views
        ]
        crops = np.stack([_seen(film, stretched(affine, aspect), reduced) for affine in affines])
        variance = float(networks.facts.get("corner_variance", 1.0))
        seen = [candidate for candidate in chosen for _ in views]
        every = _read(seen, affines, networks.refine(crops), variance)
        return [
            _agreed(every[i : i + len(views)], facing_left)
            for i in range(0, len(every), len(views))
        ]

    sacra = look([candidate for candidate in candidates if candidate.sacrum], (PLAIN,))
    found = iter(item.candidate for item in sacra)
    refined = look([next(found) if item.sacrum else item for item in candidates], VIEWS)
    lines = networks.facts.get("middle_depth")
    if lines:
        refined = [with_true_depths(item, facing_left, lines) for item in refined]
    spread = networks.facts.get("corner_spread")
    if spread:
        refined = [with_true_spread(item, *spread) for item in refined]
    return refined


def _seen(
    film: NDArray[np.float32], affine: FloatArray, reduced: dict[int, NDArray[np.generic]]
) -> NDArray[np.float32]:
    crop = windows.cut(film, affine, layout.CROP, layout.CROP, reduced=reduced)
    return windows.channels(crop, layout.CROP_LOCAL)


def _moved(view: View) -> FloatArray:
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


def with_true_spread(item: Refined, scale: float, power: float) -> Refined:
    """Covariances as wide as errors are: the standard deviation of a corner is ``scale`` times a power of
    that of its map, both in lengths of the superior endplate (benchmarks/calibrate_spread.py).

    The map of a sharp corner is as wide as it was taught to be, and that of a blurred one too narrow.
    """
    length = float(np.linalg.norm(item.candidate.corners[0] - item.candidate.corners[1]))

    def wide(covariance: FloatArray) -> FloatArray:
        seen = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1) / 2) / max(length, 1e-9)
        factor: FloatArray = (scale * seen ** (power - 1)) ** 2
        return covariance * factor[..., None, None]

    return replace(
        item, covariance=wide(item.covariance), middle_covariance=wide(item.middle_covariance)
    )


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
    candidates: list[Candidate], affines: list[FloatArray], outputs: Outputs, variance: float
) -> list[Refined]:
    """What the network says of one crop of each candidate."""
    found: list[Refined] = []
    corners, corner_spread = _points(
        outputs, candidates, layout.BODY_CORNERS, layout.SACRUM_CORNERS, 4
    )
    middles, middle_spread = _points(
        outputs, candidates, layout.BODY_MIDDLES, layout.SACRUM_MIDDLES, 2
    )
    validity = sigmoid(outputs["validity"].astype(np.float64))
    for i, (candidate, affine) in enumerate(zip(candidates, affines, strict=True)):
        back, kind = windows.invert(affine), int(candidate.sacrum)
        turn = back[:, :2]
        ends = windows.apply(back, corners[i])
        if kind:
            centre = windows.sacrum_centre(ends, bool(np.linalg.det(affine[:, :2]) > 0))
        else:
            centre = ends.mean(axis=0)
        found.append(
            Refined(
                replace(candidate, corners=ends, centre=centre),
                turn @ (corner_spread[i] * variance) @ turn.T,
                windows.apply(back, middles[i]),
                turn @ (middle_spread[i] * variance) @ turn.T,
                float(validity[i, kind]),
                outputs["masks"][i, kind],
                affine,
            )
        )
    return found


def _points(
    outputs: Outputs, candidates: list[Candidate], body: slice, sacrum: slice, count: int
) -> tuple[FloatArray, FloatArray]:
    """Points (n, count, 2) in crop pixels and their covariance, from the maps of each one's kind; NaN
    beyond as many as that has.
    """
    points = np.full((len(candidates), count, 2), np.nan)
    spread = np.full((len(candidates), count, 2, 2), np.nan)
    kinds = np.array([candidate.sacrum for candidate in candidates])
    for kind, maps in ((False, body), (True, sacrum)):
        own = np.flatnonzero(kinds == kind)
        logits = outputs["corners"][own, maps]
        each = logits.shape[1]
        mean, covariance = _moments(logits.reshape(len(own) * each, *logits.shape[2:]))
        points[own, :each] = mean.reshape(-1, each, 2)
        spread[own, :each] = covariance.reshape(-1, each, 2, 2)
    return points, spread


def _moments(logits: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Mean (n, 2) and covariance (n, 2, 2) of corner maps (n, h, w) in crop pixels, around their peaks."""
    n, rows, columns = logits.shape
    row, column = np.divmod(logits.reshape(n, rows * columns).argmax(axis=1), columns)
    edge = ((0, 0), (REACH, REACH), (REACH, REACH))
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(logits, edge, constant_values=-np.inf), (2 * REACH + 1,) * 2, axis=(1, 2)
    )[np.arange(n), row, column].astype(np.float64)
    p = np.exp(around - around[:, REACH, REACH, None, None])
    p /= p.sum(axis=(1, 2), keepdims=True)
    steps = np.arange(-REACH, REACH + 1.0)
    mean = np.stack([p.sum(axis=1) @ steps, p.sum(axis=2) @ steps], axis=1)
    xx, yy = p.sum(axis=1) @ steps**2, p.sum(axis=2) @ steps**2
    xy = np.einsum("nyx,y,x->n", p, steps, steps)
    second = np.stack([xx, xy, xy, yy], axis=1).reshape(n, 2, 2)
    spread = second - mean[:, :, None] * mean[:, None]
    stride = layout.CROP_STRIDE
    place = (mean + np.stack([column, row], axis=1)) * stride + (stride - 1) / 2
    return place, (spread + np.eye(2) * 0.02) * stride**2


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
