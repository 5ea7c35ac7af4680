"""Round bars seen from the side: path lengths through swept tubes, exact across their width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera
from spinemorph.types import FloatArray

#: rows and columns a patch covers on the film, and path lengths in mm.
Patch = tuple[slice, slice, NDArray[np.float32]]


def tube(
    camera: Camera,
    path: FloatArray,
    radius: float,
    profile: Callable[[FloatArray], FloatArray] | None = None,
) -> Patch | None:
    """Path lengths in mm through a tube of ``radius`` mm along ``path`` (n, 3) world points.

    ``profile``: factor on the radius by the distance from the first point in mm (threads, tapers).
    None where the tube is not on the film. Ends are round.
    """
    points = camera.project(path)[:, :2]
    reach = radius / camera.pixel_mm * 1.35 + 1
    left, top = np.floor(points.min(axis=0) - reach).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + reach).astype(int) + 1
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, camera.columns), min(bottom, camera.rows)
    if right <= left or bottom <= top:
        return None
    x = np.arange(left, right)[None, :]
    y = np.arange(top, bottom)[:, None]
    nearest = np.full((bottom - top, right - left), np.inf)
    along = np.zeros_like(nearest)
    start = 0.0
    for a, b in zip(points[:-1], points[1:], strict=True):
        step = b - a
        length = max(float(np.linalg.norm(step)), 1e-6)
        t = np.clip(((x - a[0]) * step[0] + (y - a[1]) * step[1]) / length**2, 0, 1)
        distance = np.hypot(x - a[0] - t * step[0], y - a[1] - t * step[1])
        closer = distance < nearest
        nearest = np.where(closer, distance, nearest)
        along = np.where(closer, start + t * length, along)
        start += length
    size = radius if profile is None else radius * profile(along * camera.pixel_mm)
    depth = 2 * np.sqrt(np.maximum(size**2 - (nearest * camera.pixel_mm) ** 2, 0))
    return slice(top, bottom), slice(left, right), depth.astype(np.float32)


def thread(pitch: float, depth: float) -> Callable[[FloatArray], FloatArray]:
    """A screw's profile: radius swings by ``depth`` (part of it) every ``pitch`` mm."""

    def profile(along: FloatArray) -> FloatArray:
        return 1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * along / pitch))

    return profile
