"""Thumbnails: small, of the right shape, and without what may be written at a film's edge."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from spinemorph.store.thumbnail import LONGEST, stand_in, thumbnail
from spinemorph.testing import draw_phantom
from spinemorph.types import ImageInfo, PixelSpacing, Radiograph


def decoded(picture):
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def film(study):
    """The radiograph of the drawn study, 300 x 200, with a name burned into its top left corner."""
    pixels = np.array(draw_phantom(300, 200).radiograph.pixels)
    pixels[3:13, 3:43] = 1.0
    return Radiograph(pixels, study().source)


def test_a_small_film_keeps_its_size_and_grey(film, study):
    picture = decoded(thumbnail(film, study()))
    assert picture.shape == (300, 200)
    assert picture[8, 20] > 200


@pytest.mark.parametrize(
    ("rows", "columns", "aspect"), [(3000, 1500, 1.0), (500, 2000, 1.0), (800, 800, 2.0)]
)
def test_a_large_film_is_shrunk_to_square_pixels(rows, columns, aspect, study):
    film = Radiograph(np.full((rows, columns), 0.5, np.float32), study().source, aspect=aspect)
    picture = thumbnail(film, study())
    height, width = decoded(picture).shape
    assert max(height, width) == LONGEST
    assert height / width == pytest.approx(rows * aspect / columns, rel=0.01)
    assert len(picture) < 60_000


def test_a_pseudonymised_picture_shows_the_bones_and_nothing_at_the_edge(film, study):
    given = replace(study(), implants=())
    whole, bones = (decoded(thumbnail(film, given, only_bones=only)) for only in (False, True))
    assert whole[3:13, 3:43].mean() > 150
    assert bones[3:13, 3:43].max() < 20
    for body in given.vertebrae:
        x, y = body.contour.mean(axis=0).astype(int)
        assert abs(int(whole[y, x]) - int(bones[y, x])) < 25


def test_without_bones_there_is_no_pseudonymised_picture(film, study):
    empty = replace(study(), vertebrae=(), implants=())
    assert thumbnail(film, empty, only_bones=True) is None
    assert thumbnail(film, empty) is not None


def test_a_picture_stands_in_for_its_film_pixel_by_pixel(film, study):
    given = replace(study(), image=ImageInfo(600, 400, "left", PixelSpacing(0.1, 0.1, "user")))
    found = stand_in(thumbnail(film, study()), given)
    assert (found.rows, found.columns, found.facing) == (600, 400, "left")
    assert found.spacing == given.image.spacing
    small = cv2.resize(np.array(found.pixels), (200, 300), interpolation=cv2.INTER_AREA)
    seen = decoded(thumbnail(film, study())).astype(np.float32) / 255
    assert np.abs(small - seen).mean() < 0.02
    assert stand_in(b"no picture", given) is None
