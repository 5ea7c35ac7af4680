from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.report.figures import angle_figure, choose_view, dashes, draw, spread
from spinemorph.report.preview import View, whole_film

WIDE = View(-2000.0, -2000.0, 6000.0, 6000.0)


def angle_between(a, b):
    u, v = a[-1] - a[0], b[-1] - b[0]
    return math.degrees(math.acos(abs(u @ v) / np.linalg.norm(u) / np.linalg.norm(v)))


@settings(max_examples=60, deadline=None)
@given(share=st.floats(-0.3, 0.3), angle=st.floats(12, 85), mirrored=st.booleans())
def test_legs_meet_at_the_angle_and_stand_on_their_endplates(share, angle, mirrored):
    def endplate(degrees, centre):
        step = 60 * np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
        return np.array([centre - step, centre + step]) * ([-1, 1] if mirrored else [1, 1])

    upper = endplate(angle * (0.5 + share), np.array([0.0, 0.0]))
    lower = endplate(angle * (share - 0.5), np.array([10.0, 700.0]))
    figure = angle_figure(upper, lower, WIDE)
    assert figure.arc is not None
    first, second, leg, other = figure.lines
    assert angle_between(first, second) == pytest.approx(angle, abs=0.01)
    assert angle_between(leg, other) == pytest.approx(angle, abs=0.01)
    assert angle_between(first, leg) == pytest.approx(90, abs=0.01)
    assert angle_between(second, other) == pytest.approx(90, abs=0.01)


def test_legs_stay_on_the_film_or_are_left_out(build):
    study, film = build()
    whole = whole_film(film.rows, film.columns, film.aspect)
    figure = draw(study, whole).angle
    assert figure is not None
    assert figure.arc is not None
    assert whole.left < figure.anchor[0] < whole.left + whole.width
    behind = draw(study, View(300.0, 100.0, 480.0, 1200.0)).angle
    assert behind.arc is not None
    assert behind.side > 0  # the front is on the left, where there is no room now
    assert draw(study, View(310.0, 100.0, 230.0, 1200.0)).angle.arc is None


def test_small_angle_is_drawn_without_legs(build):
    study, film = build(lordosis=4.0)
    drawing = draw(study, whole_film(film.rows, film.columns, 1.0))
    assert drawing.angle.arc is None
    assert len(drawing.angle.lines) == 2
    assert drawing.angle_text == "4.0°"


def test_angle_is_true_where_pixels_are_not_square(build):
    study, film = build(aspect=1.8, lordosis=50.0)
    drawing = draw(study, whole_film(film.rows, film.columns, film.aspect))
    upper, lower = drawing.angle.lines[:2]
    assert angle_between(upper, lower) == pytest.approx(50, abs=0.1)


def test_kyphosis_is_drawn_behind(build):
    study, film = build(lordosis=-30.0)
    drawing = draw(study, whole_film(film.rows, film.columns, 1.0))
    assert drawing.angle_text == "\N{MINUS SIGN}30.0°"
    assert drawing.angle.side > 0  # the front is on the left
    assert all(name.direction[0] < 0 for name in drawing.names)


def test_no_angle_without_a_value_or_a_level(build):
    study, film = build(levels=("L2", "L3", "L4"))
    whole = whole_film(film.rows, film.columns, 1.0)
    assert draw(study, whole).angle is None
    empty = draw(replace(study, vertebrae=()), whole)
    assert empty.extent is None
    assert choose_view(empty, whole, 0.5) == whole


def test_unnumbered_and_poorly_seen_bodies_look_different(build):
    study, film = build(uncertain=("L2",))
    study = replace(study, vertebrae=tuple(replace(b, level=None) for b in study.vertebrae))
    drawing = draw(study, whole_film(film.rows, film.columns, 1.0))
    assert {name.text for name in drawing.names} == {"?"}
    contours = [stroke for stroke in drawing.strokes if stroke.kind == "contour"]
    assert [stroke.dashed for stroke in contours] == [b.flags != () for b in study.vertebrae]


@pytest.mark.parametrize(("columns", "frame"), [(760, 0.45), (300, 0.45), (2600, 0.45), (760, 2.0)])
def test_view_stays_on_the_film_and_fills_the_frame_where_it_can(build, columns, frame):
    study, _ = build(columns=760)
    whole = View(-0.5, -0.5, columns, 1400)
    drawing = draw(study, whole)
    view = choose_view(drawing, whole, frame)
    assert view.left >= whole.left - 1e-9
    assert view.top >= whole.top - 1e-9
    assert view.left + view.width <= whole.left + whole.width + 1e-9
    assert view.top + view.height <= whole.top + whole.height + 1e-9
    if columns == 2600:
        assert view.width / view.height == pytest.approx(frame)
        left, top, right, bottom = drawing.extent
        assert view.left <= left
        assert right <= view.left + view.width
        assert view.top <= top
        assert bottom <= view.top + view.height


@given(
    st.lists(st.floats(0, 500), min_size=1, max_size=12).map(sorted),
    st.floats(1, 40),
)
def test_spread_keeps_order_distance_and_bounds(positions, gap):
    placed = spread(np.array(positions), gap, 0.0, 500.0)
    assert placed.min() >= -1e-6
    assert placed.max() <= 500 + 1e-6
    assert (np.diff(placed) >= gap - 1e-6).all()


def test_spread_leaves_what_does_not_crowd():
    positions = np.array([10.0, 60.0, 110.0])
    np.testing.assert_allclose(spread(positions, 20.0, 0.0, 200.0), positions)
    np.testing.assert_allclose(spread(np.array([50.0, 50.0]), 20.0, 0.0, 200.0), [40.0, 60.0])


def test_dashes_cover_the_path_in_part():
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    pieces = dashes(square, 3.0, 2.0, closed=True)
    lengths = [np.linalg.norm(np.diff(piece, axis=0), axis=1).sum() for piece in pieces]
    assert len(pieces) == 8
    np.testing.assert_allclose(lengths, 3.0)
