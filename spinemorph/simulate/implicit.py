"""Solids from simple parts: signed distances on a grid, joined smoothly, then one closed surface."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

Grid32 = NDArray[np.float32]
#: Signed distance in mm (negative inside) from open grids of x, y and z.
Distance = Callable[[Grid32, Grid32, Grid32], Grid32]
_FAR = np.float32(50)


class Solid:
    """A grid of signed distances between two corners ``low`` and ``high`` (x, y, z), mm.

    Parts are joined or cut one after another; ``surface`` then gives the closed mesh.
    """

    def __init__(self, low: tuple[float, ...], high: tuple[float, ...], spacing: float) -> None:
        self._axes = [
            np.arange(a, b + spacing, spacing, dtype=np.float32)
            for a, b in zip(low, high, strict=True)
        ]
        self._spacing = spacing
        self._values = np.full([len(axis) for axis in self._axes], _FAR, np.float32)

    def join(self, part: Distance, low: FloatArray, high: FloatArray, blend: float) -> None:
        """Unite with ``part``, which lies between ``low`` and ``high``; ``blend``: fillet in mm."""
        where, points = self._within(low, high, blend)
        old, new = self._values[where], part(*points)
        self._values[where] = np.minimum(old, new) - _fillet(old, new, blend)

    def cut(self, part: Distance, low: FloatArray, high: FloatArray, blend: float) -> None:
        """Take ``part`` away."""
        where, points = self._within(low, high, blend)
        old, new = self._values[where], -part(*points)
        self._values[where] = np.maximum(old, new) + _fillet(old, new, blend)

    def bar(
        self,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        radii: tuple[float, float],
        *,
        stretch: tuple[float, float, float] = (1, 1, 1),
        blend: float = 2.0,
        take: bool = False,
    ) -> None:
        """Join (or take away) a tapered bar with round ends.

        ``radii`` at start and end in mm; ``stretch``: its section is that much wider along x, y, z.
        """
        ends = np.array([start, end], float)
        reach = np.array(radii)[:, None] * np.array(stretch) + 3
        low, high = (ends - reach).min(axis=0), (ends + reach).max(axis=0)
        (self.cut if take else self.join)(bar(start, end, radii, stretch), low, high, blend)

    def surface(self) -> tuple[FloatArray, NDArray[np.int32]]:
        """Vertices (n, 3) in mm and triangles (m, 3) wound outward."""
        from skimage.measure import marching_cubes

        # a layer of air all around closes what touches the border
        padded = np.pad(self._values, 1, constant_values=_FAR)
        vertices, faces, _, _ = marching_cubes(padded, 0.0, spacing=(self._spacing,) * 3)
        origin = np.array([axis[0] for axis in self._axes]) - self._spacing
        return np.asarray(vertices + origin, np.float64), outward(vertices, faces)

    def _within(
        self, low: FloatArray, high: FloatArray, blend: float
    ) -> tuple[tuple[slice, ...], list[Grid32]]:
        where, points = [], []
        for i, axis in enumerate(self._axes):
            first = int(np.searchsorted(axis, low[i] - blend))
            last = int(np.searchsorted(axis, high[i] + blend))
            where.append(slice(first, last))
            shape = [1, 1, 1]
            shape[i] = -1
            points.append(axis[first:last].reshape(shape))
        return tuple(where), points


def _fillet(a: Grid32, b: Grid32, blend: float) -> Grid32:
    """What a smooth minimum adds (quadratic polynomial of width ``blend``)."""
    h = np.maximum(np.float32(blend) - np.abs(a - b), 0) / np.float32(blend)
    return np.asarray(h * h * np.float32(blend / 4), np.float32)


def bar(
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radii: tuple[float, float],
    stretch: tuple[float, float, float] = (1, 1, 1),
) -> Distance:
    """Signed distance (approximate where stretched) of a tapered bar with round ends."""
    a = np.array(start) / stretch
    step = np.array(end) / stretch - a
    length2 = max(float(step @ step), 1e-9)
    low = float(min(stretch))

    def distance(x: Grid32, y: Grid32, z: Grid32) -> Grid32:
        px, py, pz = (
            axis / np.float32(s) - np.float32(origin)
            for axis, s, origin in zip((x, y, z), stretch, a, strict=True)
        )
        t = np.clip((px * step[0] + py * step[1] + pz * step[2]) / length2, 0, 1)
        t = t.astype(np.float32)
        squared = (px - t * step[0]) ** 2 + (py - t * step[1]) ** 2 + (pz - t * step[2]) ** 2
        radius = radii[0] + (radii[1] - radii[0]) * t
        return np.asarray((np.sqrt(squared) - radius) * low, np.float32)

    return distance


def volume(vertices: FloatArray, faces: NDArray[np.int32]) -> float:
    """Signed volume of a closed mesh, mm3; positive where it is wound outward."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def outward(vertices: FloatArray, faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """``faces`` wound so that the volume is positive."""
    ordered = np.ascontiguousarray(faces if volume(vertices, faces) > 0 else faces[:, ::-1])
    return ordered.astype(np.int32)
