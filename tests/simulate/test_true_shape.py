"""What is known of shape, fractures and osteophytes of a simulated film, against itself and the measures."""

import numpy as np
import pytest

from spinemorph.measure import geometry
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import film_depths, film_geometry, simulate_film
from spinemorph.simulate.framing import FramingSettings
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.shape import ShapeSettings
from spinemorph.simulate.shape_measures import grade

WHOLE = FramingSettings(ap_view=0.0, tilted=0.0, above_sacrum=0.0)
PLAIN = ShapeSettings(fracture=0.0, osteophyte_film=0.0)
WORN = ShapeSettings(fracture=0.5, fractured_film=1.0, osteophyte_film=1.0, osteophyte=(0.9, 1.0))


@pytest.fixture(scope="module")
def bones():
    return load_anatomy(None)


@pytest.fixture(scope="module")
def plain(bones):
    return [film_geometry(bones, Settings(shape=PLAIN, framing=WHOLE), seed) for seed in range(8)]


@pytest.fixture(scope="module")
def worn(bones):
    return [film_geometry(bones, Settings(shape=WORN, framing=WHOLE), seed) for seed in range(8)]


def bodies(films):
    return [body for truth in films for body in truth.bodies if body.level != "S1"]


def test_sound_bodies_have_lost_nothing_and_carry_no_osteophytes(plain):
    for body in bodies(plain):
        assert body.loss_percent == pytest.approx(0.0)
        assert body.osteophyte_mm2 == pytest.approx(0.0)


def test_a_fracture_takes_height_where_its_type_says(worn):
    found = {kind: [] for kind in ("wedge", "biconcave", "crush")}
    for body in bodies(worn):
        if body.deformity in found:
            found[body.deformity].append(body.loss_percent)
    wedge, biconcave, crush = (np.mean(found[kind], axis=0) for kind in found)
    assert wedge[0] > wedge[1] > wedge[2]
    assert biconcave[1] > 15
    assert np.abs(biconcave[[0, 2]]).max() < 8
    assert crush.min() > 15


def test_osteophytes_have_an_area_at_their_corner(worn):
    areas = np.array([body.osteophyte_mm2 for body in bodies(worn)])
    assert (areas >= 0).all()
    assert (areas > 2).mean() > 0.6
    # spurs in front are longer
    assert areas[:, [0, 2]].mean() > 1.5 * areas[:, [1, 3]].mean()


def test_middles_lie_on_the_body_and_off_the_line_by_the_concavity(plain):
    for body in bodies(plain):
        if body.visible < 1:
            continue
        for k in (0, 1):
            a, b = body.corners[2 * k], body.corners[2 * k + 1]
            away = body.middles[k] - (a + b) / 2
            assert abs(away @ (a - b)) < 1e-6 * np.linalg.norm(a - b) ** 2
            inward = body.corners.mean(axis=0) - (a + b) / 2
            sunk = away @ inward / np.linalg.norm(inward)
            assert -0.06 < sunk / np.linalg.norm(a - b) < 0.25


def defined(name, at, middles):
    """The measure by :mod:`spinemorph.measure`; None where it is not one of these."""
    if name == "disc_height_middle":
        return geometry.disc_height_middle(*at, middles[0][1], middles[1][0])
    body = {
        "sacral_slope": geometry.sacral_slope,
        "vertebral_wedge": geometry.wedge_angle,
        "vertebral_depth_superior": lambda corners: geometry.vertebral_depths(corners)[0],
        "vertebral_depth_inferior": lambda corners: geometry.vertebral_depths(corners)[1],
        "vertebral_height_middle": lambda _: geometry.distance(*middles[0]),
    }.get(name)
    return None if body is None else body(at[0])


def test_true_measures_are_those_of_the_definitions(plain):
    """The same definitions, written twice."""
    checked = 0
    for truth in plain:
        flip = truth.spacing_mm * np.array([-1.0 if truth.facing == "left" else 1.0, -1.0])
        corners = {body.level: body.corners * flip for body in truth.bodies}
        middles = {body.level: body.middles * flip for body in truth.bodies}
        for name, levels, value in truth.measurements:
            if not set(levels) <= set(corners):
                continue
            at = [corners[level] for level in levels]
            mine = defined(name, at, [middles[level] for level in levels])
            if mine is not None:
                assert mine == pytest.approx(value), name
                checked += 1
    assert checked > 150


def test_a_disc_is_as_large_as_its_height_times_its_depth(plain):
    for truth in plain:
        values = {(name, levels): value for name, levels, value in truth.measurements}
        for (name, levels), area in values.items():
            if name == "disc_area_midline":
                height = np.mean(
                    [values[f"disc_height_{at}", levels] for at in ("anterior", "posterior")]
                )
                middle = values["disc_height_middle", levels]
                body = truth.at(levels[0])
                if body is not None:
                    depth = np.linalg.norm(body.corners[2] - body.corners[3]) * truth.spacing_mm
                    assert 0.7 * height * depth < area < 1.25 * max(middle, height) * depth + 20


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(-5, 0), (0, 0), (19.9, 0), (20, 1), (24.9, 1), (25, 2), (39.9, 2), (40, 3), (70, 3)],
)
def test_grades_after_genant(loss, expected):
    assert grade(loss) == expected


def test_truth_does_not_depend_on_whether_the_film_is_rendered(bones):
    settings = Settings(shape=WORN, framing=WHOLE)
    drawn = simulate_film(bones, settings, 5, (224, 144)).truth
    alone = film_geometry(bones, settings, 5, (224, 144))
    assert drawn.measurements == alone.measurements
    for body in drawn.bodies:
        other = alone.at(body.level)
        assert np.array_equal(body.osteophyte_mm2, other.osteophyte_mm2, equal_nan=True)
        assert np.array_equal(body.middles, other.middles, equal_nan=True)


def test_the_mid_section_is_one_of_the_depths_across_a_body(bones):
    settings = Settings(shape=WORN, framing=WHOLE)
    for seed in range(4):
        every = film_depths(bones, settings, seed)
        for body in film_geometry(bones, settings, seed).bodies:
            own = every[body.level]
            assert own.shape == (2, 5, 11)
            assert (
                np.diff(own, axis=2)[np.isfinite(own[:, :, 1:])] <= 0
            ).all()  # the deepest first
            for plate in (0, 1):
                ends, inside = body.corners[2 * plate : 2 * plate + 2], body.corners.mean(axis=0)
                if body.level == "S1":
                    assert np.isnan(own[1]).all()
                    continue
                along = ends[0] - ends[1]
                across = np.array([-along[1], along[0]]) / (along @ along)
                across *= np.sign(across @ (inside - ends[0]))
                depth = across @ (body.middles[plate] - ends.mean(axis=0))
                assert own[plate, 2].min() - 1e-3 <= depth <= own[plate, 2].max() + 1e-3
