"""Sacrum and pelvis of the parametric anatomy, in the frame of the S1 endplate.

The ilia are laid out in a standing frame (x anterior, z up, origin in the middle of the endplate)
for a sacral slope of 39.5 and a pelvic tilt of 13 degrees, then turned into the frame of S1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.implicit import Grid32, Solid
from spinemorph.simulate.meshes import BoneMesh
from spinemorph.types import FloatArray

TRIANGLES = 6_800
SACRAL_SLOPE_DEG = 39.5
S1_DEPTH, S1_WIDTH = 33.0, 50.0
#: Centre x, z; depth and half the width of the five segments and the coccyx, in the frame of S1.
_SEGMENTS = (
    (-1.5, -13.0, 30.0, 25.0),
    (-8.0, -38.0, 23.0, 20.0),
    (-18.0, -61.0, 17.0, 17.0),
    (-26.0, -82.0, 13.0, 15.0),
    (-27.5, -101.0, 11.0, 12.0),
    (-12.0, -132.0, 8.0, 6.0),
)
#: Half width of the lateral masses beside the segments.
_WINGS = (60.0, 57.0, 46.0, 34.0, 24.0)
#: Hip centre and radii of the head and of the socket, standing frame.
_HIP = (26.0, 88.0, -109.0)
_HEAD, _SOCKET = 23.5, 25.5


def sacrum_mesh(spacing: float = 1.5) -> BoneMesh:
    """Five fused segments with wings, canal, foramina, crest and the coccyx."""
    solid = Solid((-60.0, -70.0, -150.0), (24.0, 70.0, 14.0), spacing)
    bounds = np.array([S1_DEPTH / 2 + 3, S1_WIDTH / 2 + 3, 29.0])
    solid.join(_first_segment, -bounds, bounds * [1, 1, 0.1], 1.0)
    for upper, lower in zip(_SEGMENTS, _SEGMENTS[1:], strict=False):
        solid.bar(
            (upper[0], 0, upper[1] - 4),
            (lower[0], 0, lower[1] + 4),
            (upper[2] / 2.4, lower[2] / 2.2),
            stretch=(1, 1.6, 1),
            blend=4,
        )
    for side in (-1.0, 1.0):
        _wing(solid, side)
    _posterior_wall(solid)
    _canal_and_foramina(solid)
    vertices, faces = _decimated(solid.surface())
    corners = np.full((4, 2), np.nan)
    corners[:2] = [[S1_DEPTH / 2, 0.0], [-S1_DEPTH / 2, 0.0]]
    behind = vertices[:, 0] > -S1_DEPTH / 2 - 1
    body = behind & (vertices[:, 2] > -26) & (np.abs(vertices[:, 1]) < S1_WIDTH / 2 + 1)
    return BoneMesh(vertices, faces, body, corners)


def _first_segment(x: Grid32, y: Grid32, z: Grid32) -> Grid32:
    """The body of S1: a wedge that narrows downward under a slightly dished endplate."""
    down = np.clip(-z / 26, 0, 1)
    u = (x + np.float32(5.0) * down) / (S1_DEPTH / 2 * (1 - 0.24 * down))
    v = y / (S1_WIDTH / 2 * (1 - 0.2 * down))
    radius = (
        np.clip(u, 0, None) ** 2.3 + np.clip(-u, 0, None) ** 4 + np.abs(v) ** 2.6
    ) ** np.float32(0.4)
    side = (radius - 1) * np.float32(15)
    dish = np.float32(1.3) * np.clip(1 - (radius / 0.85) ** 2, 0, 1)
    cap = np.maximum(z + dish, -27 - z)
    h = np.maximum(2.4 - np.abs(side - cap), 0) / 2.4
    return np.asarray(np.maximum(side, cap) + h * h * 0.6, np.float32)


def _wing(solid: Solid, side: float) -> None:
    """The lateral mass of one side: the ala above, tapering to the lower segments."""
    solid.bar((-3, side * 18, -12), (-14, side * 50, -20), (10, 10), stretch=(1, 1, 1), blend=6)
    for i in range(4):
        x0, z0 = _SEGMENTS[i][:2]
        x1, z1 = _SEGMENTS[i + 1][:2]
        thick = (10.0, 9.0, 7.0, 5.5, 4.5)
        y0, y1 = _WINGS[i] - thick[i], _WINGS[i + 1] - thick[i + 1]
        solid.bar((x0 - 14, side * y0, z0 - 4), (x1 - 10, side * y1, z1), thick[i : i + 2], blend=5)
        solid.bar((x0 - 4, side * 10, z0), (x0 - 13, side * y0, z0 - 3), (8 - i, 8 - i), blend=5)


def _posterior_wall(solid: Solid) -> None:
    """Laminae behind the canal, the joint with L5 and the median crest."""
    for side in (-1.0, 1.0):
        solid.bar((-26, side * 23, -6), (-29, side * 22, 6), (6.0, 5.0), blend=4)
        solid.bar(
            (-26, side * 24, -8), (-38, side * 3, -16), (4.5, 4.0), stretch=(1, 1, 1.8), blend=3
        )
        solid.bar((-24, side * 22, -10), (-20, side * 30, -24), (7, 7), blend=5)
    behind = ((-42.0, -16.0), (-44.0, -38.0), (-42.0, -60.0), (-38.0, -80.0), (-33.0, -98.0))
    for (x0, z0), (x1, z1) in zip(behind, behind[1:], strict=False):
        solid.bar((x0 + 4, 0, z0), (x1 + 4, 0, z1), (4.0, 4.0), stretch=(1, 3.6, 1), blend=3)
        solid.bar((x0 - 2, 0, z0 - 3), (x0 - 3, 0, z0 - 10), (3.6, 3.6), blend=3)


def _canal_and_foramina(solid: Solid) -> None:
    path = ((-27.0, 4.0), (-28.0, -18.0), (-31.0, -40.0), (-33.0, -62.0), (-33.0, -84.0))
    radii = (8.0, 7.5, 6.0, 4.6, 3.6)
    for i in range(4):
        solid.bar(
            (path[i][0], 0, path[i][1]),
            (path[i + 1][0], 0, path[i + 1][1]),
            radii[i : i + 2],
            stretch=(0.9, 1.5 - 0.1 * i, 1),
            blend=1.5,
            take=True,
        )
    for side in (-1.0, 1.0):
        for (x, z, _, half), radius in zip(_SEGMENTS[:4], (5.0, 4.6, 4.0, 3.4), strict=True):
            solid.bar(
                (x + 14, side * (half - 1), z - 13),
                (x - 22, side * (half - 3), z - 13),
                (radius + 1, radius - 1),
                blend=2,
                take=True,
            )


def pelvis_mesh(spacing: float = 2.2) -> BoneMesh:
    """Both hip bones and the upper ends of both femora."""
    hip, femur = _hip_bone(spacing), _femur(spacing)
    vertices, faces = _decimated(_both_sides(hip, femur))
    slope = np.deg2rad(SACRAL_SLOPE_DEG)
    turn = np.array(
        [
            [np.cos(slope), 0.0, -np.sin(slope)],
            [0.0, 1.0, 0.0],
            [np.sin(slope), 0.0, np.cos(slope)],
        ]
    )
    none = np.full((4, 2), np.nan)
    return BoneMesh(vertices @ turn.T, faces, np.zeros(len(vertices), bool), none)


def _both_sides(
    *parts: tuple[FloatArray, NDArray[np.int32]],
) -> tuple[FloatArray, NDArray[np.int32]]:
    """The parts and their mirror images (y to -y, faces turned so that they stay outward)."""
    vertices: list[FloatArray] = []
    faces: list[NDArray[np.int32]] = []
    count = 0
    for points, cells in parts:
        for mirror in (False, True):
            vertices.append(points * [1, -1, 1] if mirror else points)
            faces.append((cells[:, ::-1] if mirror else cells) + np.int32(count))
            count += len(points)
    return np.vstack(vertices), np.vstack(faces).astype(np.int32)


def _crest() -> FloatArray:
    """Points on the iliac crest from the posterior to the anterior superior spine, (n, 3)."""
    knots = np.array(
        [
            [-58.0, 42.0, -8.0],
            [-56.0, 56.0, 14.0],
            [-40.0, 84.0, 34.0],
            [-10.0, 116.0, 42.0],
            [22.0, 134.0, 30.0],
            [46.0, 132.0, 4.0],
            [58.0, 120.0, -30.0],
        ]
    )
    at = np.linspace(0, len(knots) - 1, 49)
    return np.stack([np.interp(at, np.arange(len(knots)), axis) for axis in knots.T], axis=1)


def _hip_bone(spacing: float) -> tuple[FloatArray, NDArray[np.int32]]:
    """The left hip bone: blade, crest, socket, ischium and pubis around the obturator foramen."""
    solid = Solid((-72.0, 1.0, -205.0), (86.0, 146.0, 56.0), spacing)
    crest = _crest()
    hub = np.array([18.0, 82.0, -84.0])
    for k, (a, b) in enumerate(zip(crest, crest[1:], strict=False)):
        solid.bar(tuple(a), tuple(b), (5.5, 5.5), blend=3)
        # rays from the socket's roof make the blade; those behind end above the sciatic notch
        root = hub + np.array([-22.0, -14.0, 26.0]) * max(0.0, 1 - k / 18)
        solid.bar(tuple(root), tuple(a), (7.0, 4.0), blend=5)
    solid.bar((-30.0, 60.0, -40.0), (-52.0, 46.0, -22.0), (9.0, 7.0), blend=5)
    solid.bar((-18.0, 60.0, -48.0), (16.0, 78.0, -84.0), (9.0, 14.0), blend=6)
    solid.bar(_HIP, _HIP, (33.0, 33.0), blend=8)
    solid.bar((8.0, 78.0, -128.0), (-8.0, 62.0, -182.0), (15.0, 14.0), blend=6)
    solid.bar((48.0, 68.0, -106.0), (64.0, 10.0, -122.0), (10.0, 7.0), blend=6)
    solid.bar((64.0, 9.0, -122.0), (58.0, 9.0, -148.0), (7.0, 7.0), blend=5)
    solid.bar((57.0, 12.0, -148.0), (-2.0, 58.0, -190.0), (5.5, 8.0), blend=5)
    x, y, z = _HIP
    solid.bar(_HIP, (x + 8, y + 34, z - 12), (_SOCKET, _SOCKET + 3), blend=1.5, take=True)
    return solid.surface()


def _femur(spacing: float) -> tuple[FloatArray, NDArray[np.int32]]:
    """The upper end of the left femur."""
    x, y, z = _HIP
    solid = Solid((x - 40, y - 30, z - 92), (x + 40, y + 84, z + 32), spacing)
    solid.bar(_HIP, _HIP, (_HEAD, _HEAD), blend=1)
    solid.bar((x, y, z), (x - 6, y + 46, z - 32), (14.0, 15.0), blend=6)
    solid.bar((x - 10, y + 54, z - 22), (x - 12, y + 58, z - 14), (15.0, 12.0), blend=6)
    solid.bar((x - 6, y + 48, z - 38), (x - 4, y + 42, z - 90), (16.0, 13.0), blend=6)
    return solid.surface()


def _decimated(
    mesh: tuple[FloatArray, NDArray[np.int32]],
) -> tuple[FloatArray, NDArray[np.int32]]:
    import fast_simplification

    vertices, faces = mesh
    points, cells = fast_simplification.simplify(
        vertices.astype(np.float32), faces, target_count=TRIANGLES
    )
    return points.astype(np.float64), cells.astype(np.int32)
