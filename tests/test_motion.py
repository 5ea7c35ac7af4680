"""Motion between flexion and extension on two studies of drawn films."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spinemorph.motion import SEGMENTS, against_limits, motion
from spinemorph.reference import motion_limits
from spinemorph.types import ImageInfo, Measurement, Numbering, PixelSpacing, Source, Study


def study(angle, slip, *, basis="user", half=1.0, reason=None):
    """A study with one disc angle and one slip at every segment."""

    def item(name, unit, levels, value):
        if reason is not None:
            return Measurement(name, levels, None, unit, "d", reason=reason)
        return Measurement(name, levels, value, unit, "d", interval95=(value - half, value + half))

    found = tuple(
        item(name, unit, levels, value)
        for levels in SEGMENTS
        for name, unit, value in (
            ("disc_angle", "deg", angle),
            ("slip", "mm", slip),
            ("slip_percent", "%", slip / 0.36),
        )
    )
    spacing = None if basis is None else PixelSpacing(0.2, 0.2, basis)
    image = ImageInfo(10, 10, "left", spacing)
    return Study(Source("f", ""), image, (), (), found, Numbering(1.0), (), {})


def at(found, name, levels=("L4", "L5")):
    return next(item for item in found if item.name == name and item.levels == levels)


def test_signs_and_intervals():
    found = motion(flexion=study(2.0, 5.4), extension=study(14.0, 1.8))
    assert len(found) == 3 * len(SEGMENTS)
    rotation = at(found, "motion_rotation")
    assert rotation.value == pytest.approx(12)
    assert rotation.interval95 == pytest.approx((12 - 2**0.5, 12 + 2**0.5), abs=0.001)
    assert at(found, "motion_translation").value == pytest.approx(3.6)
    assert at(found, "motion_translation_percent").value == pytest.approx(10.0)


def test_exchanged_films_change_every_sign():
    one, other = study(2.0, 5.4), study(14.0, 1.8)
    for forward, backward in zip(motion(one, other), motion(other, one), strict=True):
        assert forward.value == pytest.approx(-backward.value)


def test_what_is_missing_keeps_its_reason():
    found = motion(study(2, 1, reason="level_not_found"), study(3, 2))
    assert {item.reason for item in found} == {"level_not_found"}
    empty = replace(study(2, 1), measurements=())
    assert {item.reason for item in motion(study(2, 1), empty)} == {"level_not_found"}


def test_millimetres_of_two_kinds_are_not_compared():
    found = motion(study(2, 1), study(3, 2, basis="detector"))
    assert at(found, "motion_translation").reason == "scales_differ"
    assert at(found, "motion_translation_percent").value is not None


@pytest.mark.parametrize(
    ("value", "interval", "verdict"),
    [(14, (11, 17), "above"), (4, (2, 6), "below"), (9, (6, 12), "uncertain")],
)
def test_a_limit_is_judged_by_the_interval(value, interval, verdict):
    for sign in (1, -1):
        low, high = sorted(sign * x for x in interval)
        item = Measurement(
            "motion_rotation", ("L1", "L2"), sign * value, "deg", "d", interval95=(low, high)
        )
        (compared,) = against_limits(item)  # above L2 only the one limit for all levels was read
        assert compared.limit.limit == 10.0
        assert compared.verdict == verdict


def test_the_sources_disagree_and_all_are_quoted():
    limits = motion_limits("motion_rotation", ("L4", "L5"))
    assert {limit.limit for limit in limits} == {10.0, 18.79}
    assert {limit.limit for limit in motion_limits("motion_translation", ("L4", "L5"))} == {
        3.0,
        4.5,
    }
    assert all(limit.source and limit.population for limit in limits)


def test_no_motion_has_no_verdict():
    item = Measurement("motion_rotation", ("L4", "L5"), None, "deg", "d", reason="level_not_found")
    assert against_limits(item) == ()
