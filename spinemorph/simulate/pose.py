"""Pose: where every bone stands, from the statistics of real sagittal curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from spinemorph.simulate.meshes import CurveModel, Placed
from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray

THORACIC = ("T12", "T11", "T10", "T9")
LUMBAR = ("L1", "L2", "L3", "L4", "L5")


@dataclass(frozen=True)
class PoseSettings:
    """Probabilities 0 to 1, lengths in mm, angles in degrees; pairs are (low, high) or (mean, sd)."""

    chain_mm: tuple[float, float] = (161.0, 9.0)
    own_tilt_sd: float = 1.6
    narrowed_disc: tuple[float, float] = (0.10, 0.28)  # upper discs, two lowest
    narrowing_mm: tuple[float, float] = (1.0, 7.0)
    slip: tuple[float, float] = (0.05, 0.10)  # upper levels, L4/5 and L5/S1
    slip_sd_mm: float = 4.5
    severe_slip: float = 0.02
    lumbosacral_disc_deg: tuple[float, float] = (14.0, 5.5)
    roll_yaw_sd: float = 2.8
    rotated_patient: float = 0.10
    rotated_patient_sd: float = 8.0
    scoliosis: float = 0.30
    scoliosis_deg: tuple[float, float] = (5.0, 28.0)
    pelvis_turn_sd: float = 9.0


@dataclass(frozen=True, eq=False)
class Curve:
    """Centroids (5, 2) of L1-L5, anterior corners (5, 2, 2) superior then inferior, promontory (2,).

    Millimetres, x anterior, z up, origin at L3.
    """

    centroids: FloatArray
    anterior: FloatArray
    promontory: FloatArray


#: Angle between the superior endplates of neighbours, L1-2 to L5-S1: mean and sd in degrees of 324
#: adults (Sci Rep 2022, s41598-022-21840-x, table 2).
SEGMENT_DEG = ((1.2, 3.6), (5.9, 4.1), (9.1, 4.2), (12.7, 5.1), (21.6, 7.7))
#: Sacral slope, mean and sd in degrees (709 adults, Mac-Thiong 2011: mean +- 2 sd 24 to 55).
SACRAL_SLOPE_DEG = (39.5, 7.8)


def sample_curve(rng: Generator, settings: PoseSettings, model: CurveModel | None = None) -> Curve:
    """One sagittal curve, from a point distribution (normal modes cut at 2.5 sd) or published angles."""
    chain = float(np.clip(rng.normal(*settings.chain_mm), 130, 195))
    if model is None:
        return _published_curve(rng, chain)
    weights = np.clip(rng.normal(size=len(model.sd)), -2.5, 2.5) * model.sd
    points = -(model.mean + np.tensordot(weights, model.modes, axes=1)) * chain
    return Curve(points[:5], points[5:15].reshape(5, 2, 2), points[15])


def _published_curve(rng: Generator, chain: float) -> Curve:
    """Bodies of equal pitch, turned by published angles; heights and depths as part of the chain."""
    angles = np.array(
        [np.clip(rng.normal(m, sd), m - 2.5 * sd, m + 2.5 * sd) for m, sd in SEGMENT_DEG]
    )
    slope = np.clip(rng.normal(*SACRAL_SLOPE_DEG), 15, 62)
    tilts = np.deg2rad(slope - np.cumsum(angles[::-1])[::-1])
    pitch, half = chain / 4, np.array([0.108, 0.0915]) * chain
    steps = [pitch * _turn((tilts[i] + tilts[i + 1]) / 2) @ np.array([0.0, 1.0]) for i in range(4)]
    centroids = np.array([sum(steps[i:], np.zeros(2)) for i in range(5)])
    anterior = np.array(
        [
            [c + _turn(t) @ half, c + _turn(t) @ (half * [1, -1])]
            for c, t in zip(centroids, tilts, strict=True)
        ]
    )
    sacral = np.deg2rad(slope)
    middle = centroids[4] - _turn((tilts[4] + sacral) / 2) @ np.array([0.0, 0.72 * pitch])
    promontory = middle + _turn(sacral) @ np.array([0.1 * chain, 0.0])
    shift = centroids[2]
    return Curve(centroids - shift, anterior - shift, promontory - shift)


def body_targets(curve: Curve) -> tuple[FloatArray, FloatArray]:
    """Length (5,) and tilt (5,) in radians of the anterior walls, which shapes are fitted to."""
    wall = curve.anterior[:, 0] - curve.anterior[:, 1]
    return np.linalg.norm(wall, axis=1), np.arctan2(wall[:, 0], wall[:, 1])


def stand(
    curve: Curve, bones: Mapping[str, ShapedBone], rng: Generator, settings: PoseSettings
) -> dict[str, Placed]:
    """Place T9 to L5 and S1 (sacrum and pelvis); the sagittal plane is y = 0 before rotation."""
    _, tilts = body_targets(curve)
    flat: dict[str, tuple[FloatArray, float]] = {}
    for i, level in enumerate(LUMBAR):
        corners = bones[level].corners
        wall = corners[0] - corners[2]
        tilt = tilts[i] - np.arctan2(wall[0], wall[1])
        flat[level] = (
            curve.centroids[i],
            float(tilt + np.deg2rad(rng.normal(0, settings.own_tilt_sd))),
        )
    flat = _separate(flat, bones)
    flat["S1"] = _sacrum(flat["L5"], bones, rng, settings, curve.promontory)
    flat = _degenerate(flat, bones, rng, settings)
    flat.update(_thoracic(flat, bones, rng))
    return _in_space(flat, bones, rng, settings)


def _turn(tilt: float) -> FloatArray:
    """Sagittal rotation: positive tilts the top forward."""
    return np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])


def _gap(
    upper: tuple[FloatArray, float],
    lower: tuple[FloatArray, float],
    above: FloatArray,
    below: FloatArray,
) -> tuple[FloatArray, float]:
    """Direction of a disc (unit normal, upward) and its smallest height in mm along it."""
    top = upper[0] + above[2:] @ _turn(upper[1]).T
    bottom = lower[0] + below[:2] @ _turn(lower[1]).T
    normal = (_turn(upper[1]) + _turn(lower[1])) @ np.array([0.0, 1.0])
    normal /= np.linalg.norm(normal)
    return normal, float(((top - bottom) @ normal).min())


def _separate(
    flat: dict[str, tuple[FloatArray, float]], bones: Mapping[str, ShapedBone], least: float = 1.5
) -> dict[str, tuple[FloatArray, float]]:
    """Move bodies upward where a disc would be thinner than ``least`` mm."""
    order = [level for level in ("S1", *reversed(LUMBAR)) if level in flat]
    flat = dict(flat)
    for k in range(len(order) - 1):
        lower, upper = order[k], order[k + 1]
        normal, gap = _gap(flat[upper], flat[lower], bones[upper].corners, bones[lower].corners)
        if gap < least:
            for level in order[k + 1 :]:
                flat[level] = (flat[level][0] + normal * (least - gap), flat[level][1])
    return flat


def _sacrum(
    l5: tuple[FloatArray, float],
    bones: Mapping[str, ShapedBone],
    rng: Generator,
    settings: PoseSettings,
    promontory: FloatArray,
) -> tuple[FloatArray, float]:
    wedge = np.deg2rad(np.clip(rng.normal(*settings.lumbosacral_disc_deg), 0, 28))
    corners = bones["L5"].corners
    inferior = corners[2] - corners[3]
    own = np.arctan2(inferior[1], inferior[0])
    tilt = l5[1] - own + wedge
    half = (bones["S1"].corners[0] - bones["S1"].corners[1]) / 2
    origin = promontory - _turn(tilt) @ half
    # keep the endplate under L5: the promontory of the statistics has its own reading error
    underside = l5[0] + _turn(l5[1]) @ corners[2:].mean(axis=0)
    axis = _turn(tilt) @ np.array([1.0, 0.0])
    normal = _turn(tilt) @ np.array([0.0, 1.0])
    along, away = (origin - underside) @ axis, (origin - underside) @ normal
    return underside + np.clip(along, -6, 6) * axis + np.clip(away, -18, -8.0) * normal, float(tilt)


def _degenerate(
    flat: dict[str, tuple[FloatArray, float]],
    bones: Mapping[str, ShapedBone],
    rng: Generator,
    settings: PoseSettings,
) -> dict[str, tuple[FloatArray, float]]:
    """Narrow discs and let bodies slip; all that stands above moves along."""
    flat = dict(flat)
    order = ("S1", *reversed(LUMBAR))
    for k in range(len(order) - 1):
        lower, upper = order[k], order[k + 1]
        low = k < 2
        move = np.zeros(2)
        normal, gap = _gap(flat[upper], flat[lower], bones[upper].corners, bones[lower].corners)
        if rng.random() < settings.narrowed_disc[low]:
            move -= normal * min(rng.uniform(*settings.narrowing_mm), max(gap - 0.5, 0))
        along = _turn(flat[lower][1]) @ np.array([1.0, 0.0])
        depth = np.ptp(bones[lower].corners[:2, 0])
        if rng.random() < settings.slip[low]:
            move += along * np.clip(rng.normal(0.8, settings.slip_sd_mm), -8, 16)
        elif low and rng.random() < settings.severe_slip:
            move += along * depth * rng.uniform(0.25, 0.55)
        if lower == "S1" and bones["S1"].deformity == "dysplastic":
            move += along * depth * rng.uniform(0.1, 0.6) + normal * 0.8 * _crown(bones["S1"])
        if move.any():
            for level in order[k + 1 :]:
                flat[level] = (flat[level][0] + move, flat[level][1])
    return _separate(flat, bones, 0.4)


def _crown(sacrum: ShapedBone) -> float:
    """How far the dome of a sacrum stands above the line between its corners, in mm."""
    x, y, z = sacrum.vertices.T
    table = (x < sacrum.corners[0, 0]) & (x > sacrum.corners[1, 0]) & (np.abs(y) < 15)
    return max(float(z[table].max() - sacrum.corners[:2, 1].mean()), 0.0) if table.any() else 0.0


def _thoracic(
    flat: dict[str, tuple[FloatArray, float]], bones: Mapping[str, ShapedBone], rng: Generator
) -> dict[str, tuple[FloatArray, float]]:
    found: dict[str, tuple[FloatArray, float]] = {}
    below, tilt = flat["L1"]
    corners = bones["L1"].corners
    step = np.deg2rad(rng.normal(3.5, 2.0))
    for level in THORACIC:
        own = bones[level].corners
        angle = tilt + step * rng.uniform(0.6, 1.4)
        disc = rng.uniform(3.5, 7.0)
        top = below + _turn(tilt) @ corners[:2].mean(axis=0)
        middle = _turn((tilt + angle) / 2) @ np.array([0.0, disc])
        below = top + middle - _turn(angle) @ own[2:].mean(axis=0)
        tilt, corners = angle, own
        found[level] = (below, float(tilt))
    return found


def _in_space(
    flat: dict[str, tuple[FloatArray, float]],
    bones: Mapping[str, ShapedBone],
    rng: Generator,
    settings: PoseSettings,
) -> dict[str, Placed]:
    """Give the sagittal curve depth: scoliosis, and the whole patient turned against the beam."""
    z = {level: place[0][1] for level, place in flat.items()}
    lateral, coronal, axial = dict.fromkeys(z, 0.0), dict.fromkeys(z, 0.0), dict.fromkeys(z, 0.0)
    if rng.random() < settings.scoliosis:
        cobb = np.deg2rad(rng.uniform(*settings.scoliosis_deg)) * rng.choice([-1, 1])
        apex, wave = rng.uniform(-60, 80), rng.uniform(220, 360)
        for level, height in z.items():
            phase = 2 * np.pi * (height - apex) / wave
            coronal[level] = cobb / 2 * np.sin(phase)
            lateral[level] = -cobb / 2 * wave / (2 * np.pi) * np.cos(phase)
            axial[level] = cobb * 0.5 * np.cos(phase)
    sd = (
        settings.rotated_patient_sd
        if rng.random() < settings.rotated_patient
        else settings.roll_yaw_sd
    )
    roll, yaw = np.deg2rad(rng.normal(0, sd, 2))
    whole = _about_z(yaw) @ _about_x(roll)
    placed = {}
    for level, (origin, tilt) in flat.items():
        turn = np.eye(3)
        turn[np.ix_([0, 2], [0, 2])] = _turn(tilt)
        if level != "S1":
            turn = _about_z(axial[level]) @ _about_x(coronal[level]) @ turn
        middle = np.array([origin[0], lateral[level] - lateral["S1"] * 0.5, origin[1]])
        bone = bones[level]
        placed[level] = Placed(
            level, whole @ turn, whole @ middle, bone.corners, bone.width, bone.marks
        )
    return placed


def _about_x(angle: float) -> FloatArray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_z(angle: float) -> FloatArray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def turned_pelvis(sacrum: Placed, rng: Generator, settings: PoseSettings) -> Placed:
    """The pelvis stands as the sacrum does but for a turn about the sacroiliac joint."""
    turn = np.eye(3)
    turn[np.ix_([0, 2], [0, 2])] = _turn(np.deg2rad(rng.normal(0, settings.pelvis_turn_sd)))
    pivot = np.array([-18.0, 0.0, -35.0])
    origin = sacrum.to_world(pivot - turn @ pivot)
    return replace(sacrum, rotation=sacrum.rotation @ turn, origin=origin)
