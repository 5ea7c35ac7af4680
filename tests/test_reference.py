"""Published values: chosen by level, sex, age and scale, and never without their source."""

from __future__ import annotations

import pytest

from spinemorph.reference import reference_data, reference_mean, reference_range


def test_every_row_names_its_source_and_whom_it_was_measured_in():
    data = reference_data()
    for part in ("ranges", "means", "quoted", "instability"):
        assert data[part]
        for row in data[part]:
            assert row["source"].strip()
            assert row["population"].strip()
    for row in data["ranges"]:
        assert row["low"] < row["high"]
        assert row["method"]
        if "mean" in row and "sd" in row:
            assert row["low"] == pytest.approx(row["mean"] - 2 * row["sd"], abs=0.06)
            assert row["high"] == pytest.approx(row["mean"] + 2 * row["sd"], abs=0.06)
    for row in data["quoted"]:
        assert row["why_not_compared"]


def test_no_two_ranges_are_for_the_same_people():
    keys = [
        (row["name"], tuple(row["levels"]), row.get("sex"), tuple(row.get("ages", ())))
        for row in reference_data()["ranges"]
    ]
    assert len(keys) == len(set(keys))


def test_sex_decides_where_the_source_has_it_and_is_needed_there():
    name, levels = "vertebral_depth_superior", ("L5",)
    woman = reference_range(name, levels, "F", scale="calibrated")
    man = reference_range(name, levels, "M", scale="calibrated")
    assert woman.mean == 33.3
    assert man.mean == 37.1
    assert reference_range(name, levels, None, scale="calibrated") is None


def test_millimetres_of_another_kind_are_not_compared():
    name, levels = "vertebral_depth_superior", ("L5",)
    assert reference_range(name, levels, "F", scale="detector") is None
    assert reference_range(name, levels, "F") is None
    assert reference_mean("disc_height_dabbs", ("L4", "L5"), "calibrated") is None
    assert reference_mean("disc_height_dabbs", ("L4", "L5"), "detector").mean == pytest.approx(
        13.07
    )


def test_an_age_outside_the_source_has_no_range():
    name, levels = "lower_lordosis", ("L4", "S1")
    assert reference_range(name, levels) is not None
    assert reference_range(name, levels, age=45) is not None
    assert reference_range(name, levels, age=12) is None


def test_units_of_body_and_disc_are_for_their_own_definition():
    assert reference_range("segmental_lordosis_unit", ("L3", "L4")).mean == 9.1
    assert reference_range("segmental_lordosis", ("L3", "L4")) is None
    assert reference_range("disc_angle", ("L3", "L4")) is None
    units = [row for row in reference_data()["ranges"] if row["name"] == "segmental_lordosis_unit"]
    assert sum(row["mean"] for row in units) == pytest.approx(50.5)
