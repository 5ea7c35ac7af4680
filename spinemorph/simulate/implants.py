"""Implants: what a surgeon put in, where it stands, how the beam sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.texture import Range, draw
from spinemorph.simulate.truth import TrueImplant
from spinemorph.simulate.tubes import Patch, thread, tube
from spinemorph.types import Box, FloatArray


@dataclass(frozen=True)
class ImplantSettings:
    """Probability that a film is post-operative and what it then holds; mm; 1/mm."""

    operated: float = 0.35
    fusion: float = 0.72
    cement: float = 0.20
    replacement: float = 0.13
    plate: float = 0.06
    cage_with_fusion: float = 0.65
    stand_alone_cage: float = 0.10
    metal: Range = (0.18, 0.6)
    screw_radius: Range = (2.4, 3.8)
    rod_radius: Range = (2.4, 3.2)
    cement_attenuation: Range = (0.02, 0.09)


@dataclass(frozen=True)
class ImplantPlan:
    """Levels that carry screws, bodies that are cemented or replaced, discs with a cage (upper level)."""

    screws: tuple[str, ...] = ()
    cages: tuple[str, ...] = ()
    cemented: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    plated: tuple[str, ...] = field(default=())
    rods: bool = True


def plan_implants(rng: Generator, settings: ImplantSettings, levels: Sequence[str]) -> ImplantPlan:
    """Decide before the bones are drawn. ``levels`` from above downward, S1 last."""
    if rng.random() >= settings.operated:
        return ImplantPlan()
    kind = rng.random()
    n = len(levels)
    if kind < settings.fusion:
        length = int(rng.choice([2, 3, 4, 5, 6], p=[0.45, 0.25, 0.15, 0.1, 0.05]))
        end = n if rng.random() < 0.45 else int(rng.integers(min(max(length, 3), n), n + 1))
        span = tuple(levels[max(end - length, 0) : end])
        screws = tuple(
            level for i, level in enumerate(span) if i in (0, len(span) - 1) or rng.random() < 0.85
        )
        discs = span[:-1]
        cages = tuple(level for level in discs if rng.random() < settings.cage_with_fusion)
        replaced: tuple[str, ...] = ()
        if len(span) >= 3 and rng.random() < 0.12:
            replaced = (str(span[1 + int(rng.integers(0, len(span) - 2))]),)
            cages = ()
            screws = tuple(level for level in screws if level not in replaced)
        cemented = tuple(level for level in screws if rng.random() < 0.06 and level != "S1")
        return ImplantPlan(screws, cages, cemented, replaced, rods=rng.random() < 0.96)
    if kind < settings.fusion + settings.cement:
        count = int(rng.integers(1, 4))
        return ImplantPlan(
            cemented=tuple(str(v) for v in rng.choice(levels[:-1], count, replace=False))
        )
    if rng.random() < settings.replacement / (settings.replacement + settings.plate + 0.04):
        level = str(levels[int(rng.integers(1, n - 2))])
        around = levels.index(level)
        screws = (levels[around - 1], levels[around + 1]) if rng.random() < 0.5 else ()
        return ImplantPlan(screws=tuple(screws), replaced=(level,))
    disc = str(levels[int(rng.integers(2, n - 1))])
    return ImplantPlan(cages=(disc,), plated=(disc,) if rng.random() < 0.6 else ())


def implants(
    camera: Camera,
    placed: Sequence[Placed],
    plan: ImplantPlan,
    rng: Generator,
    settings: ImplantSettings,
    cage_hosts: Mapping[str, Placed] | None = None,
) -> tuple[NDArray[np.float32], list[TrueImplant]]:
    """Attenuation integral (rows, columns) and every implant with the mask of what was drawn.

    ``cage_hosts``: upper bodies as they stood when a cage was put in, where they moved since.
    """
    total = np.zeros((camera.rows, camera.columns), np.float32)
    truth: list[TrueImplant] = []
    at = {bone.level: bone for bone in placed}
    metal = draw(rng, settings.metal)
    parts: list[tuple[str, tuple[str, ...], list[tuple[Patch, float]]]] = []
    parts += _fixation(camera, at, plan, rng, settings, metal)
    for upper in plan.cages:
        lower = _below(upper, at)
        if lower is not None:
            parts.append(
                (
                    "cage",
                    (upper, lower),
                    list(
                        _cage(
                            camera, (cage_hosts or at).get(upper, at[upper]), at[lower], rng, metal
                        )
                    ),
                )
            )
    for upper in plan.plated:
        lower = _below(upper, at)
        if lower is not None:
            parts.append(
                ("plate", (upper, lower), list(_plate(camera, at[upper], at[lower], rng, metal)))
            )
    for level in plan.cemented:
        mu = draw(rng, settings.cement_attenuation)
        parts.append(("cement", (level,), list(_cement(camera, at[level], rng, mu))))
    for level in plan.replaced:
        under, over = _below(level, at), _above(level, at)
        if under is not None and over is not None:
            parts.append(
                (
                    "body_replacement",
                    (level,),
                    list(_replacement(camera, at[over], at[under], rng, metal)),
                )
            )
    for category, levels, patches in parts:
        found = np.zeros(total.shape, bool)
        for (rows, columns, depth), mu in patches:
            total[rows, columns] += mu * depth
            found[rows, columns] |= depth > 0.6
        implant = _true(category, levels, found)
        if implant is not None:
            truth.append(implant)
    return total, truth


def _true(category: str, levels: tuple[str, ...], found: NDArray[np.bool_]) -> TrueImplant | None:
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if len(rows) == 0:
        return None
    box = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return TrueImplant(category, found[box.slices], box, levels)


_ORDER = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")


def _below(level: str, at: dict[str, Placed]) -> str | None:
    index = _ORDER.index(level) + 1
    return _ORDER[index] if index < len(_ORDER) and _ORDER[index] in at else None


def _above(level: str, at: dict[str, Placed]) -> str | None:
    index = _ORDER.index(level) - 1
    return _ORDER[index] if index >= 0 and _ORDER[index] in at else None


def _box_of(bone: Placed) -> tuple[float, float, float, float]:
    """Posterior x, anterior x, inferior z, superior z of a body in its own frame (S1: assumed)."""
    if bone.level == "S1":
        depth = bone.corners[0, 0] - bone.corners[1, 0]
        return float(bone.corners[1, 0]), float(bone.corners[0, 0]), float(-0.75 * depth), 0.0
    x = bone.corners[:, 0].reshape(2, 2).mean(axis=0)
    z = bone.corners[:, 1].reshape(2, 2).mean(axis=1)
    return float(x[1]), float(x[0]), float(z[1]), float(z[0])


def _fixation(
    camera: Camera,
    at: dict[str, Placed],
    plan: ImplantPlan,
    rng: Generator,
    settings: ImplantSettings,
    metal: float,
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Patch, float]]]]:
    """Pedicle screws on both sides with tulip heads, and the rods that join them."""
    radius, rod = draw(rng, settings.screw_radius), draw(rng, settings.rod_radius)
    reach, entry = rng.uniform(0.45, 0.92), rng.uniform(0.55, 0.85)
    slope_sd = rng.choice([2.0, 6.0])
    both = rng.random() < 0.95
    for side in (-1.0, 1.0) if both else (1.0,):
        heads: list[FloatArray] = []
        offset = rng.normal(0, 2.0)
        for level in plan.screws:
            bone = at[level]
            back, front, low, high = _box_of(bone)
            height = low + (high - low) * (entry + rng.normal(0, 0.04))
            slope = np.tan(np.deg2rad(rng.normal(0, slope_sd) + (-18.0 if level == "S1" else 0.0)))
            tip = back + (front - back) * np.clip(reach + rng.normal(0, 0.08), 0.3, 1.05)
            head = back - rng.uniform(20, 30) + offset
            line = np.array(
                [
                    [head, side * rng.uniform(20, 26), height - slope * (tip - head) * 0.5],
                    [tip, side * rng.uniform(6, 12), height + slope * (tip - head) * 0.5],
                ]
            )
            world = bone.to_world(line)
            patches = []
            shaft = tube(
                camera, world, radius, thread(rng.uniform(2.2, 3.2), rng.uniform(0.1, 0.3))
            )
            if shaft is not None:
                patches.append((shaft, metal))
            axis = (world[1] - world[0]) / np.linalg.norm(world[1] - world[0])
            tulip = tube(
                camera,
                np.array(
                    [world[0] - axis * rng.uniform(5, 9), world[0] + axis * rng.uniform(2, 5)]
                ),
                rng.uniform(5.0, 7.0),
            )
            if tulip is not None:
                patches.append((tulip, metal * 0.8))
            heads.append(world[0] - axis * 3)
            if patches:
                yield "screw", (level,), patches
        if plan.rods and len(heads) >= 2:
            yield from _rod(camera, np.array(heads), plan.screws, rng, rod, metal)


def _rod(
    camera: Camera,
    heads: FloatArray,
    levels: tuple[str, ...],
    rng: Generator,
    radius: float,
    metal: float,
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Patch, float]]]]:
    first, last = heads[0] - heads[1], heads[-1] - heads[-2]
    ends = [rng.uniform(5, 16) * v / np.linalg.norm(v) for v in (first, last)]
    path = np.vstack([heads[0] + ends[0], heads, heads[-1] + ends[1]])
    steps = np.linspace(0, len(path) - 1, 6 * len(path))
    smooth = np.stack(
        [np.interp(steps, np.arange(len(path)), path[:, axis]) for axis in range(3)], axis=1
    )
    kernel = np.ones(5) / 5
    padded = np.pad(smooth, ((2, 2), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(padded[:, axis], kernel, "valid") for axis in range(3)], axis=1)
    patch = tube(camera, smooth, radius)
    if patch is not None:
        yield "rod", levels, [(patch, metal)]


def _solid(camera: Camera, outline: FloatArray, depth: float) -> Patch | None:
    """A plate of ``depth`` mm along the beam with this outline (n, 3) in the world."""
    points = camera.project(outline)[:, :2]
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + 2
    right, bottom = min(right, camera.columns), min(bottom, camera.rows)
    if right <= left or bottom <= top:
        return None
    canvas = np.zeros((bottom - top, right - left), np.float32)
    fixed = np.round((points - [left, top]) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], depth, cv2.LINE_8, shift=4)
    return slice(top, bottom), slice(left, right), canvas


def _quad(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, u: float, v: float
) -> FloatArray:
    """Point of the patch with corners a (0, 0), b (1, 0), c (0, 1), d (1, 1)."""
    return np.asarray((1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d))


def _disc(upper: Placed, lower: Placed) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Corners of the disc space in the world: upper posterior, upper anterior, lower ones."""
    above, below = upper.corner_points(), lower.corner_points()
    return above[3], above[2], below[1], below[0]


def _cage(
    camera: Camera, upper: Placed, lower: Placed, rng: Generator, metal: float
) -> Iterator[tuple[Patch, float]]:
    """PEEK with tantalum marks, a titanium frame with windows, or a solid wedge."""
    space = _disc(upper, lower)
    start = rng.uniform(0.08, 0.45)
    end = min(start + rng.uniform(0.35, 0.75), 0.97)
    sink = rng.uniform(-0.02, 0.10)

    def at(u: float, v: float) -> FloatArray:
        return _quad(*space, start + u * (end - start), -sink + v * (1 + 2 * sink))

    edge = np.array([at(0, 0), at(1, 0), at(1, 1), at(0, 1)])
    kind = rng.random()
    if kind < 0.5:  # radiolucent body with marks
        body = _solid(camera, edge, 20.0)
        if body is not None:
            yield body, rng.uniform(0.0005, 0.004)
        bars = rng.random() < 0.5
        for u in (0.08, 0.92):
            mark = (
                np.array([at(u, 0.12), at(u, 0.88)])
                if bars
                else np.array([at(u, 0.5), at(u + 0.01, 0.5)])
            )
            patch = tube(camera, mark, rng.uniform(0.5, 0.9))
            if patch is not None:
                yield patch, metal * 2.5
        return
    thickness = rng.uniform(3, 12) if kind < 0.9 else rng.uniform(12, 22)
    solid = _solid(camera, edge, thickness)
    if solid is None:
        return
    rows, columns, depth = solid
    if kind < 0.9:
        for k in range(int(rng.integers(1, 4))):
            u = (k + 0.5) / 3 + rng.normal(0, 0.02)
            window = np.array(
                [at(u - 0.1, 0.25), at(u + 0.1, 0.25), at(u + 0.1, 0.75), at(u - 0.1, 0.75)]
            )
            hole = _solid(camera, window, 1.0)
            if hole is not None:
                cut = np.zeros((camera.rows, camera.columns), np.float32)
                cut[hole[0], hole[1]] = hole[2]
                depth = depth * (1 - 0.85 * cut[rows, columns])
    yield (rows, columns, np.maximum(depth, 0.7 * (solid[2] > 0)).astype(np.float32)), metal


def _plate(
    camera: Camera, upper: Placed, lower: Placed, rng: Generator, metal: float
) -> Iterator[tuple[Patch, float]]:
    """A plate in front of two bodies with a screw into each."""
    above, below = upper.corner_points(), lower.corner_points()
    forward = upper.rotation @ np.array([1.0, 0, 0])
    up = (above[0] - above[2]) / np.linalg.norm(above[0] - above[2])
    top = above[2] + up * rng.uniform(6, 14) + forward * 2
    bottom = below[0] - up * rng.uniform(6, 14) + forward * 2
    patch = tube(camera, np.array([top, (above[2] + below[0]) / 2 + forward * 3, bottom]), 1.6)
    if patch is not None:
        yield patch, metal * 2
    for end, bone in ((top, upper), (bottom, lower)):
        inward = bone.rotation @ np.array([-rng.uniform(20, 30), 0, rng.normal(0, 4)])
        screw = tube(
            camera, np.array([end, end + inward]), rng.uniform(1.8, 2.6), thread(2.0, 0.25)
        )
        if screw is not None:
            yield screw, metal


def _cement(
    camera: Camera, bone: Placed, rng: Generator, mu: float
) -> Iterator[tuple[Patch, float]]:
    """A cloud of overlapping balls inside the body."""
    back, front, low, high = _box_of(bone)
    middle = np.array(
        [
            rng.uniform(0.4, 0.7) * (front - back) + back,
            rng.normal(0, 5),
            rng.uniform(0.35, 0.65) * (high - low) + low,
        ]
    )
    for _ in range(int(rng.integers(4, 14))):
        spot = middle + rng.normal(0, 1, 3) * [0.14 * (front - back), 6, 0.13 * (high - low)]
        patch = tube(
            camera,
            bone.to_world(np.array([spot, spot + rng.normal(0, 2.5, 3)])),
            rng.uniform(2.0, 6.0),
        )
        if patch is not None:
            yield patch, mu


def _replacement(
    camera: Camera, upper: Placed, lower: Placed, rng: Generator, metal: float
) -> Iterator[tuple[Patch, float]]:
    """A mesh or an expandable body between the neighbours, with end caps."""
    above, below = upper.corner_points(), lower.corner_points()
    space = above[3], above[2], below[1], below[0]
    start = rng.uniform(0.12, 0.35)
    end = start + rng.uniform(0.4, 0.6)

    def at(u: float, v: float) -> FloatArray:
        return _quad(*space, start + u * (end - start), v)

    if rng.random() < 0.5:  # mesh: crossing bars
        count = int(rng.integers(5, 9))
        for k in range(count + 1):
            for line in (
                np.array([at(0, k / count), at(1, k / count)]),
                np.array([at(k / count, 0), at(k / count, 1)]),
            ):
                patch = tube(camera, line, 0.8)
                if patch is not None:
                    yield patch, metal * 1.5
        return
    inset = rng.uniform(0.1, 0.25)
    for u0, u1, v0, v1 in ((0, 1, 0, 0.14), (0, 1, 0.86, 1), (inset, 1 - inset, 0.1, 0.9)):
        patch = _solid(camera, np.array([at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)]), 14.0)
        if patch is not None:
            yield patch, metal
