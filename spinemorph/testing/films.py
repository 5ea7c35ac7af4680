"""Films that a hospital may send, and some that it should not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinemorph.testing.phantoms import Phantom, draw_phantom
from spinemorph.types import Box, Instance, PixelSpacing, Radiograph, Source


def films() -> Iterator[tuple[str, Radiograph]]:
    """Films by name; each is segmented three times."""
    noise = np.random.default_rng(1)
    yield "a film that faces left", draw_phantom(facing="left").radiograph
    yield "a film that faces right", draw_phantom(facing="right").radiograph
    yield "a film without a sacrum", draw_phantom(sacrum=False).radiograph
    yield "a film without a scale", draw_phantom(300, 200, spacing=None).radiograph
    yield "a film of pixels twice as high as wide", flattened(draw_phantom()).radiograph
    yield "a film of 1 x 1 pixel", _film(np.full((1, 1), 0.5))
    yield "a film of 1 x 300 pixels", _film(noise.random((1, 300)))
    yield "a film of 8 x 8 pixels", _film(noise.random((8, 8)))
    yield "a film of 64 x 64 pixels", _film(noise.random((64, 64)))
    yield "a strip of 1200 x 64 pixels", _film(noise.random((1200, 64)))
    yield "a strip of 64 x 1200 pixels", _film(noise.random((64, 1200)))
    yield "a black film", _film(np.zeros((400, 300)))
    yield "a white film", _film(np.ones((400, 300)))


def huge_films() -> Iterator[tuple[str, Radiograph]]:
    """Films that are segmented once.

    6000 x 5000 pixels are more than any detector gives: 43 x 43 cm at 0.1 mm are 4300 x 4300. More would
    test the memory of the machine that runs the checks.
    """
    yield "a film of 6000 x 5000 pixels", draw_phantom(6000, 5000).radiograph


def flattened(phantom: Phantom) -> Phantom:
    """The same film and bodies in pixels that are twice as high as wide: every other row."""
    film = phantom.radiograph
    spacing = film.spacing and PixelSpacing(2 * film.spacing.row, film.spacing.column, "user")
    radiograph = replace(film, pixels=film.pixels[::2], spacing=spacing, aspect=2.0)
    bodies = tuple(_flattened_body(each, film) for each in phantom.instances)
    return replace(phantom, radiograph=radiograph, instances=bodies)


def _flattened_body(body: Instance, film: Radiograph) -> Instance:
    whole = np.zeros((film.rows, film.columns), bool)
    whole[body.box.slices] = body.mask
    down, across = np.nonzero(whole[::2])
    box = Box(int(down.min()), int(across.min()), int(down.max()) + 1, int(across.max()) + 1)
    corners = body.corners
    return replace(
        body,
        mask=whole[::2][box.slices],
        box=box,
        corners=None if corners is None else corners * [1.0, 0.5],
        covariance=None,
    )


def _film(pixels: NDArray[Any]) -> Radiograph:
    return Radiograph(pixels.astype(np.float32), Source(file="film.png", sha256="0" * 64))
