"""Changes of a window's grey values, on top of what the simulator varies."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def degrade(window: FloatImage, rng: Generator) -> FloatImage:
    """A window (0 to 255) as another machine, viewer or copyist might have left it."""
    image = window / np.float32(255)
    if rng.random() < 0.5:
        image = np.power(image, np.float32(np.exp(rng.uniform(np.log(0.45), np.log(2.2)))))
    kind = rng.random()
    if kind < 0.10:  # over-bright: the top of the scale is cut
        image = np.minimum(
            image * np.float32(rng.uniform(1.2, 2.2)) + np.float32(rng.uniform(0, 0.2)), 1
        )
    elif kind < 0.18:  # dark and flat
        image = image * np.float32(rng.uniform(0.12, 0.5))
    elif kind < 0.24:  # the bottom is cut
        image = np.maximum(image - np.float32(rng.uniform(0.1, 0.4)), 0)
    if rng.random() < 0.12:
        equalise = cv2.createCLAHE(rng.uniform(1, 5), (8, 8))
        image = equalise.apply((np.clip(image, 0, 1) * 255).astype(np.uint8)) / np.float32(255)
    elif rng.random() < 0.08:
        image = cv2.equalizeHist((np.clip(image, 0, 1) * 255).astype(np.uint8)) / np.float32(255)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + np.float32(rng.uniform(0.003, 0.05) * max(image.std() * 4, 0.02)) * noise
    if rng.random() < 0.08:
        image = _coded(image, rng)
    if rng.random() < 0.25:
        image = _patches(image, rng)
    if rng.random() < 0.2:
        image = _ramp(image, rng)
    return np.asarray(image, np.float32)


def _coded(image: FloatImage, rng: Generator) -> FloatImage:
    """JPEG at low quality."""
    top = max(float(image.max()), 1e-3)
    small = (np.clip(image / top, 0, 1) * 255).astype(np.uint8)
    _, code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))])
    decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
    return decoded * np.float32(top / 255)


def _patches(image: FloatImage, rng: Generator) -> FloatImage:
    """Labels, letters, coins, bars of metal: small things that hide what lies below."""
    image = np.ascontiguousarray(image)
    rows, columns = image.shape
    top = max(float(image.max()), 0.1)
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.uniform(0, columns)), int(rng.uniform(0, rows))
        value = float(rng.choice([0.0, top, rng.uniform(0, top)]))
        form = rng.random()
        if form < 0.4:
            size = rng.uniform(0.01, 0.13, 2) * columns
            cv2.rectangle(image, (x, y), (int(x + size[0]), int(y + size[1])), value, -1)
        elif form < 0.75:
            end = np.array([x, y]) + rng.normal(0, 0.15, 2) * columns
            cv2.line(image, (x, y), (int(end[0]), int(end[1])), value, int(rng.integers(1, 7)))
        else:
            cv2.circle(image, (x, y), int(rng.uniform(2, 0.05 * columns)), value, -1)
    return image


def _ramp(image: FloatImage, rng: Generator) -> FloatImage:
    """Brightness that changes slowly across the window."""
    rows, columns = image.shape
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    return image * (1 + np.float32(rng.uniform(0.1, 0.5)) * (x + y))
