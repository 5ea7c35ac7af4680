"""Later films of the same patient."""

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import film_geometry, simulate_film
from spinemorph.simulate.followup import (
    SegmentChange,
    Visit,
    changed,
    follow_up_geometry,
    simulate_follow_up,
)
from spinemorph.simulate.implants import ImplantPlan, ImplantSettings
from spinemorph.simulate.settings import Settings

SEED, SIZE = 5, (360, 240)
PLAIN = Settings(implants=ImplantSettings(operated=0.0))
PLAIN = replace(PLAIN, framing=replace(PLAIN.framing, above_sacrum=0.0, ap_view=0.0))


@pytest.fixture(scope="module")
def parametric():
    return load_anatomy(None)


PLAN = ImplantPlan(screws=("L4", "L5"), cages=("L4",))


def values(truth):
    return {(name, levels): value for name, levels, value in truth.measurements}


def at_rest(number, **changes):
    return Visit(number, roll_yaw_sd=0.0, **changes)


def test_the_same_visit_gives_the_same_film(parametric):
    one, two = (simulate_follow_up(parametric, PLAIN, SEED, Visit(1), SIZE) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)


def test_another_visit_is_another_picture_of_the_same_bones(parametric):
    first = simulate_film(parametric, PLAIN, SEED, SIZE)
    later = simulate_follow_up(parametric, PLAIN, SEED, at_rest(1), SIZE)
    assert not np.array_equal(first.pixels, later.pixels)
    before, after = values(first.truth), values(later.truth)
    key = ("lumbar_lordosis", ("L1", "S1"))
    assert after[key] == pytest.approx(before[key], abs=1.5)  # the beam's centre moved
    assert after["vertebral_height_anterior", ("L3",)] == pytest.approx(
        before["vertebral_height_anterior", ("L3",)], rel=0.03
    )


def test_the_geometry_is_that_of_the_film(parametric):
    visit = Visit(2, (SegmentChange("L4", 3.0, 5.0),))
    film = simulate_follow_up(parametric, PLAIN, SEED, visit, SIZE)
    fast = follow_up_geometry(parametric, PLAIN, SEED, visit, SIZE)
    assert values(film.truth) == pytest.approx(values(fast))


def test_an_operation_changes_its_segment_by_what_was_asked_for(parametric):
    rest = values(follow_up_geometry(parametric, PLAIN, SEED, at_rest(3)))
    change = SegmentChange("L4", height_mm=3.0, angle_deg=6.0, slip_mm=2.0)
    after = values(follow_up_geometry(parametric, PLAIN, SEED, at_rest(3, surgery=(change,))))
    segment = ("L4", "L5")
    assert after["disc_angle", segment] - rest["disc_angle", segment] == pytest.approx(6.0, abs=0.3)
    mean = [
        np.mean([v["disc_height_anterior", segment], v["disc_height_posterior", segment]])
        for v in (rest, after)
    ]
    assert mean[1] - mean[0] == pytest.approx(3.0, abs=0.3)
    assert after["slip", segment] - rest["slip", segment] == pytest.approx(2.0, abs=0.5)
    whole = ("lumbar_lordosis", ("L1", "S1"))
    assert after[whole] - rest[whole] == pytest.approx(6.0, abs=0.4)
    for other in (("L3", "L4"), ("L5", "S1")):
        assert after["disc_angle", other] == pytest.approx(rest["disc_angle", other], abs=0.3)


def test_the_sacrum_stays_and_what_stands_above_moves_as_one(parametric):
    from spinemorph.simulate.film import _scene

    placed = _scene(parametric, PLAIN, np.random.default_rng(SEED), SIZE)[1]
    now = changed(placed, (SegmentChange("L3", 2.0, 4.0),))
    for level in ("S1", "L5", "L4"):
        assert np.array_equal(now[level].origin, placed[level].origin)
    before = np.linalg.norm(placed["L1"].origin - placed["L3"].origin)
    assert np.linalg.norm(now["L1"].origin - now["L3"].origin) == pytest.approx(before)


def test_implants_are_new_and_keep_their_place_when_the_disc_settles(parametric):
    change = (SegmentChange("L4", 4.0),)
    post = simulate_follow_up(parametric, PLAIN, SEED, at_rest(1, surgery=change, plan=PLAN), SIZE)
    later = simulate_follow_up(
        parametric,
        PLAIN,
        SEED,
        at_rest(1, surgery=change, settled=(SegmentChange("L4", -3.0),), plan=PLAN),
        SIZE,
    )
    assert {i.category for i in post.truth.implants} >= {"cage", "screw"}

    def cage(film):
        found = next(i for i in film.truth.implants if i.category == "cage")
        return np.array([found.box.bottom - found.box.top, found.box.right - found.box.left])

    assert np.abs(cage(post) - cage(later)).max() <= 3  # pixels: the cage is as high as it was


def test_films_of_before_stay_as_they_were(parametric):
    truth = film_geometry(parametric, PLAIN, SEED, SIZE)
    assert values(simulate_film(parametric, PLAIN, SEED, SIZE).truth) == pytest.approx(
        values(truth)
    )
