"""Rim corners of a body from its mask alone.

The corners of the mid-line lie a little inside the silhouette: rims are rounded, the posterior wall
is hollow between its edges, and a body that is rolled or turned shows more than its mid-plane. How far
inside is told by the outline itself: by a linear function of where the outline and its opening reach in many
directions and run along each side. It was fitted to the bodies of simulated films, and to drawn
quadrilaterals for outlines that readers drew by hand (benchmarks/calibrate_masks.py).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np

from spinemorph.measure.outline import (
    ANGLES,
    QUARTERS,
    in_box,
    outlines,
    own_axes,
    profile,
    signature,
)
from spinemorph.types import FloatArray, Instance

#: A corner is moved by at most this part of half the body's size: a shape unlike any that the
#: function was fitted to stays near the corner that the outline itself shows. The promontory lies well
#: below the corner of the outline's box.
FARTHEST: Final = {"lumbar": 0.4, "sacrum": 1.0}
_DIAGONAL: Final = ANGLES.index(45.0)


def mask_corners(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> tuple[FloatArray, FloatArray]:
    """The four corners (4, 2) in pixels of the film and their covariance (4, 2, 2), from the mask.

    ``up`` and ``forward``: unit vectors (2,) toward the head and the front, in square pixels. NaN for the
    inferior corners of S1. The covariance is that of the errors on simulated films.
    """
    sacrum = instance.category == "sacrum"
    features, start, (axes, centre, half) = described(instance, up, forward, aspect)
    kind = "sacrum" if sacrum else "lumbar"
    weights, spread = _calibration()[kind]
    moved = (features @ weights).reshape(-1, 2)
    local = start.copy()
    local[: len(moved)] += np.clip(moved, -FARTHEST[kind], FARTHEST[kind])
    folded = np.array(QUARTERS) * half
    square = (local * folded + centre) @ axes
    to_film = np.array([1.0, 1.0 / aspect])
    covariance = np.full((4, 2, 2), np.nan)
    for k in range(len(moved)):
        back = (axes.T * folded[k]) * to_film[:, None]
        covariance[k] = back @ spread[k] @ back.T
    if sacrum:
        square[2:] = np.nan
    return square * to_film, covariance


Frame = tuple[FloatArray, FloatArray, FloatArray]


def described(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> tuple[FloatArray, FloatArray, Frame]:
    """Features (f,), diagonal support points (4, 2) folded onto one quarter, and the body's own frame:
    axes (2, 2), centre (2,) and half size (2,) of its box in square pixels.
    """
    whole, opened = outlines(instance, aspect)
    axes = own_axes(opened, forward, up, top_only=instance.category == "sacrum")
    unit, centre, half = in_box(opened @ axes.T)
    around = (whole @ axes.T - centre) / half
    folded = signature(around, unit)
    sides = [profile(unit).ravel(), profile(around).ravel()]
    features = np.concatenate([[1.0], folded.ravel(), *sides])
    return features, folded[1, :, _DIAGONAL], (axes, centre, half)


@lru_cache(maxsize=1)
def _calibration() -> dict[str, tuple[FloatArray, FloatArray]]:
    """Weights (f, 2k) and covariance of the error (k, 2, 2) by category, in half sizes of the body."""
    path = resources.files("spinemorph.measure") / "mask_corners.json"
    fitted = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: (np.array(fitted["weights"][name]), np.array(fitted["spread"][name]))
        for name in fitted["weights"]
    }
