import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.simulate.implants import ImplantPlan, ImplantSettings, implants, plan_implants
from spinemorph.simulate.meshes import Camera, Placed

LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5", "S1")
METAL = 0.5
SETTINGS = ImplantSettings(operated=1.0, metal=(METAL, METAL))
CAMERA = Camera(
    400, 200, 0.8, 1000.0, (0.0, 0.0), (100.0, 180.0), facing_left=True, tilt=0.05, view=np.eye(3)
)


def column():
    """A straight stack of bodies 34 mm deep and 27 mm high, 9 mm apart."""
    corners = np.array([[17, 13.5], [-17, 13.5], [17, -13.5], [-17, -13.5]])
    stack = []
    for k, level in enumerate(("T9", "T10", "T11", *LEVELS)):
        own = corners.copy()
        if level == "S1":
            own = np.array([[17, 0], [-17, 0], [np.nan, np.nan], [np.nan, np.nan]])
        stack.append(Placed(level, np.eye(3), np.array([0.0, 0.0, (5 - k) * 36.0]), own, 46.0))
    return stack


@given(st.integers(0, 10**9), st.integers(4, 7))
def test_plans_name_levels_that_can_carry_them(seed, count):
    levels = LEVELS[-count:]
    plan = plan_implants(np.random.default_rng(seed), SETTINGS, levels)
    everything = (plan.screws, plan.cages, plan.cemented, plan.replaced, plan.plated)
    assert any(everything)
    for part in everything:
        assert set(part) <= set(levels)
        assert len(set(part)) == len(part)
    # a cage and a plate need a level below; cement and replacement a body with a level below
    for part in (plan.cages, plan.plated, plan.cemented, plan.replaced):
        assert "S1" not in part
    assert levels[0] not in plan.replaced
    assert not set(plan.replaced) & set(plan.screws)
    order = [levels.index(level) for level in plan.screws]
    assert order == sorted(order)


def test_nobody_is_operated_where_the_settings_say_so():
    never = ImplantSettings(operated=0.0)
    plans = [plan_implants(np.random.default_rng(seed), never, LEVELS) for seed in range(50)]
    assert set(plans) == {ImplantPlan()}


@pytest.mark.parametrize("seed", range(4))
def test_masks_cover_what_was_drawn(seed):
    plan = ImplantPlan(("L3", "L4", "L5"), ("L3", "L5"), ("L1",), ("T12",), ("L4",))
    total, truth = implants(CAMERA, column(), plan, np.random.default_rng(seed), SETTINGS)
    covered = np.zeros(total.shape, bool)
    for implant in truth:
        assert implant.mask.any(axis=1)[[0, -1]].all()  # the box is tight
        assert implant.mask.any(axis=0)[[0, -1]].all()
        assert (total[implant.box.slices][implant.mask] > 0).all()
        covered |= np.pad(
            implant.mask,
            (
                (implant.box.top, total.shape[0] - implant.box.bottom),
                (implant.box.left, total.shape[1] - implant.box.right),
            ),
        )
    assert total[covered].sum() > 0.99 * total.sum()
    # outside only the thinnest rims: less than 0.6 mm of each part
    assert total[~covered].max() < 2 * 0.6 * 2.5 * METAL


def test_every_planned_implant_is_in_the_truth():
    plan = ImplantPlan(("L3", "L4", "L5"), ("L3",), ("L1",), ("T12",), ("L4",))
    _, truth = implants(CAMERA, column(), plan, np.random.default_rng(2), SETTINGS)
    found = {(implant.category, implant.levels) for implant in truth}
    assert found == {
        ("screw", ("L3",)),
        ("screw", ("L4",)),
        ("screw", ("L5",)),
        ("rod", ("L3", "L4", "L5")),
        ("cage", ("L3", "L4")),
        ("plate", ("L4", "L5")),
        ("cement", ("L1",)),
        ("body_replacement", ("T12",)),
    }


def test_screws_lie_in_their_bodies_and_cages_between_them():
    plan = ImplantPlan(screws=("L4", "L5"), cages=("L4",))
    at = {bone.level: CAMERA.project(bone.origin[None])[0, :2] for bone in column()}
    _, truth = implants(CAMERA, column(), plan, np.random.default_rng(5), SETTINGS)
    for implant in truth:
        rows = np.nonzero(implant.mask)[0] + implant.box.top
        wanted = np.mean([at[level][1] for level in implant.levels])
        if implant.category in {"screw", "cage"}:
            assert rows.mean() == pytest.approx(wanted, abs=14 / CAMERA.pixel_mm)
