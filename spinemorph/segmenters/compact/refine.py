"""From a candidate to an instance: corners with covariance and a full mask from canonical crops."""

from __future__ import annotations

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
    """A candidate after refinement; ``affine`` maps square film pixels to the crop."""

    candidate: Candidate
    covariance: FloatArray
    validity: float
    mask_logits: NDArray[np.float32]
    affine: FloatArray


def refine(
    film: NDArray[np.float32],
    aspect: float,
    candidates: list[Candidate],
    facing_left: bool,
    networks: Networks,
    passes: int = 2,
) -> list[Refined]:
    """Refine all candidates together, ``passes`` times, each time from the corners just found."""
    refined: list[Refined] = []
    for _ in range(passes):
        if not candidates:
            return []
        affines = [_crop(candidate, facing_left) for candidate in candidates]
        crops = np.stack(
            [
                windows.channels(
                    windows.cut(film, stretched(affine, aspect), layout.CROP, layout.CROP),
                    layout.CROP_LOCAL,
                )
                for affine in affines
            ]
        )
        outputs = networks.refine(crops)
        refined = [
            _read(candidate, affine, outputs, i, float(networks.facts.get("corner_variance", 1.0)))
            for i, (candidate, affine) in enumerate(zip(candidates, affines, strict=True))
        ]
        candidates = [item.candidate for item in refined]
    return refined


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
    maps = outputs["corners"][i, 4:] if kind else outputs["corners"][i, :4]
    back = windows.invert(affine)
    corners, covariance = np.full((4, 2), np.nan), np.full((4, 2, 2), np.nan)
    for k, logits in enumerate(maps):
        mean, spread = _moments(logits.astype(np.float64))
        corners[k] = windows.apply(back, mean)
        covariance[k] = back[:, :2] @ (spread * variance) @ back[:, :2].T
    if kind:
        centre = windows.sacrum_centre(corners, bool(np.linalg.det(affine[:, :2]) > 0))
    else:
        centre = corners.mean(axis=0)
    return Refined(
        replace(candidate, corners=corners, centre=centre),
        covariance,
        float(sigmoid(outputs["validity"][i].astype(np.float64))[kind]),
        outputs["masks"][i, kind],
        affine,
    )


def _moments(logits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (2,) and covariance (2, 2) of a corner map in crop pixels, around its peak."""
    row, column = np.unravel_index(int(logits.argmax()), logits.shape)
    top, left = max(int(row) - REACH, 0), max(int(column) - REACH, 0)
    part = logits[top : row + REACH + 1, left : column + REACH + 1]
    p = np.exp(part - part.max())
    p /= p.sum()
    y, x = np.arange(p.shape[0]) + top, np.arange(p.shape[1]) + left
    mean = np.array([(p.sum(axis=0) * x).sum(), (p.sum(axis=1) * y).sum()])
    dx, dy = x - mean[0], y - mean[1]
    cross = float((p * dy[:, None] * dx[None, :]).sum())
    spread = np.array(
        [[(p.sum(axis=0) * dx**2).sum(), cross], [cross, (p.sum(axis=1) * dy**2).sum()]]
    )
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
