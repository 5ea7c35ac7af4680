"""Cortex: the dense shell of a bone, as the inner surface that its outer one encloses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray


@dataclass(frozen=True)
class Cortex:
    """Thickness of the cortex in mm: side walls of the body, its endplates, all that lies behind it.

    ``uneven``: standard deviation of the logarithm of the thickness over the surface. ``sclerosis``:
    what the superior and the inferior endplate have more, in mm, on one half of them or on all.
    """

    wall: float
    endplate: float
    arch: float
    uneven: float = 0.0
    sclerosis: tuple[float, float] = (0.0, 0.0)


def cortex(bone: ShapedBone, rng: Generator, of: Cortex) -> FloatArray:
    """The inner surface (n, 3): every vertex moved inward by the thickness of the cortex there."""
    normals = vertex_normals(bone.vertices, bone.faces)
    steep = np.clip(np.abs(normals[:, 2]) * 2 - 0.8, 0, 1)
    thickness = np.where(bone.body, of.wall + (of.endplate - of.wall) * steep, of.arch)
    thickness = thickness * rng.uniform(0.85, 1.15, len(thickness))
    if of.uneven > 0:
        waves = rng.normal(0, 1, (5, 3))
        waves *= 2 * np.pi / rng.uniform(12, 50, (5, 1)) / np.linalg.norm(waves, axis=1)[:, None]
        phase = bone.vertices @ waves.T + rng.uniform(0, 2 * np.pi, 5)
        thickness = thickness * np.exp(of.uneven * np.sin(phase).sum(axis=1) * np.sqrt(2 / 5))
    if any(of.sclerosis):
        x = 2 * bone.vertices[:, 0] / np.ptp(bone.corners[:2, 0])
        for more, side in zip(of.sclerosis, (1.0, -1.0), strict=True):
            where = steep * (normals[:, 2] * side > 0) * (bone.body | _table(bone))
            half = rng.choice([-1.0, 0.0, 1.0])
            thickness = thickness + more * where * (1 / (1 + np.exp(-5 * half * x)))
    return np.asarray(bone.vertices - normals * thickness[:, None])


def _table(bone: ShapedBone) -> NDArray[np.bool_]:
    """The upper end of a sacrum, whose body is not marked apart."""
    if bone.body.any():
        return np.zeros(len(bone.vertices), bool)
    x, y, z = bone.vertices.T
    front, behind = bone.corners[0], bone.corners[1]
    near = np.abs(z - np.interp(x, [behind[0], front[0]], [behind[1], front[1]])) < 12
    return np.asarray(near & (x > behind[0] - 3) & (x < front[0] + 3) & (np.abs(y) < 28))


def vertex_normals(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """Outward unit normals (n, 3), weighted by area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    area = np.cross(b - a, c - a)
    normals = np.stack(
        [
            sum(
                np.bincount(faces[:, k], weights=area[:, axis], minlength=len(vertices))
                for k in range(3)
            )
            for axis in range(3)
        ],
        axis=1,
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
