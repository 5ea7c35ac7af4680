from dataclasses import replace

import numpy as np
import pytest

from spinemorph.simulate.outline import column, lungs, make_grid, superellipse, trunk
from spinemorph.simulate.tissue import TissueSettings, soft_tissue

#: Nothing but the trunk: no lung, content at its least, nothing on the skin.
BARE = TissueSettings(
    thin_probability=0,
    obese_probability=0,
    lung_probability=0,
    gas_probability=0,
    stool_probability=0,
    fold_probability=0,
    fat_plane_probability=0,
    aorta_probability=0,
    limb_probability=0,
    hip_probability=0,
    muscle_amount=(0, 0),
    clutter_amount=(0, 0),
    streak_sheets=(0, 0),
    attenuation=(0.01, 0.01),
)


DEFAULT = TissueSettings()


def made(camera, bones, settings=DEFAULT, seed=7, view="lateral"):
    return soft_tissue(camera, bones, np.random.default_rng(seed), settings, view)


@pytest.mark.parametrize("view", ["lateral", "ap"])
def test_the_same_seed_gives_the_same_tissue(camera, bones, ap_view, view):
    film = camera(view=ap_view) if view == "ap" else camera()
    first, again = made(film, bones, view=view), made(film, bones, view=view)
    assert first.shape == (256, 192)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert (first == again).all()
    assert (first != made(film, bones, seed=8, view=view)).any()


def test_line_integrals_are_those_of_a_trunk(camera, bones):
    chords = [made(camera(), bones, BARE, seed)[120, 96] / 0.01 for seed in range(12)]
    # a beam through L3 crosses 275-370 mm of patient, less what the waist takes, part of it fat
    assert min(chords) > 180
    assert max(chords) < 450


def test_there_is_air_behind_the_skin(camera, bones):
    far_back = camera(offset=(20.0, 120.0))  # anterior is left: the right side lies behind
    image = made(far_back, bones, BARE)
    assert (image[:, -3:] == 0).all()
    assert image[120, 20] > 1


def test_facing_mirrors_the_trunk(camera, bones):
    chords = []
    for left in (True, False):
        film = camera(offset=(95.5, 120.0), facing_left=left)
        rng = np.random.default_rng(4)
        grid = make_grid(film, 2)
        chords.append(trunk(grid, column(film, bones), rng, BARE.trunk, 1.0, "lateral").inner)
    assert np.allclose(chords[0][:, ::-1], chords[1], atol=0.05)
    assert not np.allclose(chords[0], chords[1], atol=5)


def test_attenuation_scales_the_trunk(camera, bones):
    once = made(camera(), bones, BARE)
    twice = made(camera(), bones, replace(BARE, attenuation=(0.02, 0.02)))
    assert np.allclose(twice, 2 * once, rtol=1e-3, atol=1e-4)


def test_an_obese_patient_absorbs_more_than_a_thin_one(camera, bones):
    thin = made(camera(), bones, replace(BARE, thin_probability=1))
    obese = made(camera(), bones, replace(BARE, obese_probability=1))
    assert obese[120, 96] > 1.25 * thin[120, 96]


def test_hips_are_dense_below_the_sacrum_only(camera, bones):
    dense = replace(BARE, hip_probability=1, hip_amount=(1.0, 1.0), hip_reach=(80, 80))
    added = made(camera(), bones, dense) - made(camera(), bones, BARE)
    below = camera().project(np.array([[20.0, 0, -170.0]]))[0].astype(int)
    assert added[below[1], below[0]] > 0.3
    assert added[:80].max() < 0.05


def test_lungs_are_clear_above_the_domes(camera, bones):
    film = camera(pixel_mm=2.4, offset=(96.0, 170.0))
    grid, spine = make_grid(film, 2), column(film, bones)
    rng = np.random.default_rng(2)
    body = trunk(grid, spine, rng, BARE.trunk, 1.0, "lateral")
    chord, part = lungs(grid, spine, body, rng, BARE.lungs, "lateral")
    assert chord.min() >= 0
    assert part.min() >= 0
    assert part.max() <= 1
    assert part[grid.z > spine.l1 + 220].max() > 0.4
    front_and_low = (grid.z < spine.l1 - 30) & (grid.x > spine.x_at(spine.l1))
    assert part[front_and_low].max() == 0


def test_fat_lies_outside_the_inner_wall(camera, bones):
    film = camera()
    grid, spine = make_grid(film, 2), column(film, bones)
    body = trunk(grid, spine, np.random.default_rng(0), BARE.trunk, 1.0, "lateral")
    assert (body.inner <= body.outer).all()
    assert ((body.outer > 0) & (body.inner == 0)).any()
    assert ((np.abs(body.u) > 1) == (body.outer == 0)).mean() > 0.995


def test_the_column_goes_on_where_the_film_has_no_bone(camera, bones):
    whole = column(camera(), bones)
    lumbar = column(camera(), [bone for bone in bones if bone.level in {"L2", "L3", "L4"}])
    assert lumbar.l1 == pytest.approx(whole.l1, abs=25)
    assert lumbar.s1 == pytest.approx(whole.s1, abs=25)
    assert np.isfinite(lumbar.x_at(np.array([-900.0, 0.0, 900.0]))).all()
    one = column(camera(), bones[5:6])
    assert one.l1 > one.s1


def test_superellipse_of_two_is_a_circle():
    u = np.linspace(-1.5, 1.5, 31, dtype=np.float32)
    circle = np.sqrt(np.clip(1 - u**2, 0, 1))
    assert superellipse(u, 2.0) == pytest.approx(circle, abs=1e-3)


def test_a_trunk_needs_a_bone_and_a_known_view(camera, bones):
    with pytest.raises(ValueError, match="no bone"):
        made(camera(), [])
    with pytest.raises(ValueError, match='"lateral" or "ap"'):
        made(camera(), bones, view="oblique")
