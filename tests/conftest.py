"""Drawn columns for the tests of every stage; session-wide, so that hypothesis may use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, Radiograph, Segmentation, Source

# A slow machine is no fault, and a property fails or holds the same way everywhere.
settings.register_profile("spinemorph", deadline=None, derandomize=True)
settings.load_profile("spinemorph")


def drawn_instance(corners: Any, category: str = "lumbar", score: float = 0.95) -> Instance:
    """An instance with the mask of the quadrilateral ``corners`` (4, 2); S1 keeps two corners."""
    from skimage.draw import polygon

    corners = np.asarray(corners, float)
    rows, columns = polygon(corners[[0, 1, 3, 2], 1], corners[[0, 1, 3, 2], 0])
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    mask = np.zeros(box.shape, bool)
    mask[rows - box.top, columns - box.left] = True
    known = corners.copy()
    if category == "sacrum":
        known[2:] = np.nan
    return Instance(category, score, mask, box, known, np.tile(np.eye(2) * 0.25, (4, 1, 1)))


def beliefs(level: str, sure: float = 0.9) -> dict[str, float]:
    """Level probabilities as the embedded model gives them, mostly on ``level``."""
    names = LEVELS_UPWARD[:9]
    rest = (1 - sure) / (len(names) - 1)
    return {name: sure if name == level else rest for name in names}


@pytest.fixture(scope="session")
def instance_of() -> Callable[..., Instance]:
    return drawn_instance


@pytest.fixture(scope="session")
def believes() -> Callable[..., dict[str, float]]:
    return beliefs


@pytest.fixture(scope="session")
def quads() -> dict[str, np.ndarray]:
    """Corners (4, 2) by level of a drawn film that faces left; S1 with all four."""
    phantom = draw_phantom(900, 600, lordosis=50.0)
    found = {}
    for level, body in zip(phantom.levels, phantom.instances, strict=True):
        corners = np.array(body.corners)
        if level == "S1":
            down = 0.9 * np.array([[0.0, 1.0], [-1.0, 0.0]]) @ (corners[1] - corners[0])
            corners[2:] = corners[:2] + down * (1 if down[1] > 0 else -1)
        found[level] = corners
    return found


@pytest.fixture(scope="session")
def column(quads) -> Callable[..., Segmentation]:
    """A segmentation of the drawn column; ``without`` levels, other ``scores``, moved ``by``."""

    def make(
        *,
        without: Sequence[str] = (),
        scores: dict[str, float] | None = None,
        by: Callable[[np.ndarray], np.ndarray] = lambda points: points,
        looks_like: Callable[[str], str | None] = lambda level: None,
        extra: Sequence[Instance] = (),
        corners: bool = True,
        **film: Any,
    ) -> Segmentation:
        instances = []
        for level, quad in quads.items():
            if level in without:
                continue
            category = "sacrum" if level == "S1" else "lumbar"
            body = drawn_instance(by(quad), category, (scores or {}).get(level, 0.95))
            look = looks_like(level)
            if look is not None:
                body = replace(body, level_probabilities=beliefs(look))
            if not corners:
                body = replace(body, corners=None, covariance=None)
            instances.append(body)
        return Segmentation((*instances, *extra), **film)

    return make


@pytest.fixture(scope="session")
def blank() -> Radiograph:
    return Radiograph(np.zeros((900, 600), np.float32), Source("drawn.png", "0" * 64))
