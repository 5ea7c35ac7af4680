"""Rim corners, middles of the endplates and osteophytes of a body from its mask alone.

The corners of the mid-line lie a little inside the silhouette: rims are rounded, the posterior wall
is hollow between its edges, a body that is rolled or turned shows more than its mid-plane, and an
endplate sinks deeper in the middle than at its sides. How far inside is told by the outline itself: by
where the outline and its opening (erosion, then dilation) reach in many directions and run along each
side. A small network, fitted to bodies of simulated films and to drawn quadrilaterals for outlines
that readers drew by hand (benchmarks/calibrate_masks.py), turns these into landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np

from spinemorph.measure.outline import (
    ANGLES,
    PARTS,
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
#: A middle lies at most this part of half the height off the line between its corners.
DEEPEST: Final = 0.7
#: Features beyond this many standard deviations of the fitted bodies count as that many.
UNUSUAL: Final = 5.0
#: Parts at either end of a side that belong to the corner.
_ENDS: Final = 2
_DIAGONAL: Final = ANGLES.index(45.0)


@dataclass(frozen=True, eq=False)
class MaskShape:
    """What a mask tells of its body, in pixels of the film; NaN for what S1 has not.

    ``corners`` (4, 2) with ``covariance`` (4, 2, 2) of their errors on simulated films. ``sunk`` (2,): how
    far the middle of the superior and the inferior endplate lies inside the line between its corners, in
    square pixels, with standard deviations ``sunk_sd`` (2,). ``spurs`` (4,): area of the osteophytes at
    each corner in square pixels, ``spurs_sd`` (4,). ``bare`` (n, 2): the outline without them.
    """

    corners: FloatArray
    covariance: FloatArray
    sunk: FloatArray
    sunk_sd: FloatArray
    spurs: FloatArray
    spurs_sd: FloatArray
    bare: FloatArray


def without_corners(shape: MaskShape) -> MaskShape:
    """The same where the mask does not tell the corners."""
    nowhere = np.full_like(shape.covariance, np.nan)
    return replace(shape, corners=np.full_like(shape.corners, np.nan), covariance=nowhere)


def mask_corners(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> tuple[FloatArray, FloatArray]:
    """The four corners (4, 2) of :func:`mask_shape` and their covariance (4, 2, 2)."""
    shape = mask_shape(instance, up, forward, aspect)
    return shape.corners, shape.covariance


def mask_shape(instance: Instance, up: FloatArray, forward: FloatArray, aspect: float) -> MaskShape:
    """``up`` and ``forward``: unit vectors (2,) toward the head and the front, in square pixels."""
    kind = "sacrum" if instance.category == "sacrum" else "lumbar"
    features, start, (axes, centre, half) = described(instance, up, forward, aspect)
    network = _networks()[kind]
    told = network.evaluate(features)
    ends = 2 if kind == "sacrum" else 4
    moved = told[: 2 * ends].reshape(-1, 2)
    local = start.copy()
    local[:ends] += np.clip(moved, -FARTHEST[kind], FARTHEST[kind])
    folded = np.array(QUARTERS) * half
    to_film = np.array([1.0, 1.0 / aspect])
    corners = (local * folded + centre) @ axes * to_film
    covariance = np.full((4, 2, 2), np.nan)
    for k in range(ends):
        back = (axes.T * folded[k]) * to_film[:, None]
        covariance[k] = back @ network.spread[k] @ back.T
    height, area = float(half[1]), float(4 * half[0] * half[1])
    sunk, sunk_sd = np.full(2, np.nan), np.full(2, np.nan)
    plates = ends // 2
    sunk[:plates] = np.clip(told[2 * ends :][:plates], -DEEPEST, DEEPEST) * height
    sunk_sd[:plates] = network.errors[:plates] * height
    spurs, spurs_sd, bare = np.full(4, np.nan), np.full(4, np.nan), np.empty((0, 2))
    if kind == "sacrum":
        corners[2:] = np.nan
    else:
        spurs = np.maximum(told[10:14], 0.0) * area
        # the error grows with what is there
        spurs_sd = (network.errors[2:6] + network.errors[6:10] * spurs / area) * area
        inward = np.minimum(told[14:].reshape(4, PARTS) * [[1], [-1], [1], [-1]], 0.0)
        sides = features[-4 * PARTS :].reshape(4, PARTS) + inward * [[1], [-1], [1], [-1]]
        bare = (_ring(sides) * half + centre) @ axes * to_film
    return MaskShape(corners, covariance, sunk, sunk_sd, spurs, spurs_sd, bare)


def _ring(sides: FloatArray) -> FloatArray:
    """The closed outline (n, 2) in its box of four sides as :func:`outline.profile` gives them.

    Near a corner a side's mean place says little: there the sides are prolonged to meet.
    """
    at = (np.arange(PARTS) + 0.5) * (2 / PARTS) - 1
    inner = slice(_ENDS, PARTS - _ENDS)
    near = {1: slice(PARTS - _ENDS - 4, PARTS - _ENDS), -1: slice(_ENDS, _ENDS + 4)}
    front, back, top, bottom = sides

    def prolonged(side: FloatArray, end: int) -> float:
        """The line through the parts near that end, at 0.95 of the box."""
        x, y = at[near[end]], side[near[end]]
        away = x - x.mean()
        return float(y.mean() + (away @ y) / (away @ away) * (0.95 * end - x.mean()))

    def corner(wall: FloatArray, plate: FloatArray, forward: int, upward: int) -> FloatArray:
        return np.array([[prolonged(wall, upward), prolonged(plate, forward)]])

    return np.concatenate(
        [
            np.stack([front, at], axis=1)[inner],
            corner(front, top, 1, 1),
            np.stack([at, top], axis=1)[inner][::-1],
            corner(back, top, -1, 1),
            np.stack([back, at], axis=1)[inner][::-1],
            corner(back, bottom, -1, -1),
            np.stack([at, bottom], axis=1)[inner],
            corner(front, bottom, 1, -1),
        ]
    )


Frame = tuple[FloatArray, FloatArray, FloatArray]


def described(
    instance: Instance, up: FloatArray, forward: FloatArray, aspect: float
) -> tuple[FloatArray, FloatArray, Frame]:
    """Features (f,), diagonal support points (4, 2) folded onto one quarter, and the body's own frame:
    axes (2, 2), centre (2,) and half size (2,) of its box in square pixels. The last 4 PARTS features are
    the profile of the outline as it is.
    """
    whole, opened = outlines(instance, aspect)
    axes = own_axes(opened, forward, up, top_only=instance.category == "sacrum")
    unit, centre, half = in_box(opened @ axes.T)
    around = (whole @ axes.T - centre) / half
    folded = signature(around, unit)
    sides = [profile(unit).ravel(), profile(around).ravel()]
    features = np.concatenate([[half[1] / half[0]], folded.ravel(), *sides])
    return features, folded[1, :, _DIAGONAL], (axes, centre, half)


@dataclass(frozen=True, eq=False)
class Network:
    """A linear map and a network of two hidden layers that corrects it; ``spread`` (k, 2, 2) and ``errors``
    are those on films that were left out, in half sizes of the body.
    """

    mean: FloatArray
    scale: FloatArray
    linear: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    spread: FloatArray
    errors: FloatArray

    def evaluate(self, features: FloatArray) -> FloatArray:
        """Outputs (..., o) of features (..., f)."""
        given = np.clip((features - self.mean) / self.scale, -UNUSUAL, UNUSUAL)
        hidden = given
        for weights, bias in self.layers[:-1]:
            hidden = hidden @ weights + bias
            hidden = hidden / (1 + np.exp(-np.clip(hidden, -60, 60)))
        weights, bias = self.layers[-1]
        return np.asarray(given @ self.linear + hidden @ weights + bias)


@lru_cache(maxsize=1)
def _networks() -> dict[str, Network]:
    path = resources.files("spinemorph.measure") / "mask_shape.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        values = {name: stored[name].astype(np.float64) for name in stored.files if name != "note"}
    return {
        kind: Network(
            values[f"{kind}_mean"],
            values[f"{kind}_scale"],
            values[f"{kind}_linear"],
            tuple((values[f"{kind}_w{i}"], values[f"{kind}_b{i}"]) for i in range(3)),
            values[f"{kind}_spread"],
            values[f"{kind}_errors"],
        )
        for kind in ("lumbar", "sacrum")
    }
