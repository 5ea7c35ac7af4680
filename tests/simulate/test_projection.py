"""Path lengths through closed surfaces and tubes, against chords worked out another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.projection import add_bone
from spinemorph.simulate.tubes import thread, tube

FAR = 1e7  # as good as a parallel beam


def camera(**changes):
    given_values = {
        "rows": 120,
        "columns": 120,
        "pixel_mm": 0.5,
        "source_to_object": FAR,
        "centre": (0.0, 0.0),
        "offset": (60.3, 59.6),
        "facing_left": False,
        "tilt": 0.0,
        "view": np.eye(3),
    }
    return Camera(**(given_values | changes))


def hull_of(points):
    """A convex closed mesh with its faces wound outward."""
    hull = ConvexHull(points)
    faces = hull.simplices.copy()
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces[inward] = faces[inward, ::-1]
    return points, faces.astype(np.int32), hull.equations


def drawn(view, points, faces, rotation=None):
    """Depth in mm of a solid body without a marrow, (rows, columns)."""
    turn = np.eye(3) if rotation is None else rotation
    place = Placed("L3", turn, np.zeros(3), np.zeros((4, 2)), 40.0)
    cortical = np.zeros((view.rows, view.columns), np.float32)
    spongy = np.zeros_like(cortical)
    add_bone(view, place, points, np.zeros_like(points), faces, cortical, spongy, 1.0, (1.0, 1.0))
    assert not spongy.any()
    return cortical


def chords(view, equations):
    """Depth of the part of each beam that satisfies every half-space a x + b <= 0."""
    x, z = view.plane_points()
    s = view.source_to_object
    # a beam: x(y) = centre + (x - centre) (s + y) / s, and so for z
    rise_x, rise_z = (x - view.centre[0]) / s, (z - view.centre[1]) / s
    near, far = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    outside = np.zeros(x.shape, bool)
    for a, b, c, d in equations:
        slope = a * rise_x + b + c * rise_z
        level = a * x + c * z + d
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = -level / slope
        far = np.where(slope > 1e-12, np.minimum(far, crossing), far)
        near = np.where(slope < -1e-12, np.maximum(near, crossing), near)
        outside |= (np.abs(slope) <= 1e-12) & (level > 0)
    return np.where(outside, 0, np.maximum(far - near, 0))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans(), st.floats(-0.5, 0.5))
def test_convex_body_has_its_exact_chords_and_leaves_no_streak(seed, facing_left, tilt):
    rng = np.random.default_rng(seed)
    points, faces, equations = hull_of(rng.uniform(-18, 18, (40, 3)))
    view = camera(facing_left=facing_left, tilt=tilt, offset=tuple(rng.uniform(50, 70, 2)))
    found, wanted = drawn(view, points, faces), chords(view, equations)
    assert found == pytest.approx(wanted, abs=0.02)
    assert np.abs(found[wanted == 0]).max() < 1e-3


@pytest.mark.parametrize("facing_left", [False, True])
def test_box_has_its_depth_everywhere(facing_left):
    corners = np.array([[x, y, z] for x in (-9, 11) for y in (-15, 15) for z in (-6, 8)], float)
    points, faces, equations = hull_of(corners)
    view = camera(facing_left=facing_left)
    found = drawn(view, points, faces)
    inside = chords(view, equations) > 0
    assert found[inside] == pytest.approx(30.0, rel=1e-4)
    assert np.abs(found[~inside]).max() < 1e-3
    assert inside.sum() * 0.25 == pytest.approx(20 * 14, rel=0.03)


@pytest.mark.parametrize("source_to_object", [800.0, 1600.0])
def test_sphere_in_a_cone_beam(source_to_object):
    n = 3000
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    unit = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    )
    points, faces, _ = hull_of(20 * unit)
    view = camera(source_to_object=source_to_object, centre=(12.0, -30.0))
    found = drawn(view, points, faces, Rotation.from_rotvec([0.3, 0.5, -0.2]).as_matrix())
    x, z = view.plane_points()
    # distance from the centre of the sphere to the beam
    beam = np.stack([x - 12.0, np.full(x.shape, source_to_object), z + 30.0], axis=-1)
    beam /= np.linalg.norm(beam, axis=-1, keepdims=True)
    start = np.stack([x, np.zeros_like(x), z], axis=-1)
    away = np.linalg.norm(start - (start * beam).sum(-1, keepdims=True) * beam, axis=-1)
    wanted = 2 * np.sqrt(np.maximum(20**2 - away**2, 0))
    core = away < 18
    assert found[core] == pytest.approx(wanted[core], rel=0.02)
    assert np.abs(found[away > 20.2]).max() < 1e-3


def test_a_body_across_the_border_is_cut_off_there_only():
    points, faces, equations = hull_of(np.random.default_rng(3).uniform(-18, 18, (40, 3)))
    view = camera(offset=(4.2, 117.7))
    assert drawn(view, points, faces) == pytest.approx(chords(view, equations), abs=0.02)


@pytest.mark.parametrize("tilt", [0.0, 0.4, -1.1])
@pytest.mark.parametrize("radius", [0.8, 3.1, 6.0])
def test_tube_has_the_chord_of_a_cylinder(radius, tilt):
    view = camera(tilt=tilt)
    path = np.array([[-20.0, 5.0, 1.0], [-3.0, 5.0, 1.0], [20.0, 5.0, 1.0]])
    rows, columns, depth = tube(view, path, radius)
    found = np.zeros((view.rows, view.columns), np.float32)
    found[rows, columns] = depth
    x, z = view.plane_points()
    middle = np.abs(x) < 15
    wanted = 2 * np.sqrt(np.maximum(radius**2 - (z - 1) ** 2, 0))
    assert found[middle] == pytest.approx(wanted[middle], abs=2e-2)
    assert not found[np.abs(x) > 20 + radius + 0.01].any()


def test_threads_change_the_radius_along_the_tube():
    view = camera()
    path = np.array([[-20.0, 0.0, 0.0], [20.0, 0.0, 0.0]])
    _, _, plain = tube(view, path, 3.0)
    _, _, threaded = tube(view, path, 3.0, thread(4.0, 0.3))
    assert threaded.max() == pytest.approx(plain.max(), rel=0.03)
    assert (threaded <= plain + 1e-5).all()
    crest = threaded.max(axis=0)[20:-20]
    assert crest.min() == pytest.approx(0.7 * crest.max(), rel=0.05)


def test_tube_beside_the_film_is_nothing():
    assert tube(camera(), np.array([[90.0, 0, 0], [120.0, 0, 0]]), 3.0) is None
