from __future__ import annotations

import numpy as np
import pytest

from spinemorph.report.preview import View, contrasted, preview, whole_film
from spinemorph.types import Radiograph, Source


def film(pixels, aspect=1.0):
    return Radiograph(pixels, Source("x.png", "00"), None, aspect)


def test_view_of_a_part_shows_that_part():
    pixels = np.zeros((100, 60), np.float32)
    pixels[40:60, 20:40] = np.linspace(0.2, 0.9, 20, dtype=np.float32)
    part = preview(film(pixels), View(19.5, 39.5, 20.0, 20.0), height=20)
    assert part.shape == (20, 20)
    assert part[:, 0].mean() < part[:, -1].mean() - 100


def test_non_square_pixels_are_shown_with_true_aspect():
    whole = whole_film(50, 60, 2.0)
    assert (whole.width, whole.height) == (60.0, 100.0)
    assert preview(
        film(np.random.default_rng(0).random((50, 60)), 2.0), whole, height=200
    ).shape == (
        200,
        120,
    )


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_stay_flat(level):
    shown = contrasted(np.full((64, 64), level, np.float32))
    assert np.ptp(shown) == 0


def test_faint_picture_gains_contrast_and_the_film_is_untouched():
    pixels = 0.5 + 0.02 * np.random.default_rng(1).random((128, 96)).astype(np.float32)
    radiograph = film(pixels)
    before = radiograph.pixels.copy()
    shown = preview(radiograph, whole_film(128, 96, 1.0), height=128)
    assert np.ptp(shown) > 150
    np.testing.assert_array_equal(radiograph.pixels, before)
