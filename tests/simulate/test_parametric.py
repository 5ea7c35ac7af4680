from dataclasses import replace

import numpy as np
import pytest

from spinemorph.simulate.implicit import Solid, outward, volume
from spinemorph.simulate.parametric import MEASURES, parametric_anatomy, vertebra_mesh
from spinemorph.simulate.sections import most_anterior, section


@pytest.fixture(scope="module")
def anatomy():
    return parametric_anatomy()


def every_bone(anatomy):
    vertebrae = [bone for shapes in anatomy.vertebrae.values() for bone in shapes]
    return [*vertebrae, anatomy.sacrum, anatomy.pelvis]


def test_every_surface_is_closed_and_wound_outward(anatomy):
    for bone in every_bone(anatomy):
        edges = np.concatenate([bone.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        forward = set(map(tuple, edges.tolist()))
        assert len(forward) == len(edges)  # no edge is walked twice in one direction
        assert {(b, a) for a, b in forward} == forward  # and each once in the other
        assert volume(bone.vertices, bone.faces) > 0


def test_bones_are_light_enough_to_project(anatomy):
    for shapes in anatomy.vertebrae.values():
        assert len(shapes) == 2
        assert all(1500 < len(bone.faces) <= 3500 for bone in shapes)
    assert len(anatomy.sacrum.faces) <= 7000
    assert len(anatomy.pelvis.faces) <= 7000


def test_it_is_made_once_and_the_seed_changes_only_the_second_shape(anatomy):
    assert parametric_anatomy() is anatomy
    other = parametric_anatomy(5)
    for level in MEASURES:
        first, second = anatomy.vertebrae[level]
        assert np.array_equal(first.vertices, other.vertebrae[level][0].vertices)
        assert not np.array_equal(second.vertices, other.vertebrae[level][1].vertices)


@pytest.mark.parametrize("level", MEASURES)
def test_the_corners_are_those_of_the_surface(anatomy, level):
    for bone in anatomy.vertebrae[level]:
        outline = most_anterior(section(bone.vertices, bone.faces, 0.0))
        points = np.asarray(outline.exterior.coords)
        for corner in bone.corners:
            # the rim is rounded, and the posterior wall a little hollow in its middle
            assert np.linalg.norm(points - corner, axis=1).min() < 1.8
        body = bone.vertices[bone.body]
        assert body[:, 0].max() == pytest.approx(bone.corners[[0, 2], 0].max(), abs=1.0)
        assert np.ptp(body[:, 2]) == pytest.approx(np.ptp(bone.corners[:, 1]), abs=1.5)


def test_sizes_run_down_the_column_as_they_should(anatomy):
    first = {level: shapes[0] for level, shapes in anatomy.vertebrae.items()}
    widths = [np.ptp(bone.vertices[bone.vertices[:, 0] > 5, 1]) for bone in first.values()]
    assert widths == sorted(widths)
    wedge = {
        level: np.ptp(bone.corners[[0, 2], 1]) - np.ptp(bone.corners[[1, 3], 1])
        for level, bone in first.items()
    }
    assert wedge["L1"] < 0 < wedge["L5"]  # L1 is lower in front, L5 behind
    assert [wedge[level] for level in MEASURES] == sorted(wedge.values())
    tips = [bone.vertices[:, 0].min() for bone in first.values()]
    assert all(-80 < tip < -58 for tip in tips)


def test_a_vertebra_has_a_canal_behind_its_body(anatomy):
    bone = anatomy.vertebrae["L3"][0]
    # a line down the canal meets no bone at the height of the pedicles
    cut = section(bone.vertices[:, [0, 2, 1]], bone.faces[:, ::-1], 5.0)
    x = -17.5 - 8
    assert not any(polygon.buffer(0).contains(_point(x, 0.0)) for polygon in _solids(cut))
    assert any(polygon.contains(_point(0.0, 0.0)) for polygon in cut)


def _point(x, y):
    from shapely.geometry import Point

    return Point(x, y)


def _solids(polygons):
    """Sections of a ring come as the outer contour and the hole in it: take holes away."""
    ordered = sorted(polygons, key=lambda polygon: polygon.area, reverse=True)
    return [ordered[0].difference(ordered[1])] if len(ordered) > 1 else ordered


def test_measures_move_the_surface():
    wide = vertebra_mesh(replace(MEASURES["L2"], width=54.0), spacing=2.0)
    plain = vertebra_mesh(MEASURES["L2"], spacing=2.0)
    front = [bone.vertices[bone.vertices[:, 0] > 5, 1] for bone in (wide, plain)]
    assert np.ptp(front[0]) - np.ptp(front[1]) == pytest.approx(54.0 - 44.5, abs=1.5)


def test_the_sacrum_hangs_below_its_endplate(anatomy):
    sacrum = anatomy.sacrum
    assert sacrum.corners[:2].tolist() == [[16.5, 0.0], [-16.5, 0.0]]
    assert np.isnan(sacrum.corners[2:]).all()
    middle = sacrum.vertices[np.abs(sacrum.vertices[:, 1]) < 12]
    plate = middle[(np.abs(middle[:, 0]) < 14) & (middle[:, 2] > -5)]
    assert plate[:, 2].max() < 1.0
    assert np.ptp(sacrum.vertices[:, 1]) == pytest.approx(120, abs=12)
    assert sacrum.body.any()
    assert not sacrum.body.all()


def test_the_pelvis_is_symmetric_and_stands_at_a_normal_incidence(anatomy):
    pelvis = anatomy.pelvis.vertices
    assert pelvis[:, 1].max() == pytest.approx(-pelvis[:, 1].min(), abs=2)
    # the heads: spheres of 23.5 mm whose axis makes the pelvic incidence with the S1 normal
    best = _sphere_centre(pelvis[pelvis[:, 1] > 0], 23.5)
    incidence = np.rad2deg(np.arctan2(best[0], -best[2]))
    assert 40 < incidence < 65


def _sphere_centre(points, radius):
    """The place around which the most points lie ``radius`` away, on a grid of 3 mm."""
    centres = np.stack(
        np.meshgrid(np.arange(70, 110, 3), np.arange(76, 100, 3), np.arange(-90, -45, 3)), -1
    ).reshape(-1, 3)
    hits = [
        (np.abs(np.linalg.norm(points - centre, axis=1) - radius) < 1.5).sum() for centre in centres
    ]
    assert max(hits) > 60
    return centres[int(np.argmax(hits))]


def test_a_solid_of_one_bar_is_a_capsule():
    solid = Solid((-12.0, -12, -22), (12.0, 12, 22), 1.0)
    solid.bar((0, 0, -10), (0, 0, 10), (6.0, 6.0), blend=1.0)
    vertices, faces = solid.surface()
    true = np.pi * 36 * 20 + 4 / 3 * np.pi * 216
    assert volume(vertices, faces) == pytest.approx(true, rel=0.03)
    solid.bar((0, 0, -30), (0, 0, 30), (3.0, 3.0), blend=0.1, take=True)
    drilled, cells = solid.surface()
    assert volume(drilled, cells) == pytest.approx(true - np.pi * 9 * 31, rel=0.05)


def test_outward_turns_what_is_inside_out():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    assert volume(vertices, faces) == pytest.approx(-1 / 6)
    assert volume(vertices, outward(vertices, faces)) == pytest.approx(1 / 6)
