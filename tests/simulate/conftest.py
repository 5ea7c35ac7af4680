"""A drawn column and cameras for the tests of every stage of the simulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spinemorph.simulate.meshes import Camera, Placed

LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
#: Forward tilt of each level in degrees: 50 degrees of lordosis between L1 and S1.
TILTS = (-20, -18, -16, -14, -9, -2, 8, 20, 36)


def about_y(degrees: float) -> np.ndarray:
    """Rotation that tilts the top of a bone forward."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


@pytest.fixture(scope="session")
def bones() -> list[Placed]:
    """T10 to S1, pitch 36 mm, depth 35 mm, height 27 mm, L3 in the origin."""
    placed = []
    steps = [about_y((a + b) / 2) @ [0, 0, 36.0] for a, b in zip(TILTS, TILTS[1:], strict=False)]
    for index, (level, tilt) in enumerate(zip(LEVELS, TILTS, strict=True)):
        origin = sum(steps[index:5], np.zeros(3)) - sum(steps[5:index], np.zeros(3))
        corners = np.array([[17.5, 13.5], [-17.5, 13.5], [17.5, -13.5], [-17.5, -13.5]])
        if level == "S1":
            corners = np.array([[17.0, 0.0], [-17.0, 0.0], [np.nan] * 2, [np.nan] * 2])
            origin = origin + about_y(tilt) @ [0, 0, 14.0]
        placed.append(Placed(level, about_y(tilt), origin, corners, 46.0))
    return placed


@pytest.fixture(scope="session")
def camera() -> Callable[..., Camera]:
    """A lateral camera on L3 in the middle of a film of 256 x 192 pixels of 1.5 mm."""

    def make(**changes: object) -> Camera:
        film = {
            "rows": 256,
            "columns": 192,
            "pixel_mm": 1.5,
            "source_to_object": 1100.0,
            "centre": (0.0, 0.0),
            "offset": (96.0, 120.0),
            "facing_left": True,
            "tilt": 0.0,
            "view": np.eye(3),
        }
        return Camera(**{**film, **changes})

    return make


@pytest.fixture(scope="session")
def ap_view() -> np.ndarray:
    return np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
