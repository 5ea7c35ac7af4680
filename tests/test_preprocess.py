import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinemorph.errors import UsageError
from spinemorph.preprocess import inverted, prepare
from spinemorph.types import PixelSpacing, Radiograph, Source

FILM = Radiograph(
    np.random.default_rng(1).beta(2, 9, (90, 70)),
    Source("film.png", "0" * 64),
    PixelSpacing(0.2, 0.1, "user"),
    facing="left",
    flags=("estimated_scale",),
)


def geometry(radiograph):
    return radiograph.source, radiograph.spacing, radiograph.aspect, radiograph.facing


def test_none_changes_nothing():
    assert prepare(FILM) is FILM


def test_equalize_spreads_the_grey_values_evenly_and_keeps_the_geometry():
    equal = prepare(FILM, contrast="equalize")
    assert geometry(equal) == geometry(FILM)
    assert equal.flags == FILM.flags
    shares = np.quantile(equal.pixels, [0, 0.25, 0.5, 0.75, 1])
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.01)


@given(arrays(np.float32, (6, 5), elements=st.floats(0, 1, width=32)))
def test_equalize_keeps_the_order_of_grey_values(pixels):
    equal = prepare(Radiograph(pixels, FILM.source), contrast="equalize").pixels
    order = np.argsort(pixels.ravel(), kind="stable")
    # values that share one of the 4096 greys come out the same
    assert np.all(np.diff(equal.ravel()[order]) >= 0) or np.ptp(pixels) < 1 / 4095


def test_a_blank_film_stays_as_it_is():
    blank = Radiograph(np.full((70, 70), 0.25), FILM.source)
    assert prepare(blank, contrast="equalize") is blank


def test_unknown_contrast_lists_the_known_ones():
    with pytest.raises(UsageError, match="none, equalize"):
        prepare(FILM, contrast="vivid")


def test_inverted_twice_is_the_film_again():
    once = inverted(FILM)
    assert once.pixels == pytest.approx(1 - FILM.pixels)
    assert once.flags == ("estimated_scale", "polarity_inverted")
    assert geometry(once) == geometry(FILM)
    twice = inverted(once)
    assert twice.pixels == pytest.approx(FILM.pixels, abs=1e-6)
    assert twice.flags == FILM.flags
