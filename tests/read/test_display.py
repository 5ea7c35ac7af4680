import numpy as np
import pytest

from spinemorph.read.display import DisplayHeader, LookUpTable, Window, grey_table

EVEN = np.ones(4096, int)
#: a quarter dark background around 200, the rest anatomy from 1000 to 3000
FILM = np.zeros(4096, int)
FILM[100:301] = 300
FILM[1000:3001] = 90


def test_linear_window_hits_its_published_ends():
    # by PS3.3 C.11.2.1.2 a centre of 2048 and a width of 4096 map 0 to black and 4095 to white
    assert Window(2048, 4096)(np.array([0.0, 4095.0])) == pytest.approx([0, 1])
    # LINEAR_EXACT reaches its ends half a width from the centre
    exact = Window(100, 50, "LINEAR_EXACT")
    assert exact(np.array([75.0, 100.0, 125.0])) == pytest.approx([0, 0.5, 1])
    sigmoid = Window(0, 4, "SIGMOID")
    assert sigmoid(np.array([0.0, 1.0])) == pytest.approx([0.5, 1 / (1 + np.exp(-1))])


def test_a_good_window_is_used_as_it_stands():
    window = Window(2000, 2400)
    grey = grey_table(0, FILM, DisplayHeader(windows=(window,)))
    assert grey == pytest.approx(window(np.arange(4096.0)), abs=1e-6)


@pytest.mark.parametrize("bad", [Window(1200, 400), Window(3500, 500), Window(1e6, 10)])
def test_a_window_that_hides_bone_gives_way_to_the_robust_range(bad):
    grey = grey_table(0, FILM, DisplayHeader(windows=(bad,)))
    assert grey == pytest.approx(grey_table(0, FILM, DisplayHeader()))
    anatomy = grey[1000:3001]
    assert anatomy.min() > 0.2
    assert np.ptp(anatomy) > 0.6


def test_the_first_window_that_shows_bone_is_taken():
    good = Window(2000, 2400)
    both = grey_table(0, FILM, DisplayHeader(windows=(Window(3500, 500), good)))
    assert both == pytest.approx(good(np.arange(4096.0)), abs=1e-6)


def test_black_background_may_be_clipped():
    window = Window(2050, 2300)  # ends at 900: the whole background is black
    grey = grey_table(0, FILM, DisplayHeader(windows=(window,)))
    assert grey[:301].max() == 0
    assert grey[2000] == pytest.approx(window(np.array([2000.0]))[0], abs=1e-6)


def test_inverted_films_are_judged_the_other_way_round():
    mirrored = FILM[::-1]
    straight = grey_table(0, FILM, DisplayHeader(windows=(Window(2050, 2300),)))
    header = DisplayHeader(windows=(Window(4095 - 2050 + 1, 2300),), inverted=True)
    assert grey_table(0, mirrored, header)[::-1] == pytest.approx(straight, abs=2e-3)


def test_a_shutter_does_not_spoil_the_range():
    framed = FILM.copy()
    framed[0] = framed[4095] = FILM.sum()
    assert grey_table(0, framed, DisplayHeader())[2000] == pytest.approx(
        grey_table(0, FILM, DisplayHeader())[2000], abs=0.02
    )


def test_padding_is_black_and_counts_for_nothing():
    padded = FILM.copy()
    padded[3500:3600] = 10_000
    grey = grey_table(0, padded, DisplayHeader(padding=(3500, 3599)))
    assert grey[3500:3600].max() == 0
    assert grey[1000:3001] == pytest.approx(grey_table(0, FILM, DisplayHeader())[1000:3001])


def test_voi_tables_come_before_windows_and_are_stretched():
    entries = np.linspace(10, 250, 4096) ** 2
    table = LookUpTable(0, entries)
    grey = grey_table(0, EVEN, DisplayHeader(voi_tables=(table,), windows=(Window(2048, 4096),)))
    assert grey == pytest.approx((entries - entries[0]) / np.ptp(entries), abs=1e-6)


def test_rescale_and_modality_tables_come_before_the_window():
    header = DisplayHeader(slope=2, intercept=-1000, windows=(Window(3096, 8192),))
    assert grey_table(0, EVEN, header) == pytest.approx(np.arange(4096) / 4095, abs=1e-3)
    falling = LookUpTable(0, np.arange(4096.0)[::-1])
    header = DisplayHeader(modality_table=falling, windows=(Window(2048, 4096),))
    assert grey_table(0, EVEN, header) == pytest.approx(1 - np.arange(4096) / 4095, abs=1e-3)


@pytest.mark.parametrize("histogram", [[7], [3, 9], [0, 5, 0], [1, 0, 0, 4]])
@pytest.mark.parametrize("inverted", [False, True])
def test_films_of_hardly_any_values_stay_in_range(histogram, inverted):
    grey = grey_table(-2, np.array(histogram), DisplayHeader(inverted=inverted))
    assert grey.dtype == np.float32
    assert grey.min() >= 0
    assert grey.max() <= 1
