import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.simulate.ribs import LENGTH_MM, RibSettings, ribs
from spinemorph.simulate.tubes import thread, tube

#: So far away that the beam is parallel.
FAR = {"source_to_object": 1e7, "pixel_mm": 0.5, "offset": (96.0, 128.0)}


@settings(max_examples=25)
@given(radius=st.floats(2, 12), angle=st.floats(0, 360), depth=st.floats(-50, 50))
def test_a_tube_has_the_volume_of_a_capsule_and_its_thickness(camera, radius, angle, depth):
    half = 12 * np.array([np.cos(np.deg2rad(angle)), 0, np.sin(np.deg2rad(angle))])
    patch = tube(camera(**FAR), np.array([-half, half]) + [0, depth, 0], radius)
    assert patch is not None
    rows, columns, thickness = patch
    assert thickness.dtype == np.float32
    assert thickness.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert thickness.max() == pytest.approx(2 * radius, rel=0.03)
    volume = np.pi * radius**2 * 24 + 4 / 3 * np.pi * radius**3
    assert thickness.sum() * 0.25 == pytest.approx(volume, rel=0.05)


def test_a_tube_off_the_film_is_none_and_one_across_the_border_is_clipped(camera):
    film = camera(**FAR)
    assert tube(film, np.array([[500.0, 0, 0], [520.0, 0, 0]]), 5) is None
    rows, columns, _ = tube(film, np.array([[0.0, 0, 0], [200.0, 0, 0]]), 5)
    assert columns.start == 0  # anterior is to the left
    assert rows.stop <= film.rows


def test_a_thread_swings_between_core_and_full_radius(camera):
    profile = thread(3.0, 0.3)
    along = np.linspace(0, 9, 400)
    assert profile(along).min() == pytest.approx(0.7, abs=0.01)
    assert profile(along).max() == pytest.approx(1.0, abs=0.01)
    assert profile(along) == pytest.approx(profile(along + 3.0))
    smooth = tube(camera(**FAR), np.array([[-15.0, 0, 0], [15.0, 0, 0]]), 3)[2]
    cut = tube(camera(**FAR), np.array([[-15.0, 0, 0], [15.0, 0, 0]]), 3, profile)[2]
    assert cut.sum() < smooth.sum()
    assert np.diff(np.sign(np.diff((cut > 0).sum(axis=0)))).astype(bool).sum() > 8


def test_ribs_hang_on_thoracic_levels_only(camera, bones):
    film = camera()
    made = ribs(film, bones, np.random.default_rng(0), RibSettings())
    assert made.shape == (256, 192)
    assert made.dtype == np.float32
    assert made.min() == 0
    assert 0.02 < made.max() < 1.5
    lumbar = [bone for bone in bones if bone.level not in LENGTH_MM]
    assert not ribs(film, lumbar, np.random.default_rng(0), RibSettings()).any()
    again = ribs(film, bones, np.random.default_rng(0), RibSettings())
    assert (made == again).all()


def test_ribs_start_behind_the_bodies_and_descend(camera, bones):
    film = camera()
    t11 = [bone for bone in bones if bone.level == "T11"]
    drawn = ribs(film, t11, np.random.default_rng(3), RibSettings())
    rows, columns = np.nonzero(drawn)
    origin = film.project(t11[0].origin[None])[0]
    assert rows.max() > origin[1] + 20
    assert columns.max() > origin[0] + 5  # behind the body: to the right
    assert columns.min() < origin[0]  # and around to the front
