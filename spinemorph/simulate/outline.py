"""The trunk as the beam sees it: where the skin, the inner wall and the domes of the diaphragm lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.texture import FloatImage, Range, coarse_camera, draw, smoothstep
from spinemorph.types import FloatArray


@dataclass(frozen=True, eq=False)
class Column:
    """The spine in the viewing frame: ``heights`` (n,) ascending z and ``positions`` (n,) x, mm.

    ``l1`` and ``s1``: z of those levels, extrapolated where the film has them not.
    """

    heights: FloatArray
    positions: FloatArray
    l1: float
    s1: float

    def x_at(self, z: FloatArray | float) -> FloatArray:
        """x of the column at height z; it keeps the slope of its end for 40 mm, then stands."""
        low, high = self.heights[0], self.heights[-1]
        inside = np.clip(z, low, high)
        beyond = np.clip(np.asarray(z) - inside, -40, 40)
        n = min(3, len(self.heights))
        slope_low = _slope(self.heights[:n], self.positions[:n])
        slope_high = _slope(self.heights[-n:], self.positions[-n:])
        slope = np.where(beyond < 0, slope_low, slope_high)
        return np.asarray(np.interp(inside, self.heights, self.positions) + slope * beyond)


def _slope(z: FloatArray, x: FloatArray) -> float:
    span = float(z[-1] - z[0])
    return 0.0 if span < 1 else float(np.clip((x[-1] - x[0]) / span, -0.6, 0.6))


def column(camera: Camera, placed: Sequence[Placed]) -> Column:
    """The column through the origins of the placed bones; ValueError where there is none."""
    if not placed:
        raise ValueError("placed: no bone is given, so there is no column to put tissue around")
    seen = np.array([bone.origin for bone in placed]) @ camera.view.T
    order = np.argsort(seen[:, 2])
    heights, positions = seen[order, 2], seen[order, 0]
    steps = np.array([LEVELS_UPWARD.index(bone.level) for bone in placed], dtype=float)
    pitch = 36.0
    if np.ptp(steps) > 0:
        pitch = float(np.ptp(heights) / np.ptp(steps))
    lowest = float(steps.min())
    s1 = float(heights[0] - lowest * pitch)
    return Column(heights, positions, s1 + 5 * pitch, s1)


@dataclass(frozen=True, eq=False)
class Grid:
    """Points of a coarse film: ``x`` and ``z`` mm in the plane y = 0, float32 (rows, columns)."""

    camera: Camera
    step: int
    x: FloatImage
    z: FloatImage

    @property
    def shape(self) -> tuple[int, int]:
        return self.camera.rows, self.camera.columns

    def pixels(self, points: FloatArray) -> FloatArray:
        """Points (n, 2) of x, z mm -> pixel x, y of this grid, (n, 2)."""
        flat = np.stack([points[:, 0], np.zeros(len(points)), points[:, 1]], axis=1)
        return self.camera.project(flat @ self.camera.view)[:, :2]


def make_grid(camera: Camera, step: int) -> Grid:
    """The grid of the film with pixels ``step`` times larger."""
    coarse = coarse_camera(camera, step)
    x, z = coarse.plane_points()
    return Grid(coarse, step, x.astype(np.float32), z.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Trunk:
    """Chords of the beam in mm, float32 (rows, columns) each.

    ``outer``: inside the skin; ``inner``: inside the fat below it; ``u``: position from back (-1)
    to front (1) of the trunk (anteroposterior film: side to side).
    """

    outer: FloatImage
    inner: FloatImage
    u: FloatImage


def superellipse(u: FloatImage, exponent: float) -> FloatImage:
    """(1 - |u|^n)^(1/n), 0 outside."""
    powered = np.clip(1 - np.abs(u) ** np.float32(exponent), 0, 1)
    return np.asarray(powered ** np.float32(1 / exponent), np.float32)


@dataclass(frozen=True)
class TrunkSettings:
    """Size of the trunk. Lengths in mm, (low, high)."""

    #: chord along the beam in a lateral film at the waist; and what the hips add
    lateral_width: Range = (275.0, 370.0)
    hips_add: Range = (0.0, 70.0)
    waist_take: Range = (0.0, 60.0)
    #: from the middle of the bodies to the skin of the back, and of the belly
    back: Range = (78.0, 125.0)
    front: Range = (105.0, 235.0)
    buttock: Range = (5.0, 70.0)
    belly: Range = (-20.0, 50.0)
    fat_back: Range = (4.0, 38.0)
    fat_front: Range = (6.0, 45.0)
    #: exponent of the section's superellipse (2: ellipse)
    roundness: Range = (2.0, 3.0)


def trunk(
    grid: Grid,
    spine: Column,
    rng: np.random.Generator,
    settings: TrunkSettings,
    scale: float,
    view: str,
) -> Trunk:
    """The trunk; ``scale`` multiplies width, depth and fat (a thin or obese patient)."""
    z = np.linspace(grid.z.min() - 1, grid.z.max() + 1, 128)
    below = np.asarray(smoothstep(((spine.s1 + 25 - z) / draw(rng, (50, 120))).astype(np.float32)))
    waist_z = spine.s1 + draw(rng, (15, 75))
    waist = np.exp(-(((z - waist_z) / draw(rng, (22, 60))) ** 2))
    width = (
        draw(rng, settings.lateral_width) * scale
        + draw(rng, settings.hips_add) * below
        - draw(rng, settings.waist_take) * waist
    )
    fat_scale = max(0.3, 1 + 2.2 * (scale - 1))
    spine_x = spine.x_at(z)
    smooth_x = float(spine_x.mean()) + draw(rng, (0.35, 0.8)) * (spine_x - spine_x.mean())
    buttock_z = spine.s1 - draw(rng, (60, 130))
    back = (
        smooth_x
        - draw(rng, settings.back)
        - 35 * (fat_scale - 1)
        - draw(rng, settings.buttock) * np.exp(-(((z - buttock_z) / draw(rng, (45, 80))) ** 2))
        + draw(rng, (0, 14)) * waist
    )
    belly_z = spine.s1 + draw(rng, (0, 90))
    front: FloatArray | float = (
        float(spine_x.mean())
        + draw(rng, settings.front) * scale
        + draw(rng, settings.belly) * np.exp(-(((z - belly_z) / draw(rng, (60, 130))) ** 2))
    )
    fat = draw(rng, settings.fat_back) * fat_scale
    fat_front = draw(rng, settings.fat_front) * fat_scale
    fat_back = fat * (0.45 + 0.55 * below + 0.2 * np.sin(z / 60 + rng.uniform(0, 6)))
    roundness = draw(rng, settings.roundness)
    if view == "ap":
        # side to side is now the width, along the beam the depth
        depth = 0.74 * (front - back)
        half = width / 2 + np.abs(np.sin(z / 110)) * 6
        back, front, width = smooth_x - half, smooth_x + half, depth
        fat_back = fat_front + 0 * z
    rows = grid.z

    def profile(values: FloatArray | float) -> FloatImage:
        return np.interp(rows, z, np.broadcast_to(values, z.shape)).astype(np.float32)

    back_x, front_x, width_y = profile(back), profile(front), profile(width)
    u = 2 * (grid.x - back_x) / (front_x - back_x) - 1
    outer = width_y * superellipse(u, roundness)
    inner_back, inner_front = back_x + profile(np.maximum(fat_back, 2)), front_x - fat_front
    v = 2 * (grid.x - inner_back) / np.maximum(inner_front - inner_back, 20) - 1
    inner_width = np.maximum(width_y - 1.4 * fat_front, 0.6 * width_y)
    inner = np.minimum(inner_width * superellipse(v, roundness), outer)
    return Trunk(np.asarray(outer, np.float32), np.asarray(inner, np.float32), u)


@dataclass(frozen=True)
class LungSettings:
    """The lungs. Lengths in mm, (low, high)."""

    #: top of a dome above the middle of L1, and distance between the two domes
    dome: Range = (25.0, 125.0)
    dome_gap: Range = (-18.0, 24.0)
    #: how far a dome falls towards the back within 100 mm, and to the front
    fall_back: Range = (40.0, 130.0)
    fall_front: Range = (5.0, 60.0)
    #: height above the dome at which the whole lung lies in the beam
    rise: Range = (20.0, 90.0)
    #: attenuation of lung over that of soft tissue
    density: Range = (0.2, 0.4)


def lungs(
    grid: Grid,
    spine: Column,
    body: Trunk,
    rng: np.random.Generator,
    settings: LungSettings,
    view: str,
) -> tuple[FloatImage, FloatImage]:
    """Chord of lung in mm, and of that the part per beam that is lung (0 to 1)."""
    top = spine.l1 + draw(rng, settings.dome)
    rise = draw(rng, settings.rise)
    total = np.zeros(grid.shape, np.float32)
    middle = float(spine.x_at(spine.l1))
    wall = draw(rng, (14, 30))
    for side in (-1.0, 1.0):
        dome = top + side * draw(rng, settings.dome_gap)
        fall_back, fall_front = draw(rng, settings.fall_back), draw(rng, settings.fall_front)
        apex = middle + (side * draw(rng, (65, 90)) if view == "ap" else draw(rng, (10, 75)))
        offset = (grid.x - np.float32(apex)) / 100
        if view == "ap":
            offset = np.abs(offset)
            fall_front = draw(rng, (60, 140))
        floor = (
            dome
            - np.where(offset < 0, fall_back, fall_front) * offset * offset
            + np.float32(2.5) * np.sin(grid.x / 13 + np.float32(rng.uniform(0, 6)))
        )
        cap = np.sqrt(np.clip((grid.z - floor) / rise, 0, 1))
        if view == "ap":
            beside = side * (grid.x - np.float32(middle)) - draw(rng, (24, 40))
            reach = np.clip(body.inner - 2 * wall, 0, None) * smoothstep(beside / 18)
        else:
            reach = np.clip(0.5 * body.inner - wall - draw(rng, (12, 40)), 0, None)
        total += reach * cap
    part = total / np.maximum(body.inner, 1)
    return total, np.asarray(part, np.float32)
