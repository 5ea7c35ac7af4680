"""Random textures and soft shapes that the tissue, detector and display modules share.

Everything is float32 and made at the lowest resolution that carries it, then enlarged with OpenCV.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera

FloatImage = NDArray[np.float32]
Range = tuple[float, float]


def draw(rng: np.random.Generator, bounds: Range) -> float:
    """A number uniform in ``bounds``."""
    return float(rng.uniform(bounds[0], bounds[1]))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with ``probability``; always takes one number from ``rng``."""
    return bool(rng.random() < probability)


def smoothstep(value: FloatImage) -> FloatImage:
    """0 below 0, 1 above 1, smooth between (3t^2 - 2t^3)."""
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def enlarge(image: FloatImage, shape: tuple[int, int], cubic: bool = False) -> FloatImage:
    """``image`` resized to ``shape`` (rows, columns)."""
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=how), np.float32)


def coarse_camera(camera: Camera, step: int) -> Camera:
    """The same view with pixels ``step`` times larger, aligned as ``cv2.resize`` aligns pixels."""
    return replace(
        camera,
        rows=max(2, math.ceil(camera.rows / step)),
        columns=max(2, math.ceil(camera.columns / step)),
        pixel_mm=camera.pixel_mm * step,
        offset=((camera.offset[0] + 0.5) / step - 0.5, (camera.offset[1] + 0.5) / step - 0.5),
    )


def clutter(
    rng: np.random.Generator,
    shape: tuple[int, int],
    coarsest: float,
    finest: float,
    falloff: float = 1.0,
) -> FloatImage:
    """Noise of octaves, zero mean, unit deviation, shape (rows, columns).

    ``coarsest`` and ``finest``: size of a grain in pixels; the amplitude of an octave goes with
    grain ** ``falloff`` (1: as 1/f noise in two dimensions).
    """
    total = np.zeros(shape, np.float32)
    power = 0.0
    grain = float(coarsest)
    while grain >= max(finest, 1.0):
        rows, columns = (max(2, math.ceil(n / grain) + 1) for n in shape)
        octave = rng.standard_normal((rows, columns), dtype=np.float32)
        amplitude = (grain / coarsest) ** falloff
        total += amplitude * enlarge(octave, shape, cubic=grain > 2)
        power += 0.5 * amplitude**2  # interpolation takes about half of the variance
        grain /= 2
    return total / np.float32(math.sqrt(power) if power else 1.0)


def streaks(
    rng: np.random.Generator,
    shape: tuple[int, int],
    angle: float,
    length: float,
    width: float,
    bend: float = 0.0,
) -> FloatImage:
    """Fibres along ``angle`` (radians), zero mean, about unit deviation, shape (rows, columns).

    ``length`` and ``width`` of a fibre in pixels; ``bend`` turns them by that many radians over
    the image, as the fibres of a muscle fan out.
    """
    rows, columns = shape
    radius = math.hypot(rows, columns)
    noise_shape = (max(4, int(radius / width) + 2), max(4, int(radius / length) + 2))
    noise = rng.standard_normal(noise_shape, dtype=np.float32)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    y -= rows / 2
    x -= columns / 2
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    along, across = cos * x + sin * y, cos * y - sin * x
    if bend:
        across += np.float32(bend / radius) * along * along
    return np.asarray(
        cv2.remap(
            noise,
            along / np.float32(length) + np.float32(noise_shape[1] / 2),
            across / np.float32(width) + np.float32(noise_shape[0] / 2),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def low_pass(image: FloatImage, sigma: float) -> FloatImage:
    """Gaussian blur with ``sigma`` in pixels, made at reduced size where that loses nothing."""
    step = max(1, int(sigma / 3))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    shape = image.shape[0], image.shape[1]
    small = cv2.resize(
        image,
        (max(2, round(shape[1] / step)), max(2, round(shape[0] / step))),
        interpolation=cv2.INTER_AREA,
    )
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    return enlarge(np.asarray(small, np.float32), shape)


def add_blob(
    image: FloatImage,
    centre: tuple[float, float],
    semi_axes: tuple[float, float],
    angle: float,
    amount: float,
    lobes: NDArray[np.float64],
    flatness: float = 0.5,
) -> None:
    """Add the chord of a lobed ellipsoid to ``image`` in place (clipped at the border).

    ``centre`` x, y and ``semi_axes`` in pixels; ``amount`` at the middle; ``lobes``: (k, 2)
    amplitude and phase of the waves 2, 3, ... of the outline; the profile is
    (1 - r^2) ** ``flatness`` (0.5: ellipsoid, less: flatter).
    """
    reach = max(semi_axes) * (1 + float(np.abs(lobes[:, 0]).sum())) + 1
    left, right = max(0, int(centre[0] - reach)), min(image.shape[1], int(centre[0] + reach) + 2)
    top, bottom = max(0, int(centre[1] - reach)), min(image.shape[0], int(centre[1] + reach) + 2)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(centre[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(centre[1])
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    u = (cos * x + sin * y) / np.float32(max(semi_axes[0], 0.3))
    v = (cos * y - sin * x) / np.float32(max(semi_axes[1], 0.3))
    squared = u * u + v * v
    if len(lobes):
        theta = np.arctan2(v, u)
        rim = np.ones_like(theta)
        for wave, (amplitude, phase) in enumerate(lobes, start=2):
            rim += np.float32(amplitude) * np.cos(wave * theta + np.float32(phase))
        squared = squared / np.maximum(rim, 0.2) ** 2
    image[top:bottom, left:right] += np.float32(amount) * np.clip(1 - squared, 0, 1) ** np.float32(
        flatness
    )


def add_lines(
    image: FloatImage,
    lines: list[tuple[NDArray[np.float64], float, float]],
    softness: float,
) -> None:
    """Add thin curves to ``image`` in place.

    ``lines``: (points (n, 2) in pixels, width in pixels, amount at the middle); amounts may be
    negative, and the strongest of each sign wins where lines of one call cross.
    ``softness``: blur in pixels.
    """
    for sign in (1.0, -1.0):
        wanted = [line for line in lines if line[2] * sign > 0]
        if not wanted:
            continue
        peak = max(abs(amount) for _, _, amount in wanted)
        canvas = np.zeros(image.shape, np.uint8)
        for points, width, amount in sorted(wanted, key=lambda line: abs(line[2])):
            cv2.polylines(
                canvas,
                [np.round(np.clip(points, -4000, 8000) * 16).astype(np.int32)],
                False,
                max(1, round(255 * abs(amount) / peak)),
                max(1, round(width)),
                cv2.LINE_AA,
                4,
            )
        if softness > 0.2:
            canvas = cv2.GaussianBlur(canvas, (0, 0), softness)
        image += np.float32(sign * peak / 255) * canvas
