"""A film fitted into the window of a network, and masks brought back to the film's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.types import Box

#: A pixel belongs to a mask from this probability on.
INSIDE = 0.5


@dataclass(frozen=True)
class Window:
    """Where a film of ``film`` (rows, columns) lies in a window of ``size`` (rows, columns).

    The film fills ``height x width`` pixels from ``top``, ``left``; the rest of the window is empty.
    Bodies keep their true proportions, also where the film's pixels are not square.
    """

    film: tuple[int, int]
    size: tuple[int, int]
    top: int
    left: int
    height: int
    width: int

    def image(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grey values (rows, columns) in the window, 0 beside the film."""
        window = np.zeros(self.size, np.float32)
        window[self._inside] = self._scaled(pixels)
        return window

    def mask(self, mask: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
        """A mask of the film, cropped to ``box``, as a mask of the window."""
        whole = np.zeros(self.film, np.float32)
        whole[box.slices] = mask
        window = np.zeros(self.size, bool)
        window[self._inside] = self._scaled(whole) >= INSIDE
        return window

    def back(self, probability: NDArray[np.float32]) -> tuple[NDArray[np.bool_], Box] | None:
        """Probabilities (rows, columns) of the window as a mask of the film with its box.

        None where nothing of it lies on the film.
        """
        part = np.ascontiguousarray(probability[self._inside], np.float32)
        near = np.argwhere(part >= INSIDE)
        if not len(near):
            return None
        # only the neighbourhood of the body is scaled up: a film has many times its pixels
        low = np.maximum(near.min(axis=0) - 2, 0)
        high = np.minimum(near.max(axis=0) + 3, part.shape)
        scale = np.array(self.film) / np.array(part.shape)
        first = np.maximum(np.floor(low * scale).astype(int), 0)
        last = np.minimum(np.ceil(high * scale).astype(int), self.film)
        rows = (np.arange(first[0], last[0]) + 0.5) / scale[0] - 0.5
        columns = (np.arange(first[1], last[1]) + 0.5) / scale[1] - 0.5
        across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
        fine = cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = np.argwhere(fine >= INSIDE)
        if not len(inside):
            return None
        (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
        mask = fine[top:bottom, left:right] >= INSIDE
        y, x = int(first[0]), int(first[1])
        return mask, Box(y + int(top), x + int(left), y + int(bottom), x + int(right))

    @property
    def _inside(self) -> tuple[slice, slice]:
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def _scaled(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        shrinks = self.height <= self.film[0] and self.width <= self.film[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        scaled = cv2.resize(
            np.asarray(pixels, np.float32), (self.width, self.height), None, 0, 0, how
        )
        return np.asarray(scaled, np.float32)


def fit(film: tuple[int, int], size: tuple[int, int], aspect: float = 1.0) -> Window:
    """The window of ``size`` (rows, columns) that holds a film of ``film`` as large as it can, centred.

    ``aspect``: height of a pixel of the film over its width.
    """
    rows, columns = film
    scale = min(size[0] / (rows * aspect), size[1] / columns)
    height = min(max(round(rows * aspect * scale), 1), size[0])
    width = min(max(round(columns * scale), 1), size[1])
    return Window(film, size, (size[0] - height) // 2, (size[1] - width) // 2, height, width)
