"""Rim corners and middles of endplates from masks and the film together.

A mask is the outermost edge of a bone in depth. How far inside it the mid-line lies shows on the film: rims
that lie deeper, the floor of a hollow endplate. So the film and the masks are looked at in a strip along each
endplate, whose frame is what the mask alone tells (:mod:`spinemorph.measure.mask_corners`), and a small
network tells how far corners lie from there, how deep the middle lies, and how sure it is of each. It sees
all strips of a film together, since neighbours are turned alike. It was fitted to simulated films with their
true masks, and with masks that were coarser, larger, smaller or drawn by straight lines
(benchmarks/calibrate_strips.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

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

    def affine(self, aspect: float) -> FloatArray:
        """From a point of the strip, column and row, to pixels of the film, x and y: (2, 3)."""
        steps = 2 * ALONG / (COLUMNS - 1), 2 * ACROSS / (ROWS - 1)
        along, across = (
            step * self.length * way
            for step, way in zip(steps, (self.forward, self.inward), strict=True)
        )
        first = self.middle - (COLUMNS - 1) / 2 * along - (ROWS - 1) / 2 * across
        return np.stack([along, across, first], axis=1) / [[1.0], [aspect]]


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
    window = _window(strips, pixels.shape, aspect)
    film = window.film(pixels)
    if np.ptp(film) < 1e-6:
        return None
    unit = _in_range(film)
    return np.stack([unit * 2 - 1, _relative(unit), *window.masks(strips, instances)], axis=1)


@dataclass(frozen=True, eq=False)
class _Window:
    """The part of a film that strips lie on, by how much it is reduced before they are cut, and the affines
    (n, 2, 3) of the strips to pixels of the part as it is.
    """

    slices: tuple[slice, slice]
    factor: int
    affines: FloatArray

    def film(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The strips (n, ROWS, COLUMNS) of the film, reduced by ``factor``; 0 beyond it."""
        part = pixels[self.slices]
        if self.factor > 1:
            size = part.shape[1] // self.factor, part.shape[0] // self.factor
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        affines = self._reduced((self.factor - 1) / 2)
        return np.stack([_cut(part, affine) for affine in affines])

    def masks(
        self, strips: Sequence[Strip], instances: Sequence[Instance]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of every strip the own mask and those of the neighbours (n, ROWS, COLUMNS), of which one in
        ``factor`` pixels is looked at. Neighbours may overlap, a body and the one after the next do not:
        every other mask is on one picture.
        """
        first = (self.factor - 1) // 2
        shape = [(part.stop - part.start) // self.factor for part in self.slices]
        pair = np.zeros((2, *shape), np.uint8)
        for i, instance in enumerate(instances):
            self._lay(pair[i % 2], instance, first)
        affines = self._reduced(first)
        cut = [
            (_cut(pair[strip.body % 2], affine), _cut(pair[1 - strip.body % 2], affine))
            for strip, affine in zip(strips, affines, strict=True)
        ]
        own, beside = np.array(cut, np.float32).transpose(1, 0, 2, 3) / np.float32(255)
        return own, beside

    def _lay(self, picture: NDArray[np.uint8], instance: Instance, first: int) -> None:
        """A mask on the picture of the part, of which row and column ``first`` and every ``factor``-th from
        there are kept; what lies beyond is left out.
        """
        box, at, shown = instance.box, [], []
        sides = zip((box.top, box.left), self.slices, instance.mask.shape, strict=True)
        for (start, part, size), room in zip(sides, picture.shape, strict=True):
            begin = start - part.start - first
            low = max(-(-begin // self.factor), 0)
            high = min(-(-(begin + size) // self.factor), room)
            at.append(slice(low, high))
            shown.append(slice(low * self.factor - begin, high * self.factor - begin, self.factor))
        if all(part.stop > part.start for part in at):
            picture[tuple(at)] |= instance.mask[tuple(shown)] * np.uint8(255)

    def _reduced(self, first: float) -> FloatArray:
        """Affines to the reduced part, whose pixel 0 lies at ``first`` of the part as it is."""
        return (self.affines - [0.0, 0.0, first]) / self.factor


def _cut(picture: NDArray[Any], affine: FloatArray) -> NDArray[Any]:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, affine, (COLUMNS, ROWS), flags=way)


def _window(strips: Sequence[Strip], shape: tuple[int, ...], aspect: float) -> _Window:
    step = 2 * ALONG * float(np.median([strip.length for strip in strips])) / COLUMNS
    factor = max(min(int(0.85 * step), *shape), 1)
    affines = np.stack([strip.affine(aspect) for strip in strips])
    across, down = np.meshgrid([0, COLUMNS - 1], [0, ROWS - 1])
    ends = (affines @ np.stack([across.ravel(), down.ravel(), np.ones(4)])).transpose(0, 2, 1)
    sides = []
    low, high = ends.min(axis=(0, 1)), ends.max(axis=(0, 1))
    for least, most, end in zip(low, high, shape[::-1], strict=True):
        first = min(max(int(least) - factor, 0), max(end - factor, 0))
        whole = max((min(int(most) + 2 * factor, end) - first) // factor, 1)
        sides.append(slice(first, first + whole * factor))
    columns, rows = sides
    affines[:, :, 2] -= [columns.start, rows.start]
    return _Window((rows, columns), factor, affines)


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
    told, spread = network.run({"strips": seen, "kinds": kinds})
    return _moved(shapes, strips, told, spread, aspect)


def _moved(
    shapes: Sequence[MaskShape],
    strips: Sequence[Strip],
    told: FloatArray,
    spread: FloatArray,
    aspect: float,
) -> tuple[MaskShape, ...]:
    """``told`` (n, 5) of every strip: how far the anterior and the posterior corner lie from where the mask
    puts them, forward and inward each, and how deep the middle lies inside the line between them, with
    standard deviations; in lengths of the endplate. Nothing moves farther than FARTHEST.
    """
    bodies = np.array([strip.body for strip in strips])
    plates = np.array([strip.plate for strip in strips])
    length = np.array([strip.length for strip in strips])
    axes = np.stack([[strip.forward, strip.inward] for strip in strips]).transpose(0, 2, 1)
    away = np.clip(told[:, :4], -FARTHEST, FARTHEST)
    back = axes * length[:, None, None] / [[1.0], [aspect]]
    corners = np.stack([shape.corners for shape in shapes])
    covariance = np.stack([shape.covariance for shape in shapes])
    for end in (0, 1):
        part = slice(2 * end, 2 * end + 2)
        corners[bodies, 2 * plates + end] += (back @ away[:, part, None])[..., 0]
        root = back * spread[:, None, part]
        covariance[bodies, 2 * plates + end] = root @ root.transpose(0, 2, 1)
    sunk = np.stack([shape.sunk for shape in shapes])
    sunk_sd = np.stack([shape.sunk_sd for shape in shapes])
    by_mask, farthest = sunk[bodies, plates], FARTHEST * length
    sunk[bodies, plates] = np.clip(length * told[:, 4], by_mask - farthest, by_mask + farthest)
    sunk_sd[bodies, plates] = length * spread[:, 4]
    return tuple(
        replace(shape, corners=own, covariance=errors, sunk=deep, sunk_sd=deep_sd)
        for shape, own, errors, deep, deep_sd in zip(
            shapes, corners, covariance, sunk, sunk_sd, strict=True
        )
    )
