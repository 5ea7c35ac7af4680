"""Rim corners, middles of the endplates and osteophytes of bodies from their masks alone.

The corners of the mid-line lie a little inside the silhouette: rims are rounded, the posterior wall
is hollow between its edges, a body that is rolled or turned shows more than its mid-plane, and an
endplate sinks deeper in the middle than at its sides. How far inside is told by the outline itself, seen
in the axes and the box of its opening (erosion, then dilation), and by the bodies beside it, which are
turned alike. A small network, fitted to bodies of simulated films and to drawn quadrilaterals for
outlines that readers drew by hand (benchmarks/calibrate_masks.py), turns these into landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from spinemorph.measure.networks import SmallNetwork, loaded
from spinemorph.measure.outline import POINTS, QUARTERS, in_box, outlines, own_axes, ring, support
from spinemorph.types import FloatArray, Instance

#: A corner is moved by at most this part of half the body's size: a shape unlike any that the
#: network was fitted to stays near the corner that the outline itself shows. The promontory lies well
#: below the corner of the outline's box.
FARTHEST: Final = {"lumbar": 0.4, "sacrum": 1.0}
#: A middle lies at most this part of half the height off the line between its corners.
DEEPEST: Final = 0.7
#: What the network tells: corners, sunken middles, osteophytes, and how far toward the centre the outline
#: without them lies, at every fourth point of the ring.
CORNERS, SUNK, SPURS, BARE = slice(0, 8), slice(8, 10), slice(10, 14), slice(14, 14 + POINTS // 4)
#: The outline without osteophytes keeps at least this part of the way from the centre.
LEAST_LEFT: Final = 0.3
FILE: Final = "mask_shape.onnx"
_DIAGONALS: Final = np.array(QUARTERS) / np.sqrt(2)


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


@dataclass(frozen=True, eq=False)
class Described:
    """An outline as a ring (POINTS, 2) in its own frame: rows ``axes`` (2, 2) forward and up, and ``centre``
    (2,) and ``half`` size (2,) of the box of its opening, in square pixels.
    """

    sacrum: bool
    ring: FloatArray
    axes: FloatArray
    centre: FloatArray
    half: FloatArray


def described(instance: Instance, up: FloatArray, forward: FloatArray, aspect: float) -> Described:
    """``up`` and ``forward``: unit vectors (2,) toward the head and the front, in square pixels."""
    whole, opened = outlines(instance, aspect)
    sacrum = instance.category == "sacrum"
    axes = own_axes(opened, forward, up, top_only=sacrum)
    _, centre, half = in_box(opened @ axes.T)
    return Described(sacrum, ring((whole @ axes.T - centre) / half), axes, centre, half)


def relations(bodies: Sequence[Described]) -> FloatArray:
    """For every body (n, 14): log of height over depth; of the body above and the one below, each 0 where
    there is none, the way there in half heights, the turn, the half size in half heights, and 1; 1 for S1.
    """
    rows = np.zeros((len(bodies), 14))
    for i, body in enumerate(bodies):
        rows[i, 0] = np.log(body.half[1] / body.half[0])
        rows[i, 13] = body.sacrum
        for k, j in enumerate((i - 1, i + 1)):
            if not 0 <= j < len(bodies):
                continue
            other = bodies[j]
            # centres are in axes of their own
            way = body.axes @ (other.axes.T @ other.centre) - body.centre
            turned = body.axes @ other.axes[0]
            rows[i, 1 + 6 * k : 7 + 6 * k] = [
                *(way / body.half[1]),
                np.arctan2(turned[1], turned[0]),
                *(other.half / body.half[1]),
                1.0,
            ]
    return rows


def mask_shapes(
    instances: Sequence[Instance],
    ups: Sequence[FloatArray],
    forwards: Sequence[FloatArray],
    aspect: float,
) -> tuple[MaskShape, ...]:
    """Bodies of one film from above downward, each with unit vectors (2,) toward the head and the front in
    square pixels.
    """
    bodies = [
        described(instance, up, forward, aspect)
        for instance, up, forward in zip(instances, ups, forwards, strict=True)
    ]
    if not bodies:
        return ()
    network = _network()
    rings = np.stack([body.ring for body in bodies])
    told = network.evaluate(rings, relations(bodies))
    return tuple(_shape(body, own, network, aspect) for body, own in zip(bodies, told, strict=True))


def _shape(body: Described, told: FloatArray, network: Network, aspect: float) -> MaskShape:
    kind = "sacrum" if body.sacrum else "lumbar"
    spread, errors = network.spread[kind], network.errors[kind]
    to_film = np.array([1.0, 1.0 / aspect])

    def placed(points: FloatArray) -> FloatArray:
        return np.asarray((points * body.half + body.centre) @ body.axes * to_film)

    shown = support(body.ring, _DIAGONALS)
    corners = shown + np.clip(told[CORNERS].reshape(4, 2) - shown, -FARTHEST[kind], FARTHEST[kind])
    back = (body.axes.T * body.half) * to_film[:, None]
    found, covariance = placed(corners), back @ spread @ back.T
    height, area = float(body.half[1]), float(4 * body.half[0] * body.half[1])
    sunk, sunk_sd = np.clip(told[SUNK], -DEEPEST, DEEPEST) * height, errors * height
    if body.sacrum:
        found[2:], covariance[2:], sunk[1], sunk_sd[1] = np.nan, np.nan, np.nan, np.nan
        none = np.full(4, np.nan)
        return MaskShape(found, covariance, sunk, sunk_sd, none, none, np.empty((0, 2)))
    spurs = np.maximum(told[SPURS], 0.0) * area
    spurs_sd = np.interp(spurs / area, *network.spurs) * area
    left = np.clip(told[BARE], LEAST_LEFT, 1.0)
    at = np.arange(POINTS) / 4
    left = np.interp(at, np.arange(len(left) + 1), np.append(left, left[0]))
    bare = placed(body.ring * left[:, None])
    return MaskShape(found, covariance, sunk, sunk_sd, spurs, spurs_sd, bare)


@dataclass(frozen=True, eq=False)
class Network:
    """The network for all bodies of a film, and its errors on films that were left out, in half sizes of
    the body: by category the ``spread`` (4, 2, 2) of corners and the ``errors`` (2,) of middles; ``spurs``
    (2, n): areas of osteophytes in parts of the box and the standard deviation of each, which grows most
    where it is open whether there is one.
    """

    network: SmallNetwork
    spread: Mapping[str, FloatArray]
    errors: Mapping[str, FloatArray]
    spurs: FloatArray

    def evaluate(self, rings: FloatArray, related: FloatArray) -> FloatArray:
        """What is told (n, 54) of rings (n, POINTS, 2) and their :func:`relations` (n, 14)."""
        (told,) = self.network.run({"ring": rings, "relation": related})
        return told


@lru_cache(maxsize=1)
def _network() -> Network:
    network = loaded(FILE)
    facts, kinds = network.facts, ("lumbar", "sacrum")
    return Network(
        network,
        {kind: np.array(facts[kind]["spread"]) for kind in kinds},
        {kind: np.array(facts[kind]["errors"]) for kind in kinds},
        np.array(facts["spurs"]),
    )
