import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.learn.window import fit
from spinemorph.testing import draw_phantom
from spinemorph.types import Box

SIZES = st.integers(8, 900)


@given(SIZES, SIZES, st.floats(0.3, 3))
@settings(deadline=None, max_examples=60)
def test_a_film_of_any_shape_fills_the_window_in_one_direction(rows, columns, aspect):
    window = fit((rows, columns), (96, 64), aspect)
    assert window.height == 96 or window.width == 64
    assert window.height <= 96
    assert window.width <= 64
    assert window.image(np.ones((rows, columns), np.float32)).sum() == pytest.approx(
        window.height * window.width, rel=1e-4
    )


@pytest.mark.parametrize("shape", [(450, 300), (1800, 1200), (300, 450), (120, 80)])
def test_masks_come_back_in_the_films_own_pixels(shape):
    phantom = draw_phantom(*shape)
    window = fit(shape, (384, 256))
    for body in phantom.instances:
        back = window.back(window.mask(body.mask, body.box).astype(np.float32))
        assert back is not None
        mask, box = back
        whole = np.zeros((2, *shape), bool)
        whole[0][body.box.slices] = body.mask
        whole[1][box.slices] = mask
        assert (whole[0] & whole[1]).sum() / (whole[0] | whole[1]).sum() > 0.85


def test_proportions_are_kept_where_pixels_are_not_square():
    window = fit((100, 100), (80, 80), aspect=2.0)
    assert (window.height, window.width) == (80, 40)


def test_the_empty_border_of_a_window_belongs_to_no_mask():
    window = fit((100, 100), (80, 40))
    beside = np.ones((80, 40), np.float32)
    beside[window.top : window.top + window.height] = 0
    assert window.back(beside) is None
    assert window.back(np.zeros((80, 40), np.float32)) is None


def test_a_mask_that_fills_the_film_comes_back_whole():
    window = fit((55, 33), (80, 40))
    mask, box = window.back(np.ones((80, 40), np.float32))
    assert mask.all()
    assert box == Box(0, 0, 55, 33)
