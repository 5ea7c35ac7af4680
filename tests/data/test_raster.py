"""Filling and tracing undo each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinemorph.data.raster import bounded, joined, outline, rasterize, single_ring
from spinemorph.types import Box

masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays(bool, shape).filter(np.any)
)


@settings(deadline=None)
@given(masks, st.integers(0, 5), st.integers(0, 5))
def test_a_traced_mask_fills_to_itself(mask, top, left):
    tight, box = bounded(mask, Box(top, left, top + mask.shape[0], left + mask.shape[1]))
    filled, filled_box = rasterize([outline(tight, box)])
    assert filled_box == box
    assert (filled == tight).all()


@settings(deadline=None)
@given(masks)
def test_filling_does_not_depend_on_direction_or_first_vertex(mask):
    ring = outline(mask, Box(0, 0, *mask.shape))
    expected = rasterize([ring], mask.shape)
    for other in (ring[::-1], np.roll(ring, 3, axis=0)):
        filled = rasterize([other], mask.shape)
        assert filled[1] == expected[1]
        assert (filled[0] == expected[0]).all()


@settings(deadline=None)
@given(
    arrays(float, (7, 2), elements=st.floats(-5, 15, width=16)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_agrees_with_winding_numbers_of_every_pixel_centre(ring, size):
    inside = np.zeros(size, bool)
    for row in range(size[0]):
        for column in range(size[1]):
            winding = 0
            for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                low, high = min(y0, y1), max(y0, y1)
                if low <= row < high:
                    (xa, ya), (xb, yb) = ((x0, y0), (x1, y1)) if y0 < y1 else ((x1, y1), (x0, y0))
                    slope = (xb - xa) / (yb - ya)
                    if xa + (row - ya) * slope <= column:
                        winding += 1 if y0 < y1 else -1
            inside[row, column] = winding != 0
    filled = rasterize([ring], size)
    if not inside.any():
        assert filled is None
    else:
        whole = np.zeros(size, bool)
        whole[filled[1].slices] = filled[0]
        assert (whole == inside).all()


def test_rings_of_either_direction_become_one_ring():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float) - 0.5
    rings = [square, (square + (8, 1))[::-1], square + (2, 2)]
    one = single_ring(rings)
    assert (rasterize([one])[0] == rasterize(rings)[0]).all()
    assert len(joined([square])) == 4


@pytest.mark.parametrize("size", [(5, 5), None])
def test_nothing_is_left_of_an_outline_off_the_image(size):
    assert rasterize([np.array([[-9.0, -9], [-2, -9], [-2, -2]])], size) is None
    assert rasterize([np.array([[1.2, 1.2], [1.4, 1.2], [1.3, 1.4]])], size) is None


def test_clips_to_the_image():
    mask, box = rasterize([np.array([[-5.0, -5], [50, -5], [50, 50], [-5, 50]])], (6, 7))
    assert box == Box(0, 0, 6, 7)
    assert mask.all()
