"""Training samples of the refiner: canonical crops of one body, or of what is none."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.learn.augment import degrade, with_brim
from spinemorph.learn.pool import PooledFilm
from spinemorph.segmenters.compact import layout, windows
from spinemorph.types import FloatArray

FloatImage = NDArray[np.float32]
SIDE = layout.CROP // layout.CROP_STRIDE
#: Share of crops that show no body where one was asked for.
NEGATIVE = 0.18
#: Share of crops of S1 with one more curve across it.
BRIM = 0.4


@dataclass(frozen=True, eq=False)
class CropSample:
    """``image`` (2, 112, 112), ``corners`` (9, 2) in crop pixels with weight (9,): the points of
    :data:`layout.POINTS`; ``masks`` (2, 56, 56) with weight (2,), ``validity`` (2,) with weight (2,).
    """

    image: FloatImage
    corners: FloatImage
    corner_weight: FloatImage
    masks: FloatImage
    mask_weight: FloatImage
    validity: FloatImage
    validity_weight: FloatImage

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        return tuple(vars(self).values())


def crop_samples(film: PooledFilm, rng: Generator) -> list[CropSample]:
    """One crop of every body that the film shows, some replaced by negatives."""
    samples = []
    for i, level in enumerate(film.levels):
        if film.visible[i] < 0.75 or not film.lateral:
            continue
        if level in ("T9", "T10") or (level == "T11" and rng.random() < 0.5):
            continue
        repeats = 3 if level == "S1" else 1
        for _ in range(repeats):
            negative = rng.random() < NEGATIVE
            samples.append(_negative(film, i, rng) if negative else _positive(film, i, rng))
    return samples


def _jitter(corners: FloatArray, facing_left: bool, sacrum: bool, rng: Generator) -> FloatArray:
    """Film -> crop with the errors of a first look; each corner errs on its own, and all together."""
    if sacrum:
        size = float(np.linalg.norm(corners[0] - corners[1]))
        wide = 2.2 if rng.random() < 0.25 else 1.0
        guess = (
            corners[:2]
            + rng.normal(0, 0.07 * wide * size, (2, 2))
            + rng.normal(0, 0.07 * wide * size, 2)
        )
        return windows.sacrum_crop(guess, facing_left)
    size = float(np.linalg.norm(corners.mean(axis=0) - corners[0])) * 1.4
    wide = 2.4 if rng.random() < 0.2 else 1.0
    guess = (
        corners + rng.normal(0, 0.045 * wide * size, (4, 2)) + rng.normal(0, 0.05 * wide * size, 2)
    )
    return windows.body_crop(guess, facing_left)


def _positive(film: PooledFilm, i: int, rng: Generator) -> CropSample:
    sacrum = film.levels[i] == "S1"
    affine = _jitter(film.corners[i], film.facing_left, sacrum, rng)
    target = np.zeros((layout.POINTS, 2), np.float32)
    weight = np.zeros(layout.POINTS, np.float32)
    for place, known in (
        (layout.SACRUM_CORNERS if sacrum else layout.BODY_CORNERS, film.corners[i]),
        (layout.SACRUM_MIDDLES if sacrum else layout.BODY_MIDDLES, film.middles[i]),
    ):
        points = windows.apply(affine, known[: place.stop - place.start])
        target[place] = np.nan_to_num(points)
        weight[place] = np.all((points > 2) & (points < layout.CROP - 3), axis=1)
    masks = np.zeros((2, SIDE, SIDE), np.float32)
    top, left, mask = film.masks[i]
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ np.array([left, top])
    small = windows.coarser(shifted, layout.CROP_STRIDE)
    masks[int(sacrum)] = cv2.warpAffine(mask.astype(np.float32), small, (SIDE, SIDE))
    # where the film ends the silhouette is cut: nothing to learn beyond it
    whole = np.array([not sacrum, sacrum], np.float32) * float(film.visible[i] > 0.97)
    crossed = sacrum and rng.random() < BRIM
    ends = target[layout.SACRUM_CORNERS].astype(np.float64) if crossed else None
    return CropSample(
        _image(film, affine, rng, ends),
        target,
        weight,
        masks,
        whole,
        np.array([not sacrum, sacrum], np.float32),
        np.ones(2, np.float32),
    )


def _negative(film: PooledFilm, i: int, rng: Generator) -> CropSample:
    """Half a body off, a body taken for S1, or anywhere on the film."""
    corners, sacrum = film.corners[i], film.levels[i] == "S1"
    kind = rng.random()
    validity_weight = np.ones(2, np.float32)
    if kind < 0.35 and not sacrum:
        down = (corners[2:] - corners[:2]).mean(axis=0)
        moved = corners + down * rng.choice([-1, 1]) * rng.uniform(0.45, 0.75)
        affine = windows.body_crop(moved, film.facing_left)
    elif kind < 0.7 and not sacrum:  # a body (L5, L4) offered as S1
        affine = windows.sacrum_crop(corners[:2] + rng.normal(0, 3, (2, 2)), film.facing_left)
        validity_weight[0] = 0
    else:
        rows, columns = film.image.shape
        spot = rng.uniform([0, 0], [columns, rows])
        known = film.corners[:, :2].reshape(-1, 2)
        size = float(np.linalg.norm(corners[0] - corners[1]))
        if np.linalg.norm(known - spot, axis=1).min() < 1.6 * size:
            spot = np.array([columns, rows]) - spot
        near = np.linalg.norm(known - spot, axis=1).min() < 1.6 * size
        validity_weight[:] = 0 if near else 1
        scale = layout.CROP_BODY / size * rng.uniform(0.7, 1.4)
        middle = (layout.CROP - 1) / 2
        affine = windows.similarity(spot, (middle, middle), scale, rng.uniform(-0.8, 0.8))
    return CropSample(
        _image(film, affine, rng),
        np.zeros((layout.POINTS, 2), np.float32),
        np.zeros(layout.POINTS, np.float32),
        np.zeros((2, SIDE, SIDE), np.float32),
        np.zeros(2, np.float32),
        np.zeros(2, np.float32),
        validity_weight,
    )


def _image(
    film: PooledFilm, affine: FloatArray, rng: Generator, brim: FloatArray | None = None
) -> FloatImage:
    """``brim``: corners (2, 2) of S1 in the crop, if a curve is to cross it."""
    crop = windows.cut(film.image, affine, layout.CROP, layout.CROP)
    if brim is not None:
        crop = with_brim(crop, brim, rng)
    return windows.channels(degrade(crop, rng), layout.CROP_LOCAL)
