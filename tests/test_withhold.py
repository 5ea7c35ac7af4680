"""What a flag forbids leaves no number behind, whoever measured it."""

from __future__ import annotations

import pytest

from spinemorph.flags import FLAGS, FORBIDS, forbids
from spinemorph.types import Measurement
from spinemorph.withhold import flags_of, withheld


def item(name="disc_area", levels=("L4", "L5"), unit="mm2", **more):
    more = {"value": 3.0, "label": "x", "interval95": (2.0, 4.0), **more}
    return Measurement(name, levels, more.pop("value"), unit, "d", **more)


def one(measurement, film=(), levels=None, scaled=True):
    (found,) = withheld([measurement], film, levels or {}, scaled=scaled)
    return found


def test_every_flag_that_forbids_has_words():
    assert set(FORBIDS) <= set(FLAGS)
    assert all(FORBIDS.values())


@pytest.mark.parametrize("flag", ["no_sacrum", "numbering_uncertain", "facing_unknown"])
def test_some_flags_of_the_film_forbid_every_measure_of_a_level(flag):
    found = one(item("my_plugin_measure", ("L4",), "1"), film=(flag,))
    assert (found.value, found.label, found.interval95, found.reason) == (None, None, None, flag)


def test_what_names_no_level_stays():
    whole = item("films_read", (), "1")
    assert one(whole, film=("no_sacrum", "numbering_uncertain")) == whole


def test_a_pattern_forbids_only_its_measures():
    assert forbids("blurred", "osteophyte_area")
    assert not forbids("blurred", "lumbar_lordosis")
    assert not forbids("implants_present", "lumbar_lordosis")
    assert one(item("disc_area"), film=("oblique_projection",)).reason == "oblique_projection"
    assert one(item("disc_angle", unit="deg"), film=("oblique_projection",)).value == 3.0


def test_flags_of_a_body_hold_for_every_measure_that_names_it():
    flags = {("L4",): ("cut_by_edge",), ("L3",): ("implant_hides",)}
    found = one(item("disc_area"), levels=flags)
    assert found.reason == "cut_by_edge"
    assert "cut_by_edge" in found.flags
    slip = one(item("slip", unit="mm"), levels=flags)
    assert slip.value == 3.0
    assert slip.flags == ("cut_by_edge",)
    assert one(item("slip", ("L1", "L2"), "mm"), levels=flags).flags == ()


def test_flags_of_a_segment_hold_for_that_segment_only():
    flags = {("L4", "L5"): ("fused_segment",)}
    narrowed = "disc_narrowing_neighbours"
    assert one(item(narrowed, unit="%"), levels=flags).reason == "fused_segment"
    assert one(item(narrowed, ("L3", "L4"), "%"), levels=flags).value == 3.0
    assert one(item("disc_height_middle", unit="mm"), levels=flags).flags == ("fused_segment",)
    assert flags_of(("L4",), flags) == ()


def test_a_plugin_cannot_give_millimetres_without_a_scale():
    assert one(item(unit="mm"), scaled=False).reason == "no_pixel_spacing"
    assert one(item(unit="deg"), scaled=False).value == 3.0


def test_a_replaced_body_is_the_reason_where_its_level_was_not_found():
    gone = item(value=None, label=None, interval95=None, reason="level_not_found")
    flags = {("L4",): ("body_replaced",)}
    assert one(gone, levels=flags).reason == "body_replaced"
    assert one(gone).reason == "level_not_found"
    other = item(value=None, label=None, interval95=None, reason="no_pixel_spacing")
    assert one(other, levels=flags).reason == "no_pixel_spacing"


def test_nothing_is_measured_of_a_body_that_an_implant_stands_for():
    flags = {("L4",): ("body_replaced",)}
    for name in ("disc_height_anterior", "vertebral_wedge", "slip", "screw_tip_depth"):
        found = one(item(name, unit="mm"), levels=flags)
        assert found.value is None
        assert found.reason == "body_replaced"
    assert one(item("disc_height_anterior", ("L2", "L3"), "mm"), levels=flags).value == 3.0


def test_the_reason_is_the_weightiest_flag():
    flags = {("L4",): ("cut_by_edge",)}
    assert one(item(), film=("oblique_projection", "no_sacrum"), levels=flags).reason == "no_sacrum"
