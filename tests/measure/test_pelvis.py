"""Pelvic incidence, tilt and L1 pelvic angle: exact cases, and what is said without femoral heads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure import geometry
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.pelvis import Pelvis
from spinemorph.testing import draw_phantom
from spinemorph.types import LabeledSpine, Segmentation


def sacrum(slope, length=36.0):
    """S1 with its endplate's middle at the origin; anatomical axes."""
    half = length / 2 * np.array([np.cos(np.radians(slope)), -np.sin(np.radians(slope))])
    return np.array([half, -half, [np.nan] * 2, [np.nan] * 2])


def below(tilt, away=90.0):
    """The hip axis for a pelvic tilt in degrees."""
    return away * np.array([np.sin(np.radians(tilt)), -np.cos(np.radians(tilt))])


@given(slope=st.floats(0, 70), tilt=st.floats(-20, 45), away=st.floats(40, 150))
def test_incidence_is_slope_plus_tilt(slope, tilt, away):
    s1, hip = sacrum(slope), below(tilt, away)
    assert geometry.pelvic_tilt(s1, hip) == pytest.approx(tilt)
    assert geometry.pelvic_incidence(s1, hip) == pytest.approx(slope + tilt)


@given(turn=st.floats(-60, 60), scale=st.floats(0.1, 10))
def test_incidence_and_l1_angle_do_not_depend_on_pose(turn, scale):
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = scale * np.array([[cos, sin], [-sin, cos]])
    s1, hip, l1 = sacrum(40), below(12), sacrum(-12)[[0, 1, 0, 1]] + [8.0, 160.0]
    moved = [points @ turned + [5, 9] for points in (s1, hip, l1)]
    assert geometry.pelvic_incidence(*moved[:2]) == pytest.approx(52)
    assert geometry.l1_pelvic_angle(moved[2], *moved[:2]) == pytest.approx(
        geometry.l1_pelvic_angle(l1, s1, hip)
    )


@given(angle=st.floats(-20, 40))
def test_l1_angle_is_positive_when_l1_lies_in_front_of_the_line_to_the_sacrum(angle):
    s1, hip = sacrum(35), below(15)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    toward = -hip @ np.array([[cos, -sin], [sin, cos]])  # from the hip axis, turned forward
    l1 = hip + 2.4 * toward + np.array([[17.0, 13], [-17, 13], [17, -13], [-17, -13]])
    assert geometry.l1_pelvic_angle(l1, s1, hip) == pytest.approx(angle)


def measure(phantom, heads):
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, Segmentation(phantom.instances, phantom.facing))
    spine = LabeledSpine(
        spine.vertebrae, (), spine.numbering, spine.facing, spine.flags, femoral_heads=heads
    )
    provided = EndplatesAndCorners().process(film, spine, {}).provided
    found = Pelvis().process(film, spine, provided).measurements
    return {item.name: item for item in found}


def heads_of(phantom, tilt, apart=0.0):
    """Both femoral heads in pixels for a pelvic tilt, ``apart`` pixels from the hip axis."""
    corners = phantom.instances[-1].corners
    sign = -1 if phantom.facing == "left" else 1
    axis = corners[:2].mean(axis=0) + below(tilt, 160.0) * [sign, -1]
    return np.array([axis + [apart, 0.4 * apart], axis - [apart, 0.4 * apart]])


@pytest.mark.parametrize("facing", ["left", "right"])
def test_a_drawn_film_with_femoral_heads(facing):
    phantom = draw_phantom(facing=facing, lordosis=50, sacral_slope=38)
    found = measure(phantom, heads_of(phantom, 14.0, apart=12.0))
    assert found["pelvic_incidence"].value == pytest.approx(52, abs=0.01)
    assert found["pelvic_tilt"].value == pytest.approx(14, abs=0.01)
    assert found["pi_ll_mismatch"].value == pytest.approx(2, abs=0.01)
    assert "vertical_untrusted" in found["pelvic_tilt"].flags
    assert "vertical_untrusted" not in found["pelvic_incidence"].flags
    for item in found.values():
        low, high = item.interval95
        assert low < item.value < high
        assert 0.5 < high - low < 15


def test_one_head_stands_for_the_axis_and_is_flagged():
    phantom = draw_phantom()
    found = measure(phantom, heads_of(phantom, 10.0)[:1])
    assert found["pelvic_tilt"].value == pytest.approx(10, abs=0.01)
    assert all("one_femoral_head" in item.flags for item in found.values())
    both = measure(phantom, heads_of(phantom, 10.0))
    widths = [np.ptp(each["pelvic_tilt"].interval95) for each in (found, both)]
    assert widths[0] > widths[1]


def test_without_femoral_heads_the_reason_is_said_and_no_mismatch_is_claimed():
    found = measure(draw_phantom(), None)
    assert set(found) == {"pelvic_incidence", "pelvic_tilt", "l1_pelvic_angle"}
    assert {item.reason for item in found.values()} == {"no_femoral_heads"}


@pytest.mark.parametrize("heads", [np.zeros((0, 2)), np.zeros((3, 2)), [[1.0, np.nan]], [1.0, 2.0]])
def test_heads_that_are_none_are_refused(heads):
    with pytest.raises(ValueError, match="femoral_heads"):
        Segmentation((), femoral_heads=heads)
