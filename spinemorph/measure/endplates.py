"""Landmarks of every body: contour, rim corners with their uncertainty, middles of the endplates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure.landmarks import DRAWS, SEED, BodyLandmarks, Landmarks, Route, draw
from spinemorph.measure.mask_corners import MaskShape, mask_shapes, without_corners
from spinemorph.measure.outline import contour_of
from spinemorph.measure.strips import seen_on_film
from spinemorph.types import FloatArray, Instance, LabeledSpine, LabeledVertebra, Radiograph

#: Standard deviation of a corner of a model that gives none, as part of the body's height: readers differ
#: by 2.3 % in the median (1.4 % for one of them along an axis); a model is given twice that.
MODEL_CORNER_SD: Final = 0.028
#: A corner less certain than this part of the height is flagged.
UNCERTAIN_SD: Final = 0.05
#: An S1 that is neither this strong nor this sharp (standard deviation of a corner, in lengths of its
#: endplate) is counted from, but its endplate is not believed: on simulated films it often lies beside the
#: true one, on a cage or a bowel shadow.
STRONG_S1: Final = 0.6
SHARP_S1: Final = 0.05


class EndplatesAndCorners:
    """Corners of the model where it gives them, else from mask and film; the rest from the mask."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Provides ``landmarks``, and ``mask_shapes``: what the mask of each body in the spine tells
        (a tuple of :class:`spinemorph.measure.mask_corners.MaskShape`); measures nothing itself.
        """
        del provided
        aspect = radiograph.aspect
        contours = [contour_of(body.instance) for body in spine.vertebrae]
        ups = upward(contours, aspect)
        generator = np.random.default_rng(SEED)
        # to the right of the image when up is up
        rights = [np.array([-up[1], up[0]]) for up in ups]
        forwards = [-right if spine.facing == "left" else right for right in rights]
        instances = [body.instance for body in spine.vertebrae]
        shapes: Sequence[MaskShape] = [
            shape if _has_axis(spine, i) else without_corners(shape)
            for i, shape in enumerate(mask_shapes(instances, ups, forwards, aspect))
        ]
        if any(not _gives_corners(instance) for instance in instances):
            shapes = seen_on_film(shapes, instances, ups, radiograph.pixels, aspect)
        bodies = tuple(
            _landmarks(body, contour, radiograph, shape, generator)
            for body, contour, shape in zip(spine.vertebrae, contours, shapes, strict=True)
        )
        landmarks = Landmarks(
            bodies, spine.facing, radiograph.aspect, radiograph.spacing, radiograph.flags
        )
        return Findings(provided={"landmarks": landmarks, "mask_shapes": tuple(shapes)})


def upward(contours: Sequence[FloatArray], aspect: float) -> list[FloatArray]:
    """For every body the unit vector toward the head, from its neighbours (square pixels)."""
    centres = np.array([_middle(contour) for contour in contours]).reshape(-1, 2)
    centres = centres * [1.0, aspect]
    ups = []
    for i in range(len(centres)):
        above, below = max(i - 1, 0), min(i + 1, len(centres) - 1)
        step = centres[above] - centres[below]
        length = float(np.linalg.norm(step))
        ups.append(step / length if length > 0 else np.array([0.0, -1.0]))
    return ups


def _has_axis(spine: LabeledSpine, i: int) -> bool:
    """Whether the neighbours of a body tell which way it looks: its own outline does, but that of S1, which
    only L5 tells.
    """
    if spine.vertebrae[i].instance.category != "sacrum":
        return True
    return i > 0 and spine.vertebrae[i - 1].level in ("L5", None)


def _middle(contour: FloatArray) -> FloatArray:
    """Centre (2,) of what a contour (n, 2) encloses."""
    moments = cv2.moments(contour.astype(np.float32))
    if moments["m00"] == 0:
        return np.asarray(contour.mean(axis=0))
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"]


def _landmarks(
    body: LabeledVertebra,
    contour: FloatArray,
    radiograph: Radiograph,
    shape: MaskShape,
    generator: np.random.Generator,
) -> BodyLandmarks:
    instance, aspect = body.instance, radiograph.aspect
    corners, covariance, route = _corners(instance, shape, aspect)
    height = _height(corners, aspect)
    flags = list(body.flags)
    known = np.isfinite(corners).all(axis=1)
    spread = np.sqrt(np.trace(np.nan_to_num(covariance), axis1=1, axis2=2) / 2)
    unknown = not np.isfinite(corners[:2]).all()
    if unknown or (spread[known] > UNCERTAIN_SD * height).any():
        flags.append("corner_uncertain")
    if _touches_edge(instance, radiograph):
        flags.append("cut_by_edge")
    drawn = draw(corners, covariance, generator)
    centre = contour.mean(axis=0)
    sunk, sunk_sd = _sunk(instance, corners, centre, shape, aspect)
    half = generator.standard_normal((DRAWS // 2, 2)) * sunk_sd
    depths = sunk + np.concatenate([np.zeros((1, 2)), half, -half])
    middles = _middles(drawn, depths, centre, aspect)
    return BodyLandmarks(
        body.level,
        instance.category,
        instance.score,
        contour,
        corners,
        covariance,
        middles[0],
        float(np.nanmean(sunk_sd)),
        drawn,
        middles,
        tuple(dict.fromkeys(flags)),
        route,
    )


def _sunk(
    instance: Instance, corners: FloatArray, centre: FloatArray, shape: MaskShape, aspect: float
) -> tuple[FloatArray, FloatArray]:
    """How far the middles of the endplates lie inside the line between their corners, (2,) in square
    pixels with standard deviations: as the model sees them, else as the outline tells.
    """
    sunk, sunk_sd = shape.sunk.copy(), shape.sunk_sd.copy()
    if instance.middles is None or instance.middle_covariance is None:
        return sunk, sunk_sd
    square = np.array([1.0, aspect])
    for k, middle in enumerate(instance.middles * square):
        a, b = corners[2 * k : 2 * k + 2] * square
        inward = _inward(a - b, (a + b) / 2, centre * square)
        away = float(inward @ (middle - (a + b) / 2))
        if np.isfinite(away):
            covariance = instance.middle_covariance[k] * np.outer(square, square)
            sunk[k], sunk_sd[k] = away, float(np.sqrt(max(inward @ covariance @ inward, 0.0)))
    return sunk, sunk_sd


def _inward(along: FloatArray, middle: FloatArray, centre: FloatArray) -> FloatArray:
    """Unit normal (2,) of an endplate that points to the centre of its body."""
    length = max(float(np.linalg.norm(along)), 1e-9)
    normal = np.array([-along[1], along[0]]) / length
    return normal if normal @ (centre - middle) >= 0 else -normal


def _corners(
    instance: Instance, shape: MaskShape, aspect: float
) -> tuple[FloatArray, FloatArray, Route]:
    """Corners (4, 2) and covariance (4, 2, 2) in pixels, NaN where unknown, and where they come from."""
    if instance.corners is None or not _gives_corners(instance):
        return shape.corners, shape.covariance, "masks"
    corners = np.array(instance.corners)
    if instance.covariance is not None:
        covariance = np.array(instance.covariance)
        if _is_doubtful_s1(instance, corners, covariance, aspect):
            return np.full_like(corners, np.nan), np.full_like(covariance, np.nan), "model"
        return corners, covariance, "model"
    sd = MODEL_CORNER_SD * _height(corners, aspect)
    covariance = np.tile(np.diag([1.0, 1 / aspect**2]) * sd**2, (4, 1, 1))
    covariance[~np.isfinite(corners).all(axis=1)] = np.nan
    return corners, covariance, "given"


def _gives_corners(instance: Instance) -> bool:
    return instance.corners is not None and bool(np.isfinite(instance.corners[:2]).all())


def _is_doubtful_s1(
    instance: Instance, corners: FloatArray, covariance: FloatArray, aspect: float
) -> bool:
    if instance.category != "sacrum" or instance.score >= STRONG_S1:
        return False
    square = np.array([1.0, aspect])
    length = float(np.linalg.norm((corners[0] - corners[1]) * square))
    spread = np.sqrt(np.einsum("nii,i->n", covariance[:2], square**2) / 2)
    return bool((spread > SHARP_S1 * length).any())


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


def _middles(
    corners: FloatArray, depths: FloatArray, centre: FloatArray, aspect: float
) -> FloatArray:
    """Middles (n, 2, 2) of the superior and the inferior endplate for corners (n, 4, 2).

    The middle of the line between the corners, moved inward, toward ``centre`` (2,), by ``depths`` (n, 2)
    in square pixels: what the outline tells of how far the endplate sinks.
    """
    square = np.array([1.0, aspect])
    ends = corners * square
    plates = []
    for k in (0, 1):
        a, b = ends[:, 2 * k], ends[:, 2 * k + 1]
        middle, along = (a + b) / 2, a - b
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
        inward = np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None]
        side = np.sign(inward[0] @ (centre * square - middle[0]))
        plates.append((middle + side * inward * depths[:, k, None]) / square)
    return np.stack(plates, axis=1)
