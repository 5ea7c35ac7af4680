"""Films as a network sees them: prepared once, varied anew in every epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.errors import SpinemorphError
from spinemorph.learn.augment import degrade
from spinemorph.learn.dataset import Film
from spinemorph.learn.settings import RunSettings
from spinemorph.learn.window import fit

#: A mask of fewer pixels in the window teaches nothing.
LEAST_PIXELS = 12


@dataclass(frozen=True, eq=False)
class Prepared:
    """A film in its window. ``image``: uint8 (rows, columns); ``bits``: packed masks (n, rows, columns)."""

    name: str
    image: NDArray[np.uint8]
    bits: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def masks(self) -> NDArray[np.bool_]:
        rows, columns = self.image.shape
        flat = np.unpackbits(self.bits, axis=1, count=rows * columns)
        return flat.reshape(len(self.labels), rows, columns).astype(bool)

    def digest(self) -> bytes:
        """SHA-256 over everything that a network can see of the film."""
        parts = (self.image, self.bits, self.labels)
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).digest()


@dataclass(frozen=True, eq=False)
class Sample:
    """``image``: float32 (rows, columns) 0 to 1; ``masks``: bool (n, rows, columns); ``labels``: (n,)."""

    image: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]


def prepare(films: Iterable[Film], settings: RunSettings) -> tuple[list[Prepared], list[str]]:
    """Films in the window of the settings, and a line for each that was left out."""
    prepared, problems = [], []
    for film in films:
        try:
            prepared.append(_prepare(film, settings))
        except SpinemorphError as fault:
            problems.append(str(fault))
    return prepared, problems


def _prepare(film: Film, settings: RunSettings) -> Prepared:
    radiograph, annotation = film.read()
    size = settings.rows, settings.columns
    window = fit((radiograph.rows, radiograph.columns), size, radiograph.aspect)
    wanted = [each for each in annotation.instances if each.category in settings.categories]
    pairs = [
        (mask, settings.categories.index(each.category) + 1)
        for each in wanted
        if (mask := window.mask(each.mask, each.box)).sum() >= LEAST_PIXELS
    ]
    masks = np.array([mask for mask, _ in pairs], bool).reshape(len(pairs), size[0] * size[1])
    image = np.rint(window.image(radiograph.pixels) * 255).astype(np.uint8)
    labels = np.array([label for _, label in pairs], np.int64)
    return Prepared(film.name, image, np.packbits(masks, axis=1), labels)


def plain(film: Prepared) -> Sample:
    """The film as it is."""
    return Sample(film.image.astype(np.float32) / np.float32(255), film.masks, film.labels)


def varied(film: Prepared, strength: float, rng: Generator) -> Sample:
    """The film turned, scaled, moved, mirrored and with other grey values.

    ``strength`` 0 to 1 scales how far; at 0 it is the film as it is.
    """
    if strength == 0:
        return plain(film)
    rows, columns = film.image.shape
    affine = _affine(rows, columns, strength, rng)
    image = cv2.warpAffine(
        film.image.astype(np.float32), affine, (columns, rows), flags=cv2.INTER_LINEAR
    )
    masks, labels = [], []
    for mask, label in zip(film.masks, film.labels, strict=True):
        moved = cv2.warpAffine(
            mask.astype(np.uint8), affine, (columns, rows), flags=cv2.INTER_NEAREST
        )
        if moved.sum() >= max(LEAST_PIXELS, 0.1 * mask.sum()):
            masks.append(moved.astype(bool))
            labels.append(label)
    image = degrade(image, rng) if rng.random() < 0.8 * strength else image / np.float32(255)
    stack = np.array(masks, bool).reshape(len(masks), rows, columns)
    return Sample(np.clip(image, 0, 1).astype(np.float32), stack, np.array(labels, np.int64))


def _affine(rows: int, columns: int, strength: float, rng: Generator) -> NDArray[np.float64]:
    turn = np.deg2rad(rng.uniform(-15, 15) * strength)
    scale = np.exp(rng.uniform(-0.2, 0.2) * strength)
    stretch = np.exp(rng.uniform(-0.06, 0.06) * strength)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = turned @ np.diag([scale * stretch * flip, scale / stretch])
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    shift = rng.uniform(-0.06, 0.06, 2) * strength * np.array([columns, rows])
    return np.column_stack([linear, middle - linear @ middle + shift])


def boxes_of(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Boxes (n, 4) x0, y0, x1, y1 round masks (n, rows, columns), in edges of pixels."""
    found = np.zeros((len(masks), 4), np.float32)
    for k, mask in enumerate(masks):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        found[k] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return found


def merged(
    masks: Sequence[NDArray[np.bool_]], labels: Sequence[int], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Class mask (rows, columns) of instances; where two overlap, the later class of the settings wins."""
    image = np.zeros(shape, np.uint8)
    for label, mask in sorted(zip(labels, masks, strict=True), key=lambda pair: pair[0]):
        image[mask] = label
    return image
