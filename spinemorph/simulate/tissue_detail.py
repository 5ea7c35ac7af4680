"""What lies in and on the trunk: gas, stool, vessels, muscle, fat planes, folds, cloth, the aorta.

Every function adds to (or returns) a line integral on a coarse grid; amounts are in mm of soft tissue
until the caller multiplies by an attenuation, except where "amount" is said to be a line integral.
"""

from __future__ import annotations

import math

import numpy as np

from spinemorph.simulate.outline import Column, Grid, Trunk
from spinemorph.simulate.texture import (
    FloatImage,
    Range,
    add_blob,
    add_lines,
    clutter,
    draw,
    enlarge,
    low_pass,
    smoothstep,
    streaks,
)
from spinemorph.types import FloatArray

Line = tuple[FloatArray, float, float]


def _lobes(rng: np.random.Generator, size: float) -> FloatArray:
    amplitudes = rng.normal(0, size, 4) / np.arange(2, 6)
    return np.stack([amplitudes, rng.uniform(0, 2 * math.pi, 4)], axis=1)


def _wander(
    rng: np.random.Generator, start: FloatArray, heading: float, length: float, turn: float
) -> FloatArray:
    """A smooth random curve of 16 points, mm."""
    headings = heading + np.cumsum(rng.normal(0, turn, 16))
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * length / 16
    return np.asarray(start + np.cumsum(steps, axis=0))


def gas(
    grid: Grid, spine: Column, rng: np.random.Generator, count: int, radius: Range, view: str
) -> FloatImage:
    """Gas in the bowel, mm of tissue that is missing (positive), in clusters along a gut."""
    image = np.zeros(grid.shape, np.float32)
    left = count
    while left > 0:
        n = min(left, int(rng.integers(1, 14)))
        left -= n
        height = rng.uniform(spine.s1 - 120, spine.l1 + 60)
        ahead = rng.uniform(-90, 90) if view == "ap" else rng.uniform(15, 170)
        start = np.array([float(spine.x_at(height)) + ahead, height])
        path = _wander(rng, start, rng.uniform(0, 2 * math.pi), rng.uniform(15, 130), 0.5)
        base = draw(rng, radius)
        for _ in range(n):
            size = base * rng.lognormal(0, 0.35)
            point = path[rng.integers(len(path))] + rng.normal(0, 0.6 * base, 2)
            x, y = grid.pixels(point[None])[0]
            semi = size / grid.camera.pixel_mm * rng.uniform(0.6, 1.3, 2)
            add_blob(
                image,
                (float(x), float(y)),
                (float(semi[0]), float(semi[1])),
                rng.uniform(0, math.pi),
                float(min(2.2 * size, 40) * rng.uniform(0.4, 1)),
                _lobes(rng, 0.25),
                float(rng.uniform(0.25, 0.7)),
            )
    return np.minimum(image, 70)


def stool(
    grid: Grid, spine: Column, rng: np.random.Generator, amount: float, view: str
) -> FloatImage:
    """Mottled content of the colon in front of the spine: mm of tissue, either sign."""
    pixel = grid.camera.pixel_mm
    grain = max(draw(rng, (3, 9)) / pixel, 1.5)
    mottle = clutter(rng, grid.shape, 2 * grain, max(grain / 4, 1), 0.5)
    mottle = np.where(mottle < 0, 1.6 * mottle, 0.6 * mottle)
    where = np.zeros(grid.shape, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        height = rng.uniform(spine.s1 - 80, spine.l1 + 30)
        ahead = rng.uniform(-120, 120) if view == "ap" else rng.uniform(10, 160)
        x, y = grid.pixels(np.array([[float(spine.x_at(height)) + ahead, height]]))[0]
        semi = rng.uniform(20, 75, 2) / pixel
        add_blob(
            where,
            (float(x), float(y)),
            (float(semi[0]), float(semi[1])),
            rng.uniform(0, math.pi),
            1.0,
            _lobes(rng, 0.4),
            0.6,
        )
    return np.asarray(amount * np.minimum(where, 1) * mottle, np.float32)


def lung_vessels(grid: Grid, part: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Vessels of the lung, mm of tissue; ``part``: the part of each beam that is lung."""
    image = np.zeros(grid.shape, np.float32)
    rows, columns = np.nonzero(part[::4, ::4] > 0.15)
    if len(rows) < 20:
        return image
    lines: list[Line] = []
    for _ in range(int(rng.integers(15, 60))):
        i = int(rng.integers(len(rows)))
        start = np.array([columns[i] * 4.0, rows[i] * 4.0])
        length = rng.uniform(15, 70) / grid.camera.pixel_mm
        path = _wander(rng, start, rng.uniform(0, 2 * math.pi), length, 0.2)
        width = rng.uniform(0.8, 5) / grid.camera.pixel_mm
        lines.append((path, width, float(rng.uniform(3, 14))))
    add_lines(image, lines, 0.6)
    mottle = clutter(rng, grid.shape, 14 / grid.camera.pixel_mm, 1.5, 0.6)
    return np.asarray((image + 5 * mottle) * np.minimum(3 * part, 1), np.float32)


def muscle(
    grid: Grid, spine: Column, rng: np.random.Generator, amount: float, view: str
) -> FloatImage:
    """Psoas and the muscles of the back with their fibres: mm of soft tissue instead of fat."""
    z = grid.z
    ahead = grid.x - spine.x_at(grid.z).astype(np.float32)
    if view == "ap":
        edge = 22 + (spine.l1 - z) * draw(rng, (0.12, 0.3))
        psoas = smoothstep((edge - np.abs(ahead)) / 3) * smoothstep((spine.l1 - z) / 30)
        return np.asarray(amount * psoas, np.float32)
    along = (spine.l1 - z) / max(spine.l1 - spine.s1, 60)
    middle = -8 + 42 * along + draw(rng, (-8, 8))
    half = 10 + 26 * np.clip(along, 0, 1.4)
    psoas = smoothstep(1.2 - np.abs(ahead - middle) / half) * smoothstep(2 * along + 0.5)
    behind = draw(rng, (48, 70)) + np.float32(4) * np.sin(z / 40 + np.float32(rng.uniform(0, 6)))
    erector = smoothstep((ahead + behind) / 2.5) * smoothstep((-22 - ahead) / 10)
    fibres = streaks(
        rng,
        grid.shape,
        math.pi / 2 + rng.normal(0, 0.2),
        draw(rng, (40, 120)) / grid.camera.pixel_mm,
        draw(rng, (2.5, 6)) / grid.camera.pixel_mm,
        rng.normal(0, 0.4),
    )
    mass = 0.8 * psoas + draw(rng, (0.3, 1.6)) * erector
    return np.asarray(amount * mass * (1 + 0.12 * fibres), np.float32)


def oblique_streaks(grid: Grid, rng: np.random.Generator, count: int, amount: float) -> FloatImage:
    """Sheets of oblique fibres (the flat muscles of the trunk wall): mm of tissue, either sign."""
    image = np.zeros(grid.shape, np.float32)
    pixel = grid.camera.pixel_mm
    for _ in range(count):
        fibres = streaks(
            rng,
            grid.shape,
            rng.uniform(-1.3, 1.3),
            draw(rng, (30, 160)) / pixel,
            draw(rng, (1.5, 9)) / pixel,
            rng.normal(0, 0.6),
        )
        patch = low_pass(rng.standard_normal((8, 8), dtype=np.float32), 1.2)
        where = smoothstep(np.asarray(0.5 + 1.6 * patch, np.float32))
        image += np.float32(amount * rng.uniform(0.3, 1)) * fibres * enlarge(where, grid.shape)
    return image


def folds(grid: Grid, spine: Column, body: Trunk, rng: np.random.Generator) -> FloatImage:
    """Folds of skin and seams of clothing behind and across the trunk: mm of tissue."""
    image = np.zeros(grid.shape, np.float32)
    sharp: list[Line] = []
    soft: list[Line] = []
    pixel = grid.camera.pixel_mm
    for _ in range(int(rng.integers(0, 6))):
        height = rng.uniform(spine.s1 - 60, spine.l1 + 20)
        start = np.array([float(spine.x_at(height)) - rng.uniform(60, 130), height])
        path = _wander(rng, start, rng.normal(0.2, 0.35), rng.uniform(30, 110), 0.06)
        line = (grid.pixels(path), rng.uniform(0.8, 2.5) / pixel, float(rng.uniform(-7, 9)))
        sharp.append(line)
        soft.append((line[0], rng.uniform(4, 14) / pixel, float(rng.uniform(-10, 16))))
    if rng.random() < 0.3:  # a band of elastic, a hem or a sheet
        height = rng.uniform(spine.s1 - 90, spine.s1 + 60)
        slope, sag = rng.normal(0, 0.12), rng.uniform(0, 25)
        across = np.linspace(-160, 260, 24)
        hem = np.stack([across, height + slope * across - sag * np.sin(across / 130)], axis=1)
        sharp.extend(
            (grid.pixels(hem + [0, 5.0 * k]), 1.2 / pixel, float(rng.uniform(1.5, 6)))
            for k in range(int(rng.integers(1, 4)))
        )
    add_lines(image, sharp, 0.5)
    add_lines(image, soft, 3 / pixel)
    return np.asarray(image * (body.outer > 0), np.float32)


def fat_planes(grid: Grid, spine: Column, rng: np.random.Generator) -> FloatImage:
    """Thin dark planes of fat between organs and muscles: mm of tissue that is missing."""
    image = np.zeros(grid.shape, np.float32)
    lines: list[Line] = []
    pixel = grid.camera.pixel_mm
    for _ in range(int(rng.integers(1, 9))):
        height = rng.uniform(spine.s1 - 100, spine.l1 + 80)
        start = np.array([float(spine.x_at(height)) + rng.uniform(-90, 170), height])
        path = _wander(rng, start, rng.uniform(0, 2 * math.pi), rng.uniform(40, 180), 0.1)
        lines.append((grid.pixels(path), rng.uniform(1, 6) / pixel, float(rng.uniform(2, 12))))
    add_lines(image, lines, draw(rng, (0.8, 4)) / pixel)
    return image


def aorta(grid: Grid, spine: Column, rng: np.random.Generator, view: str) -> FloatImage:
    """Plaques in the wall of the aorta: amount as a line integral (calcium, up to 0.35)."""
    image = np.zeros(grid.shape, np.float32)
    z = np.linspace(spine.l1 + rng.uniform(-20, 60), spine.s1 + rng.uniform(30, 90), 40)
    wave = rng.uniform(2, 9) * np.sin(z / rng.uniform(25, 70) + rng.uniform(0, 6))
    ahead = (rng.uniform(-6, 18) if view == "ap" else rng.uniform(24, 36)) + wave
    lines: list[Line] = []
    strength = rng.uniform(0.06, 0.35)
    for wall in (0.0, rng.uniform(14, 30)):
        points = grid.pixels(np.stack([spine.x_at(z) + ahead + wall, z], axis=1))
        for start in range(0, 38, 2):
            if rng.random() < 0.55:
                piece = points[start : start + int(rng.integers(2, 5))]
                piece = piece + rng.normal(0, 0.6, 2)
                width = rng.uniform(0.6, 2.2) / grid.camera.pixel_mm
                lines.append((piece, width, float(strength * rng.uniform(0.2, 1))))
    add_lines(image, lines, 0.5)
    return image


def limbs(
    grid: Grid, spine: Column, rng: np.random.Generator, settings_radius: Range
) -> FloatImage:
    """An arm or a breast that crosses the top of the film: chord in mm."""
    height = spine.l1 + rng.uniform(10, 130)
    x0 = float(spine.x_at(spine.l1)) + rng.uniform(40, 190)
    radius = draw(rng, settings_radius)
    if rng.random() < 0.4:  # breast: a rounded mass
        image = np.zeros(grid.shape, np.float32)
        x, y = grid.pixels(np.array([[x0, height]]))[0]
        semi = radius * rng.uniform(0.9, 1.8, 2) / grid.camera.pixel_mm
        add_blob(
            image,
            (float(x), float(y)),
            (float(semi[0]), float(semi[1])),
            rng.uniform(0, math.pi),
            1.3 * radius,
            _lobes(rng, 0.1),
        )
        return image
    angle = rng.uniform(-1.2, 0.6)  # arm: a cylinder
    across = (grid.x - x0) * math.sin(angle) - (grid.z - height) * math.cos(angle)
    squared = (across / np.float32(radius)) ** 2
    return np.asarray(2 * radius * np.sqrt(np.clip(1 - squared, 0, 1)), np.float32)
