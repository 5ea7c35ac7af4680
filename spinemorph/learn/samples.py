"""Training samples of the finder: windows on pooled films with their targets."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.learn.augment import degrade
from spinemorph.learn.negatives import no_film
from spinemorph.learn.pool import IMPLANT_INDEX, PooledFilm
from spinemorph.segmenters.compact import layout, windows
from spinemorph.types import FloatArray

FloatImage = NDArray[np.float32]
GRID = (layout.FINDER_ROWS // layout.STRIDE, layout.FINDER_COLUMNS // layout.STRIDE)
FINE = (layout.FINDER_ROWS // layout.IMPLANT_STRIDE, layout.FINDER_COLUMNS // layout.IMPLANT_STRIDE)
#: Shares of the samples.
ZOOMED, CUT_ABOVE_SACRUM, NO_SPINE, NO_FILM = 0.5, 0.13, 0.05, 0.05
INVERTED = 0.15


@dataclass(frozen=True, eq=False)
class FinderSample:
    """``image`` (2, 416, 320); maps on the grid of cells; weights 0 where nothing is asked.

    ``film``: sacrum_visible, lateral_lumbar, facing_left, inverted with ``film_weight``.
    """

    image: FloatImage
    centres: FloatImage
    centre_weight: FloatImage
    levels: NDArray[np.int64]
    offsets: FloatImage
    offset_weight: FloatImage
    masks: FloatImage
    implants: FloatImage
    film: FloatImage
    film_weight: FloatImage

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        return tuple(vars(self).values())


def finder_sample(film: PooledFilm, rng: Generator) -> FinderSample:
    """A whole film or a zoomed window, with or without sacrum, sometimes no film at all."""
    kind = rng.random()
    if kind < NO_FILM:
        return _nothing(no_film(rng), rng)
    if not film.lateral:
        affine = _jittered(windows.whole_film(*film.image.shape), rng)
        return _nothing(windows.cut(film.image, affine, *_window()), rng)
    centres = body_centres(film)
    limit = film.image.shape[0]
    keep = np.ones(len(film.levels), bool)
    if kind < NO_FILM + NO_SPINE:
        affine = _beside_spine(film, rng)
        inside = _inside(windows.apply(affine, centres), -12)
        if not inside.any():
            return _nothing(windows.cut(film.image, affine, *_window()), rng)
    elif kind < NO_FILM + NO_SPINE + CUT_ABOVE_SACRUM and "S1" in film.levels and len(centres) > 4:
        limit = _row_above_sacrum(film, centres, rng)
        keep = _still_shown(film, limit)
    if keep.sum() < 2:
        keep[:] = True
        limit = film.image.shape[0]
    if rng.random() < ZOOMED:
        affine = _zoomed(film, centres, keep, rng)
    else:
        affine = _jittered(windows.whole_film(limit, film.image.shape[1]), rng)
        if rng.random() < 0.5:
            affine = np.diag([-1.0, 1.0]) @ affine
            affine[0, 2] += layout.FINDER_COLUMNS - 1
    return _sample(film, affine, limit, keep, rng)


def _window() -> tuple[int, int]:
    return layout.FINDER_ROWS, layout.FINDER_COLUMNS


def body_centres(film: PooledFilm) -> FloatArray:
    """Centre (n, 2) of every body; S1 by its endplate."""
    centres = np.zeros((len(film.levels), 2))
    for i, level in enumerate(film.levels):
        if level == "S1":
            centres[i] = windows.sacrum_centre(film.corners[i, :2], film.facing_left)
        else:
            centres[i] = film.corners[i].mean(axis=0)
    return centres


def _inside(points: FloatArray, margin: float = 0) -> NDArray[np.bool_]:
    limit = np.array([layout.FINDER_COLUMNS, layout.FINDER_ROWS])
    return np.asarray(((points > margin) & (points < limit - margin)).all(axis=1))


def _jittered(affine: FloatArray, rng: Generator) -> FloatArray:
    middle = ((layout.FINDER_COLUMNS - 1) / 2, (layout.FINDER_ROWS - 1) / 2)
    turn = rng.uniform(-22, 22) if rng.random() < 0.25 else rng.normal(0, 4)
    scale = np.exp(rng.normal(0.0, 0.13)) if rng.random() < 0.7 else rng.uniform(0.6, 1.0)
    shift = rng.normal(0, 0.05, 2) * layout.FINDER_COLUMNS
    jitter = windows.similarity(
        middle, (middle[0] + shift[0], middle[1] + shift[1]), scale, np.deg2rad(turn)
    )
    return windows.after(jitter, affine)


def _zoomed(
    film: PooledFilm, centres: FloatArray, keep: NDArray[np.bool_], rng: Generator
) -> FloatArray:
    """The window that the segmenter will cut, with the errors of its first look."""
    shown = centres[keep]
    levels = [level for level, kept in zip(film.levels, keep, strict=True) if kept]
    use = [i for i, level in enumerate(levels) if level.startswith("L") or level == "S1"]
    if rng.random() < 0.15 and len(use) > 3:
        use = use[: -1 if rng.random() < 0.5 else None][int(rng.integers(0, 2)) :]
    points = shown[use] if len(use) >= 2 else shown
    sacrum = bool(use) and levels[use[-1]] == "S1"
    affine = windows.zoom(points, film.facing_left, sacrum)
    pivot = (168.0, 220.0)
    target = (pivot[0] + rng.normal(0, 14), pivot[1] + rng.normal(0, 24))
    jitter = windows.similarity(
        pivot, target, float(np.exp(rng.normal(0, 0.11))), np.deg2rad(rng.normal(0, 7))
    )
    if rng.random() < 0.04:  # facing was mistaken
        flip = np.array([[-1.0, 0, layout.FINDER_COLUMNS - 1], [0, 1, 0]])
        jitter = windows.after(flip, jitter)
    return windows.after(jitter, affine)


def _beside_spine(film: PooledFilm, rng: Generator) -> FloatArray:
    """A window on a part of the film where no body is: belly, hips, air."""
    rows, columns = film.image.shape
    scale = layout.FINDER_ROWS / rows * rng.uniform(1.5, 3.5)
    spot = rng.uniform([0, 0], [columns, rows])
    middle = ((layout.FINDER_COLUMNS - 1) / 2, (layout.FINDER_ROWS - 1) / 2)
    return windows.similarity(spot, middle, scale, np.deg2rad(rng.normal(0, 10)))


def _row_above_sacrum(film: PooledFilm, centres: FloatArray, rng: Generator) -> int:
    """A film row to end at: from just above the sacrum to above L3."""
    index = film.levels.index("S1")
    top = film.corners[index, :2, 1].min()
    pitch = float(np.median(np.linalg.norm(np.diff(centres[:-1], axis=0), axis=1)))
    row = (
        top - rng.uniform(-0.02, 0.25) * pitch
        if rng.random() < 0.6
        else top - rng.uniform(0, 2.6) * pitch
    )
    return int(np.clip(row, 0.25 * film.image.shape[0], film.image.shape[0]))


def _still_shown(film: PooledFilm, limit: int) -> NDArray[np.bool_]:
    """Bodies of which at least 60 % lies above the row; S1 never."""
    keep = []
    for level, (top, _, mask) in zip(film.levels, film.masks, strict=True):
        above = mask[: max(limit - top, 0)].sum() / max(mask.sum(), 1)
        keep.append(level != "S1" and above >= 0.6)
    return np.array(keep)


def _sample(
    film: PooledFilm, affine: FloatArray, limit: int, keep: NDArray[np.bool_], rng: Generator
) -> FinderSample:
    centres, corners = (
        windows.apply(affine, body_centres(film)),
        windows.apply(affine, film.corners),
    )
    inverted = rng.random() < INVERTED
    image = windows.cut(film.image[:limit], affine, *_window())
    image = _as_seen(image, inverted, affine, film.image[:limit].shape, rng)
    heat, weight = np.zeros((2, *GRID), np.float32), np.ones((2, *GRID), np.float32)
    levels = np.full(GRID, -1, np.int64)
    offsets, offset_weight = np.zeros((8, *GRID), np.float32), np.zeros((8, *GRID), np.float32)
    grid = (centres - (layout.STRIDE - 1) / 2) / layout.STRIDE
    shown = _inside(centres, 3) & keep
    for i, level in enumerate(film.levels):
        kind = int(level == "S1")
        size = _size(corners[i], kind)
        if not shown[i] or film.visible[i] < 0.6:
            if not keep[i] and level == "S1":
                continue  # cut off: nothing of it may be reported
            _blank(weight[kind], grid[i], size)
            continue
        _peak(heat[kind], grid[i], max(0.11 * size / layout.STRIDE, 0.9))
        _cells(levels, offsets, offset_weight, grid[i], corners[i], level)
    masks = _painted(film, affine, limit, keep)
    implants = _painted_implants(film, affine, limit)
    sacrum = any(shown[i] and level == "S1" for i, level in enumerate(film.levels))
    lumbar = sum(shown[i] and level[0] == "L" for i, level in enumerate(film.levels))
    mirrored = np.linalg.det(affine[:, :2]) < 0
    facing_left = film.facing_left != bool(mirrored)
    unsure = "S1" in film.levels and not sacrum and bool(keep[film.levels.index("S1")])
    return FinderSample(
        image,
        heat,
        weight,
        levels,
        offsets,
        offset_weight,
        masks,
        implants,
        np.array([sacrum, lumbar >= 2, facing_left, inverted], np.float32),
        np.array([not unsure, lumbar != 1, 1, 1], np.float32),
    )


def _as_seen(
    image: FloatImage,
    inverted: bool,
    affine: FloatArray,
    shape: tuple[int, ...],
    rng: Generator,
) -> FloatImage:
    image = degrade(image, rng)
    if inverted:
        inside = cv2.warpAffine(np.ones(shape, np.uint8), affine, _window()[::-1])
        top = max(float(image.max()), 1e-3)
        image = np.where(inside > 0, top - image, 0 if rng.random() < 0.7 else top).astype(
            np.float32
        )
    return windows.channels(image, layout.FINDER_LOCAL)


def _size(corners: FloatArray, kind: int) -> float:
    if kind == 1:
        return float(np.linalg.norm(corners[0] - corners[1]))
    return (
        float(np.linalg.norm(corners[0] - corners[3]) + np.linalg.norm(corners[1] - corners[2])) / 2
    )


def _patch(at: FloatArray, reach: float) -> tuple[slice, slice, FloatArray, FloatArray] | None:
    left, top = (max(int(v), 0) for v in np.floor(at - reach))
    right, bottom = min(int(at[0] + reach) + 2, GRID[1]), min(int(at[1] + reach) + 2, GRID[0])
    if left >= right or top >= bottom:
        return None
    x, y = np.arange(left, right)[None, :] - at[0], np.arange(top, bottom)[:, None] - at[1]
    return slice(top, bottom), slice(left, right), x, y


def _peak(heat: FloatImage, at: FloatArray, sigma: float) -> None:
    patch = _patch(at, 4 * sigma)
    if patch is not None:
        rows, columns, x, y = patch
        value = np.exp(-(x**2 + y**2) / (2 * sigma**2)).astype(np.float32)
        heat[rows, columns] = np.maximum(heat[rows, columns], value)
    column, row = np.round(at).astype(int)
    if 0 <= row < GRID[0] and 0 <= column < GRID[1]:
        heat[row, column] = 1.0


def _blank(weight: FloatImage, at: FloatArray, size: float) -> None:
    patch = _patch(at, 0.5 * size / layout.STRIDE)
    if patch is not None:
        weight[patch[0], patch[1]] = 0


def _cells(
    levels: NDArray[np.int64],
    offsets: FloatImage,
    weight: FloatImage,
    at: FloatArray,
    corners: FloatArray,
    level: str,
) -> None:
    names = layout.LEVEL_CLASSES
    index = names.index(level) if level in names else len(names) - 1
    column, row = np.round(at).astype(int)
    rows = slice(max(row - 1, 0), row + 2)
    columns = slice(max(column - 1, 0), column + 2)
    levels[rows, columns] = index
    for r in range(rows.start, min(rows.stop, GRID[0])):
        for c in range(columns.start, min(columns.stop, GRID[1])):
            cell = layout.STRIDE * np.array([c, r]) + (layout.STRIDE - 1) / 2
            offsets[:, r, c] = np.nan_to_num((corners - cell) / layout.OFFSET_UNIT).ravel()
            weight[:, r, c] = np.isfinite(corners).ravel()


def _painted(
    film: PooledFilm, affine: FloatArray, limit: int, keep: NDArray[np.bool_]
) -> FloatImage:
    masks = np.zeros((2, *GRID), np.float32)
    small = windows.coarser(affine, layout.STRIDE)
    for kind in (0, 1):
        layer = np.zeros(film.image.shape, np.uint8)
        for i, (top, left, mask) in enumerate(film.masks):
            if (film.levels[i] == "S1") == bool(kind) and keep[i]:
                rows, columns = mask.shape
                layer[top : top + rows, left : left + columns] |= mask
        masks[kind] = cv2.warpAffine(layer[:limit], small, GRID[::-1], flags=cv2.INTER_NEAREST)
    return masks


def _painted_implants(film: PooledFilm, affine: FloatArray, limit: int) -> FloatImage:
    masks = np.zeros((len(layout.IMPLANTS), *FINE), np.float32)
    small = windows.coarser(affine, layout.IMPLANT_STRIDE)
    for category in {name for name, *_ in film.implants}:
        layer = np.zeros(film.image.shape, np.uint8)
        for name, top, left, mask in film.implants:
            if name == category:
                rows, columns = mask.shape
                layer[top : top + rows, left : left + columns] |= mask
        masks[IMPLANT_INDEX[category]] = cv2.warpAffine(
            layer[:limit], small, FINE[::-1], flags=cv2.INTER_NEAREST
        )
    return masks


def _nothing(image: FloatImage, rng: Generator) -> FinderSample:
    """A window on which nothing may be found."""
    shape = (layout.FINDER_ROWS, layout.FINDER_COLUMNS)
    image = _as_seen(image, bool(rng.random() < 0.1), np.eye(2, 3), shape, rng)
    zeros = np.zeros((8, *GRID), np.float32)
    return FinderSample(
        image,
        zeros[:2],
        np.ones((2, *GRID), np.float32),
        np.full(GRID, -1, np.int64),
        zeros,
        zeros,
        zeros[:2],
        np.zeros((len(layout.IMPLANTS), *FINE), np.float32),
        np.zeros(4, np.float32),
        np.array([1, 1, 0, 0], np.float32),
    )
