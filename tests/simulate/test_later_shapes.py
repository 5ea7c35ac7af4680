"""Shapes and shells that the training films have and the frozen test films have not."""

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.bones import BoneSettings
from spinemorph.simulate.cortex import Cortex, cortex
from spinemorph.simulate.film import film_geometry, simulate_film
from spinemorph.simulate.meshes import CORTEX_MIDDLE, Placed
from spinemorph.simulate.pose import PoseSettings
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.shape import ShapeSettings, _lip, shape_bones

PLAIN = ShapeSettings(
    fracture=0.0, osteophyte_film=0.0, concave=0.0, sacral_dome=0.0, warp_mm=0.0, sacral_warp_mm=0.0
)


@pytest.fixture(scope="module")
def bones():
    return load_anatomy(None)


def shaped(bones, **changes):
    settings = replace(PLAIN, **changes)
    return shape_bones(bones, np.full(5, 28.0), np.random.default_rng(4), settings)


def top(bone):
    """Height of the upper surface above its corners near the middle, mm."""
    x, y, z = bone.vertices.T
    near = (np.abs(x) < 4) & (np.abs(y) < 4)
    return z[near].max() - bone.corners[:2, 1].mean()


def test_a_dysplastic_sacrum_is_rounded_and_l5_low_behind(bones):
    plain, changed = shaped(bones), shaped(bones, dysplastic=1.0)
    assert changed["S1"].deformity == "dysplastic"
    assert top(changed["S1"]) > top(plain["S1"]) + 1.5
    heights = np.abs(np.diff(changed["L5"].corners[[1, 3], 1]))
    front = np.abs(np.diff(changed["L5"].corners[[0, 2], 1]))
    assert heights < front


def mean_slip(bones, shape):
    """Mean slip of L5 on S1 over 16 films without any other slip, mm."""
    still = PoseSettings(slip=(0.0, 0.0), severe_slip=0.0, roll_yaw_sd=0.0, rotated_patient=0.0)
    truths = [film_geometry(bones, Settings(pose=still, shape=shape), seed) for seed in range(16)]
    values = [
        value
        for truth in truths
        for name, levels, value in truth.measurements
        if (name, levels) == ("slip", ("L5", "S1"))
    ]
    return np.mean(values)


def test_a_dysplastic_l5_slips_forward(bones):
    assert mean_slip(bones, replace(PLAIN, dysplastic=1.0)) > mean_slip(bones, PLAIN) + 2.5


def test_a_lip_stands_out_at_the_rim_and_not_in_the_middle():
    half = np.array([17.0, 22.0, 13.0])
    points = np.array(
        [[16.0, 0, 13.0], [0, 0, 13.0], [16.0, 0, 0], [-16.0, 0, -13.0], [-60.0, 0, 13.0]]
    )
    moved = _lip(np.array([2.0, 1.0]), half)(points) - points
    assert moved[0, 2] > 1.5
    assert moved[3, 2] < -0.7
    assert np.abs(moved[[1, 2, 4]]).max() < 1e-3
    assert np.abs(moved[:, :2]).max() == 0


def test_sclerosis_thickens_one_endplate_only(bones):
    bone = shaped(bones)["L4"]
    plain = cortex(bone, np.random.default_rng(0), Cortex(0.5, 0.8, 1.0))
    thick = cortex(bone, np.random.default_rng(0), Cortex(0.5, 0.8, 1.0, sclerosis=(3.0, 0.0)))
    more = np.linalg.norm(thick - bone.vertices, axis=1) - np.linalg.norm(
        plain - bone.vertices, axis=1
    )
    upper = bone.body & (bone.vertices[:, 2] > 0)
    assert more[upper].max() > 1.4
    assert np.abs(more[~upper & bone.body]).max() < 0.4


def test_uneven_cortex_varies_over_the_bone(bones):
    bone = shaped(bones)["L4"]
    even, uneven = (
        np.linalg.norm(
            cortex(bone, np.random.default_rng(0), Cortex(0.5, 0.5, 0.5, uneven)) - bone.vertices,
            axis=1,
        )
        for uneven in (0.0, 0.5)
    )
    assert np.log(uneven).std() > 2 * np.log(even).std()
    assert uneven.min() > 0


def test_a_film_with_all_of_it_is_reproducible(bones):
    settings = Settings(
        shape=ShapeSettings(dysplastic=1.0, lip_mm=2.0, concavity_behind=0.4),
        bones=BoneSettings(own_cortex_sd=0.2, uneven_cortex=0.4, sclerosis=0.5),
    )
    first, again = (simulate_film(bones, settings, 3, (256, 160)) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    other = simulate_film(bones, Settings(), 3, (256, 160))
    assert not np.array_equal(first.pixels, other.pixels)


def test_a_reader_marks_the_middle_of_the_cortex():
    corners = np.array([[17.0, 14.0], [-17.0, 14.0], [17.0, -14.0], [-17.0, -14.0]])
    turn = np.eye(3)
    body = Placed("L3", turn, np.zeros(3), corners, 40.0)
    inside = np.abs(body.corner_points()) - np.abs(body.read_points())
    assert np.allclose(inside[:, [0, 2]], CORTEX_MIDDLE)
    marked = Placed("L3", turn, np.zeros(3), corners, 40.0, corners - 1)
    assert np.allclose(marked.read_points()[:, [0, 2]], corners - 1)


def test_the_promontory_is_marked_at_the_apex_of_its_curve(bones):
    sacrum = bones.sacrum
    depth = sacrum.corners[0, 0] - sacrum.corners[1, 0]
    assert np.array_equal(sacrum.marks[1], sacrum.corners[1])
    assert np.isnan(sacrum.marks[2:]).all()
    moved = sacrum.marks[0] - sacrum.corners[0]
    assert np.linalg.norm(moved) < 0.15 * depth
    assert moved[0] < 0
    outline = sacrum.outlines[len(sacrum.outlines) // 2][:, [0, 2]]
    assert np.linalg.norm(outline - sacrum.marks[0], axis=1).min() < 1.0
