"""Shape: the bones of one patient, each change a map of local points, so truth moves along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Anatomy, BoneMesh
from spinemorph.types import FloatArray, frozen_array

#: Size of a thoracic body against L1: published means fall by 3-5 % a level.
THORACIC_SIZE = {"T12": 0.95, "T11": 0.90, "T10": 0.87, "T9": 0.84}


@dataclass(frozen=True)
class ShapeSettings:
    """Probabilities 0 to 1; sizes relative; lengths in mm."""

    size: tuple[float, float] = (0.86, 1.14)
    own_size_sd: float = 0.025
    depth_sd: float = 0.05
    wedge_sd: float = 0.04
    fracture: float = 0.07
    fractured_film: float = 0.18
    fracture_loss: tuple[float, float] = (0.15, 0.65)
    concave: float = 0.6
    concavity_mm: tuple[float, float] = (0.0, 2.5)
    osteophyte_film: float = 0.40
    osteophyte: tuple[float, float] = (0.1, 0.7)
    osteophyte_mm: tuple[float, float] = (1.5, 9.0)
    warp_mm: float = 0.7
    sacral_dome: float = 0.25
    sacral_bend_sd: float = 0.25
    #: height of a dome, and waves of the sacrum
    sacral_dome_mm: tuple[float, float] = field(
        default=(1.0, 5.0), metadata={"neutral": (1.0, 5.0)}
    )
    sacral_warp_mm: float = field(default=0.7, metadata={"neutral": 0.7})
    #: dysplastic films: L5 low behind, on a rounded sacrum that it slips from
    dysplastic: float = field(default=0.0, metadata={"neutral": 0.0})
    #: how far behind the middle an endplate is deepest, at most, in half depths
    concavity_behind: float = field(default=0.0, metadata={"neutral": 0.0})
    #: rims that stand out all around an endplate, at most
    lip_mm: float = field(default=0.0, metadata={"neutral": 0.0})


@dataclass(frozen=True, eq=False)
class ShapedBone:
    """A bone after all changes, in its own frame; ``corners`` exclude osteophytes."""

    vertices: FloatArray
    faces: NDArray[np.int32]
    body: NDArray[np.bool_]
    corners: FloatArray
    outlines: FloatArray
    width: float
    deformity: str | None = None
    #: (4, 2) where a reader puts the corners, where that is not told by ``corners``
    marks: FloatArray | None = None
    #: outlines before any osteophyte (None: there is none), and corners (4, 2) with outlines before any
    #: fracture (None: there is none)
    bare: FloatArray | None = None
    intact: tuple[FloatArray, FloatArray] | None = None

    def __post_init__(self) -> None:
        for name, shape in (
            ("vertices", (None, 3)),
            ("corners", (4, 2)),
            ("outlines", (None, None, 3)),
        ):
            object.__setattr__(
                self, name, frozen_array(getattr(self, name), np.float64, shape, name)
            )


def shape_bones(
    anatomy: Anatomy, wall_lengths: FloatArray, rng: Generator, settings: ShapeSettings
) -> dict[str, ShapedBone]:
    """Every bone of one patient; ``wall_lengths`` (5,): anterior heights of L1-L5 in mm to fit."""
    size = rng.uniform(*settings.size)
    fractured = rng.random() < settings.fractured_film
    osteophytes = rng.random() < settings.osteophyte_film
    share = rng.uniform(*settings.osteophyte) if osteophytes else 0.0
    variant = int(rng.integers(0, 8))
    depth = size * rng.normal(1, settings.depth_sd)
    dysplastic = settings.dysplastic > 0 and rng.random() < settings.dysplastic
    bones: dict[str, ShapedBone] = {}
    for i, level in enumerate(("L1", "L2", "L3", "L4", "L5")):
        shapes = anatomy.vertebrae[level]
        mesh = shapes[1 if variant < 3 and len(shapes) > 1 else 0]
        height = wall_lengths[i] / (mesh.corners[0, 1] - mesh.corners[2, 1])
        height = np.clip(height, 0.75, 1.35) * rng.normal(1, settings.own_size_sd)
        own = depth * rng.normal(1, settings.own_size_sd, 2)
        wedge = rng.uniform(0.05, 0.42) if dysplastic and level == "L5" else 0.0
        bones[level] = _vertebra(
            mesh, (own[0], own[1], height), rng, settings, share, fractured, wedge
        )
    for level, factor in THORACIC_SIZE.items():
        mesh = anatomy.vertebrae["L1"][0]
        height = wall_lengths[0] / (mesh.corners[0, 1] - mesh.corners[2, 1])
        height = float(np.clip(height, 0.75, 1.35)) * (1 + (factor - 1) * 0.9)
        scale = (depth * factor, depth * factor, height * rng.normal(1, settings.own_size_sd))
        bones[level] = _vertebra(mesh, scale, rng, settings, share, fractured)
    bones["S1"] = _sacrum(anatomy.sacrum, bones["L5"], rng, settings, dysplastic)
    return bones


def _vertebra(
    mesh: BoneMesh,
    scale: tuple[float, float, float],
    rng: Generator,
    settings: ShapeSettings,
    osteophyte_share: float,
    fractured: bool,
    wedge: float = 0.0,
) -> ShapedBone:
    assert mesh.outlines is not None  # noqa: S101  narrows the type
    factors = np.array(scale)
    corners = np.stack([mesh.corners[:, 0], np.zeros(4), mesh.corners[:, 1]], axis=1) * factors
    points = np.concatenate([mesh.vertices, mesh.outlines.reshape(-1, 3)]) * factors
    half = np.array([np.ptp(corners[:, 0]) / 2, np.ptp(mesh.outlines[..., 1]) * scale[1] / 2, 0.0])
    half[2] = np.ptp(corners[:, 2]) / 2
    changes = [_wedge(rng.normal(wedge, settings.wedge_sd), half)]
    if rng.random() < settings.concave:
        depths, behind = rng.uniform(*settings.concavity_mm, 2), 0.0
        if settings.concavity_behind > 0:
            behind = rng.uniform(0, settings.concavity_behind)
        changes.append(_concave(depths, half, behind))
    if settings.lip_mm > 0 and rng.random() < 0.5:
        changes.append(_lip(rng.uniform(0, settings.lip_mm, 2), half))
    deformity, sound = None, None
    chance = settings.fracture * (4 if fractured else 0.3)
    if rng.random() < chance:
        deformity = str(rng.choice(["wedge", "biconcave", "crush"], p=[0.5, 0.3, 0.2]))
        sound = list(changes)
        changes.append(_fracture(deformity, rng.uniform(*settings.fracture_loss), half, rng))
    warp = _warp(settings.warp_mm, rng)
    n, shape = len(mesh.vertices), mesh.outlines.shape
    intact = None
    if sound is not None:
        parts = _through([*sound, warp], corners), _through([*sound, warp], points[n:])
        intact = parts[0][:, [0, 2]], parts[1].reshape(shape)
    points, corners = _through([*changes, warp], points), _through([*changes, warp], corners)
    bare = points[n:].reshape(shape)
    for index in range(4):
        if rng.random() < osteophyte_share:
            length = rng.uniform(*settings.osteophyte_mm) * (1 if index % 2 == 0 else 0.45)
            points = _osteophyte(points, corners[index], index, length, half, rng)
    return ShapedBone(
        points[:n],
        mesh.faces,
        mesh.body,
        corners[:, [0, 2]],
        points[n:].reshape(shape),
        2 * half[1],
        deformity,
        bare=bare,
        intact=intact,
    )


def _through(
    changes: Sequence[Callable[[FloatArray], FloatArray]], points: FloatArray
) -> FloatArray:
    for change in changes:
        points = change(points)
    return points


def _front(points: FloatArray, half: FloatArray) -> FloatArray:
    """1 in the body, falling to 0 behind its posterior wall: the arch keeps its shape."""
    return np.clip((points[:, 0] + half[0] + 8) / 8, 0, 1)


def _wedge(amount: float, half: FloatArray) -> Callable[[FloatArray], FloatArray]:
    def change(points: FloatArray) -> FloatArray:
        x = np.clip(points[:, 0] / half[0], -1.2, 1.2)
        moved = points.copy()
        moved[:, 2] *= 1 + amount * x
        return moved

    return change


def _concave(
    depths: FloatArray, half: FloatArray, behind: float
) -> Callable[[FloatArray], FloatArray]:
    """Both endplates sink in the middle (or ``behind`` it, in half depths), the rim stays."""

    def change(points: FloatArray) -> FloatArray:
        x = points[:, 0] / half[0]
        # a quadratic map of the axis that keeps both ends where they are
        x = x + behind * np.clip(1 - x**2, 0, 1)
        r = np.clip(x**2 + (points[:, 1] / (1.15 * half[1])) ** 2, 0, 1)
        bowl = (1 - r) ** 1.0
        level = np.clip(points[:, 2] / half[2], -1, 1)
        sink = np.where(level > 0, depths[0], depths[1]) * bowl * level**3
        moved = points.copy()
        moved[:, 2] -= sink
        return moved

    return change


def _lip(heights: FloatArray, half: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Both rims stand out toward the disc, all around: wear that is part of the body."""

    def change(points: FloatArray) -> FloatArray:
        r = np.sqrt((points[:, 0] / half[0]) ** 2 + (points[:, 1] / (1.15 * half[1])) ** 2)
        ring = np.exp(-(((r - 0.95) / 0.14) ** 2)) * _front(points, half)
        level = np.clip(points[:, 2] / half[2], -1.1, 1.1)
        moved = points.copy()
        moved[:, 2] += np.where(level > 0, heights[0], heights[1]) * ring * level**5
        return moved

    return change


def _fracture(
    kind: str, loss: float, half: FloatArray, rng: Generator
) -> Callable[[FloatArray], FloatArray]:
    superior = rng.uniform(0.55, 1.0)

    def change(points: FloatArray) -> FloatArray:
        x = np.clip(points[:, 0] / half[0], -1, 1)
        level = np.clip(points[:, 2] / half[2], -1.3, 1.3)
        side = np.where(level > 0, superior, 1 - superior) * 2
        if kind == "wedge":
            amount = loss * ((x + 1) / 2) ** 1.2
        elif kind == "biconcave":
            r = np.clip(x**2 + (points[:, 1] / (1.3 * half[1])) ** 2, 0, 1)
            amount, side = min(loss, 0.55) * (1 - r), np.ones_like(x)
        else:
            amount = loss * (0.75 + 0.25 * x)
        moved = points.copy()
        front = _front(points, half)
        moved[:, 2] -= half[2] * level * np.clip(amount * side, 0, 0.9) * front
        bulge = 2.5 * loss * (1 - np.clip(level, -1, 1) ** 2)
        moved[:, 0] += bulge * np.clip(x, 0, 1) * front
        return moved

    return change


def _warp(size: float, rng: Generator) -> Callable[[FloatArray], FloatArray]:
    waves = rng.normal(0, 1, (4, 3))
    waves *= (2 * np.pi / 55.0) / np.linalg.norm(waves, axis=1, keepdims=True)
    phases = rng.uniform(0, 2 * np.pi, 4)
    shifts = rng.normal(0, size / 3, (4, 3))

    def change(points: FloatArray) -> FloatArray:
        return points + np.sin(points @ waves.T + phases) @ shifts

    return change


def _osteophyte(
    points: FloatArray,
    corner: FloatArray,
    index: int,
    length: float,
    half: FloatArray,
    rng: Generator,
) -> FloatArray:
    """Draw the surface near a corner outward into a beak; the corner itself is not part of it."""
    forward = 1.0 if index % 2 == 0 else -1.0
    upward = 1.0 if index < 2 else -1.0
    reach = rng.uniform(2.5, 4.5) + 0.25 * length
    middle = rng.normal(0, 0.5) * half[1]
    spread = rng.uniform(0.5, 1.2) * half[1]
    distance = (points[:, 0] - corner[0]) ** 2 + (points[:, 2] - corner[2]) ** 2
    weight = np.exp(-distance / (2 * reach**2)) * np.exp(
        -((points[:, 1] - middle) ** 2) / (2 * spread**2)
    )
    curl = rng.uniform(-0.1, 0.6)
    moved = points.copy()
    moved[:, 0] += forward * length * weight
    moved[:, 2] += upward * curl * length * weight**2
    return moved


def _sacrum(
    mesh: BoneMesh, l5: ShapedBone, rng: Generator, settings: ShapeSettings, dysplastic: bool
) -> ShapedBone:
    assert mesh.outlines is not None  # noqa: S101  narrows the type
    depth = float(l5.corners[2, 0] - l5.corners[3, 0]) * rng.normal(0.98, 0.06)
    scale = depth / float(mesh.corners[0, 0] - mesh.corners[1, 0])
    factors = scale * np.array([1.0, 1.0, rng.normal(1, 0.06)])
    points = np.concatenate([mesh.vertices, mesh.outlines.reshape(-1, 3)]) * factors
    marked = mesh.corners if mesh.marks is None else mesh.marks
    corners = np.zeros((8, 3))
    corners[:, [0, 2]] = np.concatenate([mesh.corners, marked])
    corners = corners * factors
    bend = rng.normal(0, settings.sacral_bend_sd)
    dome = rng.uniform(*settings.sacral_dome_mm) if rng.random() < settings.sacral_dome else 0.0
    shear = rng.normal(0, 0.12)
    half = np.array([depth / 2, 25.0, 15.0])
    warp = _warp(settings.sacral_warp_mm, rng)
    droop = 0.0
    if dysplastic:
        dome, droop = rng.uniform(3.0, 12.0), rng.uniform(0.0, 9.0)
        # the dome runs on into a posterior wall that stands out below its rim; arch and facets are small
        bulge, aplasia = depth * rng.uniform(-0.05, 0.42), rng.uniform(0.0, 22.0)
        crest, reach = depth * rng.uniform(0.25, 0.55), depth * rng.uniform(0.25, 0.5)

    def change(old: FloatArray) -> FloatArray:
        moved = old.copy()
        below = np.clip(-old[:, 2], 0, 140)
        moved[:, 0] += bend * below**2 / 160 + shear * below
        near = np.exp(-np.clip(-old[:, 2], 0, None) / 6) * (old[:, 2] < 8)
        moved[:, 2] += dome * near * np.clip(1 - (old[:, 0] / half[0]) ** 2, 0, 1)
        moved[:, 2] -= droop * near * np.clip(old[:, 0] / half[0], 0, 1.1) ** 2
        if dysplastic:
            arch = np.clip((-old[:, 0] / half[0] - 1.1) / 0.8, 0, 1)
            moved[:, 2] -= aplasia * arch * np.exp(np.minimum(old[:, 2], 0) / 30)
            behind = np.exp(-(((old[:, 0] / half[0] + 1) / 0.7) ** 2))
            moved[:, 0] -= bulge * behind * np.exp(-(((old[:, 2] + crest) / reach) ** 2))
        return warp(moved)

    points, corners = change(points), change(corners)
    n = len(mesh.vertices)
    outlines = points[n:].reshape(mesh.outlines.shape)
    deformity = "dysplastic" if dysplastic else None
    corners, marked = corners[:4, [0, 2]], corners[4:, [0, 2]]
    return ShapedBone(
        points[:n], mesh.faces, mesh.body, corners, outlines, 50.0, deformity, marks=marked
    )
