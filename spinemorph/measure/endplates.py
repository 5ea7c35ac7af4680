"""Landmarks of every body: contour, rim corners with their uncertainty, middles of the endplates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure.landmarks import SEED, BodyLandmarks, Landmarks, draw
from spinemorph.measure.mask_corners import mask_corners
from spinemorph.measure.outline import contour_of
from spinemorph.types import FloatArray, Instance, LabeledSpine, LabeledVertebra, Radiograph

#: Standard deviation of a corner of a model that gives none, as part of the body's height: readers differ
#: by 2.3 % in the median (1.4 % for one of them along an axis); a model is given twice that.
MODEL_CORNER_SD: Final = 0.028
#: Standard deviation of the middle of an endplate on a contour, as part of the height.
MIDDLE_SD: Final = 0.02
#: A corner less certain than this part of the height is flagged.
UNCERTAIN_SD: Final = 0.15


class EndplatesAndCorners:
    """Corners of the model where it gives them, else by morphology from the mask."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Provides ``landmarks``; measures nothing itself."""
        del provided
        ups = _ups(spine, radiograph.aspect)
        generator = np.random.default_rng(SEED)
        bodies = tuple(
            _landmarks(body, radiograph, spine, up, generator)
            for body, up in zip(spine.vertebrae, ups, strict=True)
        )
        landmarks = Landmarks(
            bodies, spine.facing, radiograph.aspect, radiograph.spacing, radiograph.flags
        )
        return Findings(provided={"landmarks": landmarks})


def _ups(spine: LabeledSpine, aspect: float) -> list[FloatArray]:
    """For every body the unit vector toward the head, from its neighbours (square pixels)."""
    centres = np.array([_middle(body.instance) for body in spine.vertebrae]).reshape(-1, 2)
    centres = centres * [1.0, aspect]
    ups = []
    for i in range(len(centres)):
        above, below = max(i - 1, 0), min(i + 1, len(centres) - 1)
        step = centres[above] - centres[below]
        length = float(np.linalg.norm(step))
        ups.append(step / length if length > 0 else np.array([0.0, -1.0]))
    return ups


def _middle(instance: Instance) -> FloatArray:
    rows, columns = np.nonzero(instance.mask)
    return np.array([columns.mean() + instance.box.left, rows.mean() + instance.box.top])


def _landmarks(
    body: LabeledVertebra,
    radiograph: Radiograph,
    spine: LabeledSpine,
    up: FloatArray,
    generator: np.random.Generator,
) -> BodyLandmarks:
    instance = body.instance
    contour = contour_of(instance)
    corners, covariance = _corners(instance, spine, up, radiograph.aspect)
    height = _height(corners, radiograph.aspect)
    flags = list(body.flags)
    known = np.isfinite(corners).all(axis=1)
    spread = np.sqrt(np.trace(np.nan_to_num(covariance), axis1=1, axis2=2) / 2)
    if (spread[known] > UNCERTAIN_SD * height).any():
        flags.append("corner_uncertain")
    if _touches_edge(instance, radiograph):
        flags.append("cut_by_edge")
    middles = _middles(contour, corners, radiograph.aspect, instance.category == "sacrum")
    middle_sd = MIDDLE_SD * height
    middle_covariance = np.tile(np.eye(2) * middle_sd**2, (2, 1, 1))
    return BodyLandmarks(
        body.level,
        instance.category,
        instance.score,
        contour,
        corners,
        covariance,
        middles,
        middle_sd,
        draw(corners, covariance, generator),
        draw(middles, middle_covariance, generator),
        tuple(dict.fromkeys(flags)),
    )


def _corners(
    instance: Instance, spine: LabeledSpine, up: FloatArray, aspect: float
) -> tuple[FloatArray, FloatArray]:
    """Corners (4, 2) and covariance (4, 2, 2) in pixels; NaN where unknown."""
    if instance.corners is None or not np.isfinite(instance.corners[:2]).all():
        right = np.array([-up[1], up[0]])  # to the right of the image when up is up
        forward = -right if spine.facing == "left" else right
        return mask_corners(instance, up, forward, aspect)
    corners = np.array(instance.corners)
    if instance.covariance is not None:
        return corners, np.array(instance.covariance)
    sd = MODEL_CORNER_SD * _height(corners, aspect)
    covariance = np.tile(np.diag([1.0, 1 / aspect**2]) * sd**2, (4, 1, 1))
    covariance[~np.isfinite(corners).all(axis=1)] = np.nan
    return corners, covariance


def _height(corners: FloatArray, aspect: float) -> float:
    """Mean height of a body, or 0.8 of the endplate of S1; square pixels."""
    square = corners * [1.0, aspect]
    if np.isfinite(square).all():
        return float(np.linalg.norm(square[:2] - square[2:], axis=1).mean())
    length = float(np.linalg.norm(square[0] - square[1]))
    return 0.8 * length if np.isfinite(length) else 1.0


def _touches_edge(instance: Instance, radiograph: Radiograph) -> bool:
    box = instance.box
    return (
        box.top == 0
        or box.left == 0
        or box.bottom == radiograph.rows
        or box.right == radiograph.columns
    )


def _middles(contour: FloatArray, corners: FloatArray, aspect: float, sacrum: bool) -> FloatArray:
    """Middle of the superior and the inferior endplate, (2, 2).

    The middle of the line between the corners, moved by as much as the contour sinks in between:
    its distance from the line at the middle less that near both ends, so that a contour that runs
    a little outside the line throughout does not count. The contour of S1 is hidden by the alae: there
    the middle of the line stands.
    """
    square = np.array([1.0, aspect])
    points, ends = contour * square, corners * square
    middles = np.full((2, 2), np.nan)
    for k in (0, 1):
        a, b = ends[2 * k], ends[2 * k + 1]
        if not np.isfinite([a, b]).all():
            continue
        length = max(float(np.linalg.norm(a - b)), 1e-9)
        along = (a - b) / length
        normal = np.array([-along[1], along[0]])
        middle = (a + b) / 2
        away = 0.0
        if not sacrum:
            local = (points - middle) @ np.stack([along, normal], axis=1)
            local = local[np.abs(local[:, 1]) < 0.45 * length]
            at = [_off_line(local, part * length, 0.05 * length) for part in (0.0, -0.33, 0.33)]
            if np.isfinite(at).all():
                away = at[0] - (at[1] + at[2]) / 2
        middles[k] = (middle + normal * away) / square
    return middles


def _off_line(local: FloatArray, x: float, reach: float) -> float:
    """Mean distance from the line of the contour points nearest to it around ``x``; NaN without any."""
    near = local[np.abs(local[:, 0] - x) < reach, 1]
    if len(near) == 0:
        return float("nan")
    side = near[np.abs(near - near[np.argmin(np.abs(near))]) < 2 * reach]
    return float(side.mean())
