"""Strips along the endplates of simulated films with their true landmarks, for calibrate_strips.py.

    python -m spinemorph.learn.pool POOL --anatomy DIR --first 15000000 --films 250 --settings FILE --depths
    (often)
    python benchmarks/strip_samples.py POOL FOLDER [--workers 2]

The bodies of every film that lie on it, wholly or mostly, are outlined by their true masks; those of every
third film are there again as others might outline them: coarser, larger or smaller, by few straight lines,
or by a quadrilateral through the corners. In some films bodies are missing, as a model may miss them. One
file for 250 films; those that are there already are kept.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.learn.pool import PooledFilm, films_in, load
from spinemorph.measure.endplates import upward
from spinemorph.measure.mask_corners import mask_shapes
from spinemorph.measure.outline import contour_of
from spinemorph.measure.strips import Strip, pictures, strips_along
from spinemorph.types import Box, FloatArray, Instance

TOGETHER, REDRAWN = 250, 3
#: A body is looked at if this part of it lies inside the exposed film, and is whole if that part does.
SHOWN, WHOLE = 0.7, 0.98
#: Part of the films in which a body is missing, or only some neighbours were found.
GAPS, PARTS = 0.08, 0.06
#: Pixels around a mask in which another outline of it may lie.
AROUND = 20
#: Values of a strip are kept as whole numbers of this many parts.
PARTS_OF_ONE = 80
WAYS = 4
Mask = NDArray[np.bool_]


def redrawn(mask: Mask, corners: FloatArray, way: int, rng: np.random.Generator) -> Mask:
    """Another outline of a body; its corners (4, 2) in pixels of the mask."""
    rows, columns = mask.shape
    if way == 0:  # as coarse as the masks of many networks
        side = int(rng.integers(20, 56))
        small = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (columns, rows)) > 0.5)
    if way == 1:
        size = 2 * int(rng.integers(1, 4)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        ways = (cv2.MORPH_ERODE, cv2.MORPH_DILATE, cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
        changed = cv2.morphologyEx(mask.astype(np.uint8), ways[int(rng.integers(4))], kernel)
        return np.asarray(changed > 0)
    if way == 2:
        chains, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        few = cv2.approxPolyDP(max(chains, key=len), float(rng.uniform(0.8, 4)), True)
        ring = few.reshape(-1, 2) + rng.normal(0, rng.uniform(0, 1.2), (1, 2))
    else:
        ring = (corners + rng.normal(0, rng.uniform(0, 1.5), (4, 2)))[[0, 1, 3, 2]]
    canvas = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(canvas, [np.rint(ring * 256).astype(np.int32)], 1, shift=8)
    return canvas > 0


def instance_of(
    film: PooledFilm, i: int, way: int | None, rng: np.random.Generator
) -> Instance | None:
    """The body by its true mask, or redrawn; None where nothing of it is left on the film."""
    top, left, mask = film.masks[i]
    category = "sacrum" if film.levels[i] == "S1" else "lumbar"
    if way is not None:
        mask = np.pad(mask, AROUND)
        top, left = top - AROUND, left - AROUND
        own = way if category == "lumbar" or way < 3 else int(rng.integers(3))
        mask = redrawn(mask, film.corners[i] - [left, top], own, rng)
        rows, columns = film.image.shape
        above, before = max(0, -top), max(0, -left)
        mask = mask[above : rows - top, before : columns - left]
        top, left = top + above, left + before
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if mask.sum() < 60:
        return None
    box = Box(int(top + ys[0]), int(left + xs[0]), int(top + ys[-1]) + 1, int(left + xs[-1]) + 1)
    return Instance(category, 1.0, mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], box)


def thinned(shown: list[int], rng: np.random.Generator) -> list[int]:
    """In some films one body less, or only a few neighbours."""
    chance = rng.random()
    if len(shown) > 2 and chance < GAPS:
        gone = int(rng.integers(len(shown)))
        return shown[:gone] + shown[gone + 1 :]
    if len(shown) > 2 and chance < GAPS + PARTS:
        size = int(rng.integers(1, len(shown) + 1))
        first = int(rng.integers(len(shown) - size + 1))
        return shown[first : first + size]
    return shown


def targets(strip: Strip, sunk: float, corners: FloatArray, middle: FloatArray) -> FloatArray:
    """What calibrate_strips should tell (5,) of a strip: how far its true corners (2, 2) and its true middle
    (2,) lie from where the mask alone puts them, in lengths of the endplate.
    """
    turn = np.stack([strip.forward, strip.inward])
    away = (corners - strip.middle) @ turn.T / strip.length - [[0.5, 0.0], [-0.5, 0.0]]
    across = corners[0] - corners[1]
    normal = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    normal = normal * np.sign(normal @ strip.inward)
    depth = float(normal @ (middle - corners.mean(axis=0))) - sunk
    return np.append(away, depth / strip.length)


def samples(path: Path, again: bool) -> dict[str, NDArray[np.generic]] | None:
    """All strips of a film, or of it ``again`` with other outlines; None where it shows no body."""
    film, rng = load(path), np.random.default_rng([int(path.stem), again])
    shown = [
        i
        for i in range(len(film.levels))
        if film.lateral and film.visible[i] > SHOWN and not film.replaced[i]
    ]
    way = int(rng.integers(WAYS)) if again else None
    chosen = thinned(shown, rng)
    bodies = [instance_of(film, i, way, rng) for i in chosen]
    known = [body for body in bodies if body is not None]
    if not known or len(known) < len(bodies):
        return None
    ups = upward([contour_of(body) for body in known], 1.0)
    side = -1 if film.facing_left else 1
    forwards = [np.array([-up[1], up[0]]) * side for up in ups]
    shapes = mask_shapes(known, ups, forwards, 1.0)
    strips = strips_along(shapes, known, ups, 1.0)
    if not strips:
        return None
    seen = pictures(film.image.astype(np.float32) / 255, strips, known, 1.0)
    if seen is None:
        return None
    sunk = np.array([shapes[strip.body].sunk[strip.plate] for strip in strips])
    away = [
        targets(
            strip,
            float(own),
            film.corners[chosen[strip.body]][2 * strip.plate : 2 * strip.plate + 2],
            film.middles[chosen[strip.body]][strip.plate],
        )
        for strip, own in zip(strips, sunk, strict=True)
    ]
    lengths = np.array([strip.length for strip in strips])
    return {
        "seen": np.clip(np.rint(seen * PARTS_OF_ONE), -127, 127).astype(np.int8),
        "away": np.array(away, np.float32),
        "sunk": (sunk / lengths).astype(np.float32),
        "length_mm": (lengths * film.pixel_mm).astype(np.float32),
        "depths": np.array(
            [film.depths[chosen[strip.body]][strip.plate].ravel() for strip in strips], np.float32
        ),
        "kind": np.array([strip.kind for strip in strips], np.int8),
        "whole": np.array([film.visible[chosen[strip.body]] > WHOLE for strip in strips]),
        "film": np.full(len(strips), int(path.stem)),
        "again": np.full(len(strips), again),
    }


def part(job: tuple[list[Path], Path]) -> int:
    """Write the file of some films; how many strips it has."""
    paths, target = job
    if target.is_file():
        return 0
    cv2.setNumThreads(1)
    every = [(path, False) for path in paths]
    every += [(path, True) for path in paths if int(path.stem) % REDRAWN == 1]
    found = [own for path, again in every if (own := samples(path, again)) is not None]
    if not found:
        return 0
    beside = target.with_suffix(".part.npz")
    np.savez(beside, **{name: np.concatenate([own[name] for own in found]) for name in found[0]})
    beside.replace(target)
    return sum(len(own["kind"]) for own in found)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    paths = films_in(options.pool)
    jobs = [
        (paths[i : i + TOGETHER], options.folder / f"{paths[i].stem}.npz")
        for i in range(0, len(paths), TOGETHER)
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        print(f"{sum(pool.map(part, jobs))} strips of {len(paths)} films")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
