"""Rim corners and middles of endplates from masks and the film together.

A mask is the outermost edge of a bone in depth. How far inside it the mid-line lies shows on the film: rims
that lie deeper, the floor of a hollow endplate. So the film and the masks are looked at in a strip along each
endplate, whose frame is what the mask alone tells (:mod:`spinemorph.measure.mask_corners`), and a small
network tells how far corners and middle lie from there, and how sure it is of each. It sees all strips of a
film together, since neighbours are turned alike. It was fitted to simulated films with their true masks, and
with masks that were coarser, larger, smaller or drawn by straight lines (benchmarks/calibrate_strips.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.measure.mask_corners import MaskShape
from spinemorph.measure.networks import loaded
from spinemorph.types import FloatArray, Instance

FILE: Final = "strips.onnx"
#: A strip reaches so far from the middle of its endplate along and across it, in lengths of the endplate.
ALONG, ACROSS = 0.78, 0.34
ROWS, COLUMNS = 48, 96
#: Side of the surroundings to which contrast is normalised, in steps of a strip.
LOCAL = 15
#: The farthest that the film moves a corner or a middle, in lengths of the endplate.
FARTHEST: Final = 0.1
KINDS: Final = 3


@dataclass(frozen=True, eq=False)
class Strip:
    """Where a strip lies, in square pixels: of which body (its index) and ``plate`` (0 superior, 1 inferior);
    ``middle`` (2,) between the corners that the mask tells; unit vectors ``forward`` along the endplate and
    ``inward`` (2,) into the body; ``length`` of the endplate; ``kind``: 0 superior, 1 inferior, 2 of S1.
    """

    body: int
    plate: int
    middle: FloatArray
    forward: FloatArray
    inward: FloatArray
    length: float
    kind: int

    def places(self) -> NDArray[np.float32]:
        """Where its points lie (ROWS, COLUMNS, 2), x and y in square pixels."""
        x = np.linspace(-ALONG, ALONG, COLUMNS)[:, None] * self.length * self.forward
        y = np.linspace(-ACROSS, ACROSS, ROWS)[:, None] * self.length * self.inward + self.middle
        return x.astype(np.float32)[None] + y.astype(np.float32)[:, None]


def strips_along(
    shapes: Sequence[MaskShape],
    instances: Sequence[Instance],
    ups: Sequence[FloatArray],
    aspect: float,
) -> tuple[Strip, ...]:
    """The strips of all endplates whose corners the masks tell, from above downward; ``ups``: unit vectors
    (2,) toward the head in square pixels.
    """
    found = []
    for i, (shape, instance, up) in enumerate(zip(shapes, instances, ups, strict=True)):
        sacrum = instance.category == "sacrum"
        for plate in (0,) if sacrum else (0, 1):
            ends = shape.corners[2 * plate : 2 * plate + 2] * [1.0, aspect]
            length = float(np.linalg.norm(ends[0] - ends[1]))
            if not length > 0:
                continue
            forward = (ends[0] - ends[1]) / length
            inward = np.array([-forward[1], forward[0]])
            if (inward @ up > 0) == (plate == 0):
                inward = -inward
            kind = 2 if sacrum else plate
            found.append(Strip(i, plate, ends.mean(axis=0), forward, inward, length, kind))
    return tuple(found)


def pictures(
    pixels: NDArray[np.float32],
    strips: Sequence[Strip],
    instances: Sequence[Instance],
    aspect: float,
) -> NDArray[np.float32] | None:
    """What the network sees of every strip (n, 4, ROWS, COLUMNS): the film, the film normalised to its
    surroundings, the body's own mask, the masks of its neighbours. None where the film shows nothing there.
    """
    places = np.stack([strip.places() for strip in strips])
    places[..., 1] /= aspect
    window = _window(places, strips, pixels.shape)
    film = window.film(pixels, places)
    if np.ptp(film) < 1e-6:
        return None
    unit = _in_range(film)
    # neighbours may overlap, a body and the one after the next do not: every other mask on one picture
    masks = np.zeros((2, *pixels.shape), np.bool_)
    for i, instance in enumerate(instances):
        masks[i % 2][instance.box.slices] |= instance.mask
    shown = window.masks(masks, places)
    odd = np.array([strip.body % 2 for strip in strips])
    own, beside = shown[odd, np.arange(len(strips))], shown[1 - odd, np.arange(len(strips))]
    return np.stack([unit * 2 - 1, _relative(unit), own, beside], axis=1)


@dataclass(frozen=True)
class _Window:
    """The part of a film that strips lie on, and by how much it is reduced before they are cut."""

    slices: tuple[slice, slice]
    factor: int

    def film(self, pixels: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels at places (n, ROWS, COLUMNS, 2) of the film, reduced by ``factor``; 0 beyond it."""
        part = pixels[self.slices]
        if self.factor > 1:
            size = part.shape[1] // self.factor, part.shape[0] // self.factor
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        return self._at(part, places, (self.factor - 1) / 2)

    def masks(self, masks: NDArray[np.bool_], places: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the film, of two masks (2, rows, columns) of which one in ``factor`` pixels is looked at."""
        first = (self.factor - 1) // 2
        part = masks[:, *self.slices][:, first :: self.factor, first :: self.factor]
        both = self._at(part.transpose(1, 2, 0).astype(np.float32), places, first)
        return np.asarray(both.transpose(3, 0, 1, 2))

    def _at(
        self, part: NDArray[np.float32], places: NDArray[np.float32], first: float
    ) -> NDArray[np.float32]:
        corner = np.array([self.slices[1].start, self.slices[0].start], np.float32)
        at = (places.reshape(-1, COLUMNS, 2) - corner - np.float32(first)) / np.float32(self.factor)
        seen = cv2.remap(np.ascontiguousarray(part), at, None, cv2.INTER_LINEAR)
        return np.asarray(seen, np.float32).reshape(*places.shape[:-1], *part.shape[2:])


def _window(
    places: NDArray[np.float32], strips: Sequence[Strip], shape: tuple[int, ...]
) -> _Window:
    step = 2 * ALONG * float(np.median([strip.length for strip in strips])) / COLUMNS
    factor = max(min(int(0.85 * step), *shape), 1)
    ends = places[:, :: ROWS - 1, :: COLUMNS - 1].reshape(-1, 2)
    sides = []
    for low, high, end in zip(ends.min(axis=0), ends.max(axis=0), shape[::-1], strict=True):
        first = min(max(int(low) - factor, 0), max(end - factor, 0))
        whole = max((min(int(high) + 2 * factor, end) - first) // factor, 1)
        sides.append(slice(first, first + whole * factor))
    return _Window((sides[1], sides[0]), factor)


def _in_range(film: NDArray[np.float32]) -> NDArray[np.float32]:
    """The strips (n, ROWS, COLUMNS) of a film between their 1st and 99th percentile, without empty frames."""
    low, high = float(film.min()), float(film.max())
    some = film[:, ::2, ::2]
    inside = some[(some > low + 0.02 * (high - low)) & (some < high - 0.005 * (high - low))]
    if inside.size > 64:
        low, high = np.quantile(inside, [0.01, 0.99])
    unit = (film - low) / max(high - low, 1e-6)
    return np.clip(unit, -0.25, 1.25).astype(np.float32)


def _relative(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    mean, square = (
        np.stack([cv2.blur(each, (LOCAL, LOCAL), borderType=cv2.BORDER_REFLECT) for each in every])
        for every in (unit, unit * unit)
    )
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray(np.clip((unit - mean) / (deviation + 0.015), -3, 3) / 2, np.float32)


def seen_on_film(
    shapes: Sequence[MaskShape],
    instances: Sequence[Instance],
    ups: Sequence[FloatArray],
    pixels: NDArray[np.float32],
    aspect: float,
) -> tuple[MaskShape, ...]:
    """What masks tell of the bodies of one film, from above downward, with corners, middles and their spread
    put right by what the film shows; unchanged where it shows nothing.
    """
    strips = strips_along(shapes, instances, ups, aspect)
    seen = pictures(pixels, strips, instances, aspect) if strips else None
    if seen is None:
        return tuple(shapes)
    network = loaded(FILE)
    kinds = np.eye(KINDS, dtype=np.float32)[[strip.kind for strip in strips]]
    away, spread = network.run({"strips": seen, "kinds": kinds})
    found = list(shapes)
    for strip, own, sd in zip(strips, np.clip(away, -FARTHEST, FARTHEST), spread, strict=True):
        found[strip.body] = _moved(found[strip.body], strip, own, sd, aspect)
    return tuple(found)


def _moved(
    shape: MaskShape, strip: Strip, away: FloatArray, spread: FloatArray, aspect: float
) -> MaskShape:
    """``away`` (5,) of the anterior and the posterior corner, forward and inward each, and of the middle
    inward, with their standard deviations; in lengths of the endplate.
    """
    back = np.stack([strip.forward, strip.inward], axis=1) * strip.length
    back = back * np.array([[1.0], [1.0 / aspect]])
    corners, covariance = shape.corners.copy(), shape.covariance.copy()
    sunk, sunk_sd = shape.sunk.copy(), shape.sunk_sd.copy()
    for end in (0, 1):
        k, part = 2 * strip.plate + end, slice(2 * end, 2 * end + 2)
        corners[k] += back @ away[part]
        covariance[k] = back @ np.diag(spread[part] ** 2) @ back.T
    sunk[strip.plate] += strip.length * away[4]
    sunk_sd[strip.plate] = strip.length * spread[4]
    return replace(shape, corners=corners, covariance=covariance, sunk=sunk, sunk_sd=sunk_sd)
