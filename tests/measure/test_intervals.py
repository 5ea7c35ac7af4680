"""Factors of intervals: from the file, by route, with a rest for measures it does not name."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from spinemorph.measure import intervals
from spinemorph.measure.landmarks import DRAWS, BodyLandmarks, Landmarks
from spinemorph.measure.values import Quantity
from spinemorph.types import PixelSpacing


@pytest.fixture
def stored(monkeypatch):
    table = {"masks": {"slip": 0.5, "any": 0.8}, "model": {"slip": 2.0}}
    monkeypatch.setattr(intervals, "_factors", lambda: table)


def test_factors_by_measure_and_route(stored):
    assert intervals.factor("slip", "masks") == 0.5
    assert intervals.factor("slip", "model") == 2.0
    assert intervals.factor("unheard_of", "masks") == 1.0
    assert intervals.factor("unheard_of", "model") == 1.0
    assert intervals.factor("slip", "given") == 1.0


def marks(*routes):
    bodies = tuple(
        BodyLandmarks(
            level,
            "lumbar",
            1.0,
            np.zeros((3, 2)),
            np.zeros((4, 2)),
            np.zeros((4, 2, 2)),
            np.zeros((2, 2)),
            0.0,
            np.zeros((1 + DRAWS, 4, 2)),
            np.zeros((1 + DRAWS, 2, 2)),
            route=route,
        )
        for level, route in zip(("L3", "L4"), routes, strict=True)
    )
    return Landmarks(bodies, "left", 1.0, PixelSpacing(1, 1, "user"))


def test_a_value_that_a_mask_has_part_in_has_the_factor_of_masks(stored):
    draws = np.concatenate([[5.0], np.linspace(4, 6, DRAWS)])
    quantity = Quantity("slip", "mm", "d")

    def half(*routes):
        low, high = quantity.measured(marks(*routes), ("L3", "L4"), draws).interval95
        return (high - low) / 2

    plain = half("given", "model")
    assert half("model", "model") == pytest.approx(2 * plain, rel=0.01)
    assert half("model", "masks") == pytest.approx(plain / 2, rel=0.01)


def test_the_file_has_positive_factors_for_both_routes():
    text = (resources.files("spinemorph.measure") / "intervals.json").read_text(encoding="utf-8")
    factors = json.loads(text)["factors"]
    assert set(factors) == {"masks", "model"}
    for found in factors.values():
        assert all(0 < value < 10 for value in found.values())
