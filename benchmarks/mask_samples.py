"""Outlines of simulated films with their true landmarks, for benchmarks/calibrate_masks.py.

    python benchmarks/mask_samples.py FOLDER --anatomy DIR [--films 40000] [--first 2000000] [--workers 2]

Geometry only, nothing is rendered; two of three films from the meshes of DIR, the others from anatomies of
the package of several seeds; of every eight films five have the settings of the tests, two those of
training, one many fractures. In some films bodies are missing, as a model may miss them. Every tenth film is
there again as a reader outlines it, by quadrilaterals through its true corners, some hollow or with a beak.
Seeds from 1,000,000 are for fitting, those below for testing. One file for 500 films; those that are there
already are kept.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from spinemorph.measure.endplates import upward
from spinemorph.measure.mask_corners import Described, described, relations
from spinemorph.measure.outline import POINTS, contour, contour_of
from spinemorph.simulate.anatomy_source import load_anatomy, parametric_bones
from spinemorph.simulate.film import film_geometry
from spinemorph.simulate.meshes import Anatomy
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import TrueBody, Truth
from spinemorph.types import Box, FloatArray, Instance

HERE = Path(__file__).parent
SETTINGS = ("test", "test", "test", "test", "test", "train", "train", "fractured")
TOGETHER = 500
#: Part of the films in which a body is missing, or only some neighbours were found.
GAPS, PARTS = 0.1, 0.1
#: Every so many films are drawn too.
DRAWN = 10
#: Drawn bodies may reach beyond the film: their pixels are counted from beyond its corner.
SHIFTED = np.array([1000.0, 1000.0])


@dataclass(frozen=True, eq=False)
class Outlined:
    """A body as it is outlined, with what is true of it: pixels of a film with square pixels."""

    instance: Instance
    bare: Instance
    corners: FloatArray
    middles: FloatArray
    spurs_mm2: FloatArray


def of_simulation(body: TrueBody) -> Outlined:
    instance = Instance(body.category, 1.0, body.mask, body.box)
    rest = body.mask & ~body.osteophytes
    bare = instance
    if body.osteophytes.any() and rest.any():
        bare = Instance(body.category, 1.0, rest, body.box)
    return Outlined(instance, bare, body.corners, body.middles, body.osteophyte_mm2)


def as_drawn(rng: np.random.Generator, body: TrueBody, pixel: float) -> Outlined:
    """A quadrilateral through the corners; in part with hollow endplates, and a beak at one corner."""
    corners = body.corners + SHIFTED
    if body.category == "sacrum":
        across = corners[0] - corners[1]
        down = np.array([-across[1], across[0]])
        rows, columns = np.nonzero(body.mask)
        inside = SHIFTED + [columns.mean() + body.box.left, rows.mean() + body.box.top]
        down *= np.sign(down @ (inside - corners[:2].mean(axis=0))) * rng.uniform(0.55, 1.0)
        middle = corners[:2].mean(axis=0) + down + rng.normal(0, 3 / pixel, 2)
        corners[2:] = middle + np.outer([0.5, -0.5], across) * rng.uniform(0.55, 1.05)
    margin = np.ceil(0.6 * np.ptp(corners, axis=0).max()) + 4
    origin = np.floor(corners.min(axis=0)) - margin
    points = corners - origin
    canvas = np.zeros(np.ceil(points.max(axis=0) + margin).astype(int)[::-1], np.uint8)
    _fill(canvas, points[[0, 1, 3, 2]])
    middles = (points[[0, 2]] + points[[1, 3]]) / 2
    if body.category == "lumbar" and rng.random() < 0.4:
        middles = _hollow(canvas, points, rng.uniform(0.02, 0.12))
    plain, spurs = canvas.copy(), np.zeros(4)
    if body.category == "lumbar" and rng.random() < 0.3:
        k = int(rng.integers(4))
        out, side = points[k] - points[k ^ 1], points[k ^ 2] - points[k]
        tip = points[k] + rng.uniform(0.05, 0.2) * out + rng.uniform(-0.05, 0.05) * side
        _fill(canvas, np.array([points[k], tip, points[k] + rng.uniform(0.1, 0.25) * side]))
        spurs[k] = float((canvas > plain).sum()) * pixel**2
    if body.category == "sacrum":
        corners[2:], middles[1], spurs = np.nan, np.nan, np.full(4, np.nan)
    return Outlined(
        _instance(body.category, canvas, origin),
        _instance(body.category, plain, origin),
        corners,
        middles + origin,
        spurs,
    )


def _instance(category: str, canvas: np.ndarray, origin: FloatArray) -> Instance:
    rows, columns = np.nonzero(canvas)
    top, left = int(rows.min()), int(columns.min())
    bottom, right = int(rows.max()) + 1, int(columns.max()) + 1
    mask = canvas[top:bottom, left:right].astype(bool)
    x, y = (int(part) for part in origin)
    return Instance(category, 1.0, mask, Box(top + y, left + x, bottom + y, right + x))


def _fill(canvas: np.ndarray, points: FloatArray) -> None:
    cv2.fillPoly(canvas, [np.rint(points * 256).astype(np.int32)], 1, shift=8)


def _hollow(canvas: np.ndarray, points: FloatArray, depth: float) -> FloatArray:
    """Take an ellipse out of each endplate; the middles (2, 2) that are left."""
    height = float(np.linalg.norm(points[0] - points[2]))
    size = max(round(depth * height), 1)
    middles = []
    for a, b, c, d in ((0, 1, 2, 3), (2, 3, 0, 1)):
        axis, middle = points[a] - points[b], (points[a] + points[b]) / 2
        angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
        across = np.array([-axis[1], axis[0]]) / np.linalg.norm(axis)
        inward = across * np.sign(across @ ((points[c] + points[d]) / 2 - middle))
        centre = (round(float(middle[0])), round(float(middle[1])))
        axes = (round(0.36 * float(np.linalg.norm(axis))), size)
        cv2.ellipse(canvas, centre, axes, angle, 0, 360, 0, -1)
        middles.append(middle + inward * size)
    return np.array(middles)


def thinned(rng: np.random.Generator, bodies: list[TrueBody]) -> list[TrueBody]:
    """In some films one body less, or only a few neighbours."""
    chance, count = rng.random(), len(bodies)
    if chance < GAPS and count > 2:
        gone = int(rng.integers(count))
        return [body for i, body in enumerate(bodies) if i != gone]
    if chance < GAPS + PARTS:
        size = int(rng.integers(1, count + 1))
        first = int(rng.integers(count - size + 1))
        return bodies[first : first + size]
    return bodies


Row = dict[str, FloatArray]


def rows_of(bodies: list[Outlined], facing: str, pixel: float) -> list[Row]:
    """What the network sees and should tell of all bodies of one film."""
    ups = upward([contour_of(body.instance) for body in bodies], 1.0)
    seen = []
    for body, up in zip(bodies, ups, strict=True):
        forward = np.array([-up[1], up[0]]) * (-1 if facing == "left" else 1)
        seen.append(described(body.instance, up, forward, 1.0))
    related = relations(seen)
    return [
        {
            "ring": own.ring,
            "relation": relation,
            "half_mm": own.half * pixel,
            "axes": own.axes,
            "sacrum": np.array(own.sacrum),
            **targets(body, own, pixel),
        }
        for body, own, relation in zip(bodies, seen, related, strict=True)
    ]


def targets(body: Outlined, own: Described, pixel: float) -> Row:
    """``corners`` (4, 2) in the box, ``sunk`` (2,) in half heights, ``spurs`` (4,) in parts of the box,
    ``left`` (POINTS / 4,): the way from the centre that the outline without osteophytes leaves; NaN for what
    S1 has not.
    """
    corners = (body.corners @ own.axes.T - own.centre) / own.half
    sunk = []
    for k in (0, 1):
        a, b = body.corners[2 * k] @ own.axes.T, body.corners[2 * k + 1] @ own.axes.T
        normal = np.array([-(a - b)[1], (a - b)[0]]) / np.linalg.norm(a - b)
        away = float((body.middles[k] @ own.axes.T - (a + b) / 2) @ normal)
        sunk.append((-away if k == 0 else away) / own.half[1])
    left = np.ones(POINTS // 4)
    if body.bare is not body.instance:
        bare = contour(body.bare.mask) + [body.bare.box.left, body.bare.box.top]
        reach = _rays((bare @ own.axes.T - own.centre) / own.half, own.ring[::4])
        left = np.clip(reach / np.linalg.norm(own.ring[::4], axis=1), 0.0, 1.0)
    return {
        "corners": corners,
        "sunk": np.array(sunk),
        "spurs": body.spurs_mm2 / (4 * own.half.prod() * pixel**2),
        "left": left,
    }


def _rays(outline: FloatArray, toward: FloatArray) -> FloatArray:
    """How far (k,) an outline (n, 2) reaches from the centre toward points (k, 2)."""
    angle = np.arctan2(outline[:, 1], outline[:, 0])
    order = np.argsort(angle)
    radius = np.linalg.norm(outline, axis=1)[order]
    return np.interp(np.arctan2(toward[:, 1], toward[:, 0]), angle[order], radius, period=2 * np.pi)


@lru_cache(maxsize=1)
def anatomies(folder: Path | None) -> list[Anatomy]:
    """Several shapes of bone: what holds for one sacrum only is of no use."""
    own = [load_anatomy(None), *(parametric_bones(seed) for seed in (11, 12, 13))]
    return [*([load_anatomy(folder)] * 8), *own] if folder else own


def outlined(truth: Truth, rng: np.random.Generator, seed: int) -> list[list[Row]]:
    """The rows of a film, and of it as drawn where its turn has come; of bodies that are whole on it."""
    bodies = [body for body in truth.bodies if body.visible > 0.98]
    if not bodies:
        return []
    pixel = truth.spacing_mm
    some = thinned(rng, bodies)
    found = [rows_of([of_simulation(body) for body in some], truth.facing, pixel)]
    if seed % DRAWN == 3:
        some = thinned(rng, bodies)
        found.append(rows_of([as_drawn(rng, body, pixel) for body in some], truth.facing, pixel))
    return found


def part(job: tuple[Path | None, int, int, Path]) -> int:
    """Write the file of TOGETHER films from a seed on; how many bodies it has."""
    folder, first, seed, out = job
    target = out / f"{seed}.npz"
    if target.is_file():
        return 0
    settings = [Settings.load(HERE / "settings" / f"{name}.json") for name in SETTINGS]
    sources = anatomies(folder)
    rows: list[Row] = []
    for own in range(seed, seed + TOGETHER):
        which, turn = (own - first) % len(sources), (own - first) // len(sources)
        truth = film_geometry(sources[which], settings[turn % len(settings)], own)
        for drawn, film in enumerate(outlined(truth, np.random.default_rng(own), own)):
            about = {
                "film": np.array(2 * own + drawn),
                "drawn": np.array(bool(drawn)),
                "settings": np.array(turn % len(settings)),
                "mesh": np.array(folder is not None and which < 8),
            }
            rows += [row | about for row in film]
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    halved = {
        name: value.astype(np.float32) if value.dtype == np.float64 else value
        for name, value in arrays.items()
    }
    beside = target.with_suffix(".part.npz")
    np.savez(beside, **halved)
    beside.replace(target)
    return len(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--films", type=int, default=40_000)
    parser.add_argument("--first", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (options.anatomy, options.first, seed, options.folder)
        for seed in range(options.first, options.first + options.films, TOGETHER)
    ]
    bodies = 0
    with ProcessPoolExecutor(options.workers) as pool:
        for done, count in enumerate(pool.map(part, jobs), 1):
            bodies += count
            print(f"{TOGETHER * done} films, {bodies} new bodies", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
