"""Changes of a window's grey values, on top of what the simulator varies."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.types import FloatArray

FloatImage = NDArray[np.float32]


def degrade(window: FloatImage, rng: Generator) -> FloatImage:
    """A window (0 to 255) as another machine, viewer or copyist might have left it."""
    image = _graded(window / np.float32(255), rng)
    for probability, change in (
        (0.20, _blurred),
        (0.30, _noisy),
        (0.25, _filtered),
        (0.25, _clouded),
        (0.12, _crossed),
        (0.08, _coded),
        (0.25, _patches),
        (0.20, _ramp),
    ):
        if rng.random() < probability:
            image = change(image, rng)
    return np.asarray(image, np.float32)


def _graded(image: FloatImage, rng: Generator) -> FloatImage:
    """Another gamma, a scale cut at one end, and local or global equalisation."""
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
    return image


def _blurred(image: FloatImage, rng: Generator) -> FloatImage:
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))


def _noisy(image: FloatImage, rng: Generator) -> FloatImage:
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return image + np.float32(rng.uniform(0.003, 0.05) * max(image.std() * 4, 0.02)) * noise


def _filtered(image: FloatImage, rng: Generator) -> FloatImage:
    """Mixed with a random small convolution of itself (after Xu et al., ICLR 2021): what is an edge
    stays one, what a texture or an edge profile looks like changes.
    """
    size = int(rng.choice([3, 5, 7]))
    kernel = rng.normal(0, 1, (size, size)).astype(np.float32)
    other = cv2.filter2D(image, -1, kernel / np.float32(np.sqrt((kernel**2).sum())))
    spread = max(float(other.std()), 1e-6)
    other = (other - other.mean()) * np.float32(image.std() / spread) + image.mean()
    share = np.float32(rng.uniform(0.1, 0.5))
    return np.asarray((1 - share) * image + share * other, np.float32)


def _clouded(image: FloatImage, rng: Generator) -> FloatImage:
    """Cloudy structure of several sizes, as bowel, muscle and fat lay it over the bones."""
    rows, columns = image.shape
    total = np.zeros_like(image)
    for cells in (3, 6, 12, 24, 48):
        grid = rng.normal(0, cells ** -rng.uniform(0.2, 0.9), (cells, cells)).astype(np.float32)
        total += cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC)
    total /= max(float(total.std()), 1e-6)
    return image + total * np.float32(rng.uniform(0.1, 0.6) * max(float(image.std()), 0.02))


def _crossed(image: FloatImage, rng: Generator) -> FloatImage:
    """Curves and borders of shades that are no endplate: gas, iliac crests, ribs, folds."""
    rows, columns = image.shape
    total = np.zeros_like(image)
    for _ in range(int(rng.integers(1, 4))):
        centre = (int(rng.uniform(-0.3, 1.3) * columns), int(rng.uniform(-0.3, 1.3) * rows))
        axes = (int(rng.uniform(0.1, 0.9) * columns), int(rng.uniform(0.1, 0.9) * rows))
        value = float(rng.normal(0, 0.8) * max(float(image.std()), 0.02))
        thick = -1 if rng.random() < 0.4 else int(rng.integers(1, 5))
        cv2.ellipse(total, centre, axes, float(rng.uniform(0, 180)), 0, 360, value, thick)
    return image + cv2.GaussianBlur(total, (0, 0), rng.uniform(0.6, 3.0))


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


def with_brim(window: FloatImage, ends: FloatArray, rng: Generator) -> FloatImage:
    """A window (0 to 255) with a bright curve from the endplate of S1 downward, as the alae and the brim of a
    pelvis cross it: it may begin close behind the anterior corner and is no wall. ``ends`` (2, 2): anterior
    and posterior corner in the window.
    """
    along = ends[1] - ends[0]
    down = np.array([-along[1], along[0]]) * np.sign(along[0])
    first = rng.uniform(-0.05, 1.0)
    last, depth = first + rng.uniform(-0.3, 1.0), rng.uniform(0.7, 1.8)
    early, sunk = rng.uniform(0, 1), rng.uniform(0, 1)
    knots = np.array(
        [
            [first, rng.normal(0.02, 0.05)],
            [first + (last - first) * early, depth * (1 - early) * sunk],
            [last, depth],
        ]
    )
    t = np.linspace(0, 1, 40)
    shares = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    points = ends[0] + shares @ knots @ np.stack([along, down])
    curve = np.zeros(window.shape, np.float32)
    thick = int(rng.integers(1, 4))
    cv2.polylines(curve, [np.rint(points * 16).astype(np.int32)], False, 1.0, thick, cv2.LINE_AA, 4)
    curve = cv2.GaussianBlur(curve, (0, 0), rng.uniform(0.5, 1.4))
    height = rng.uniform(0.4, 1.6) * max(float(window.std()), 5.0)
    return np.asarray(
        window + curve * np.float32(height / max(float(curve.max()), 1e-6)), np.float32
    )
