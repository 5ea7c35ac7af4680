"""One film laid on another by the bodies that surgery left alone: scale, rotation, shift."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from spinemorph.compare.bodies import Body, lengths, to_anatomical
from spinemorph.compare.types import Alignment
from spinemorph.types import FloatArray, Study

#: Residuals beyond this many robust standard deviations lose weight (Huber 1964).
HUBER: Final = 1.5
_ROUNDS: Final = 25


def common_levels(
    before: Mapping[str, Body], after: Mapping[str, Body], operated: Collection[str]
) -> tuple[str, ...]:
    """Levels on both films that surgery left alone, from above downward."""
    return tuple(level for level in before if level in after and level not in operated)


def depth_ratio(
    before: Mapping[str, Body], after: Mapping[str, Body], levels: Collection[str]
) -> tuple[float, float, int] | None:
    """Logarithm of how much larger ``before`` is drawn, by the depths of the bodies; with its standard error.

    A robust mean of the log ratios of superior and inferior depth; the error is the larger of what
    the landmarks say and what the ratios scatter by. None with fewer than three depths.
    """
    ratios, variances = [], []
    for level in levels:
        (one, spread_one), (two, spread_two) = lengths(before[level]), lengths(after[level])
        for k in (0, 1):
            ratio, spread = np.log(one[k] / two[k]), spread_one[k] + spread_two[k]
            if np.isfinite(ratio):
                ratios.append(float(ratio))
                variances.append(float(spread) if np.isfinite(spread) else 0.0)
    if len(ratios) < 3:
        return None
    values = np.array(ratios)
    mean = huber_mean(values)
    scatter = 1.4826 * float(np.median(np.abs(values - mean)))
    told = float(np.sqrt(np.mean(variances)))
    return mean, max(scatter, told) / np.sqrt(len(values)), len(values)


def huber_mean(values: FloatArray) -> float:
    """Location of values (n,) that outliers do not move far (Huber 1964)."""
    mean = float(np.median(values))
    for _ in range(_ROUNDS):
        away = np.abs(values - mean)
        scale = max(1.4826 * float(np.median(away)), 1e-9)
        weights = np.minimum(1.0, HUBER * scale / np.maximum(away, 1e-12))
        mean = float((weights * values).sum() / weights.sum())
    return mean


def similarity(
    source: FloatArray, target: FloatArray, groups: FloatArray
) -> tuple[float, float, FloatArray, FloatArray]:
    """Scale, rotation (radians) and shift (2,) that take points (n, 2) to others, and weights (n,).

    Least squares (Umeyama 1991) with Huber weights; points of one group (a body) share a weight, so
    that a body that moved for itself is left behind as a whole.
    """
    weights = np.ones(len(source))
    scale, angle, shift = 1.0, 0.0, np.zeros(2)
    for _ in range(_ROUNDS):
        share = weights / weights.sum()
        middle, goal = share @ source, share @ target
        a, b = source - middle, target - goal
        cosine = float((share * (a * b).sum(axis=1)).sum())
        sine = float((share * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum())
        spread = float((share * (a * a).sum(axis=1)).sum())
        angle = float(np.arctan2(sine, cosine))
        scale = float(np.hypot(cosine, sine)) / max(spread, 1e-12)
        turn = rotation(angle)
        shift = goal - scale * turn @ middle
        away = np.linalg.norm(scale * source @ turn.T + shift - target, axis=1)
        by_group = np.array([np.sqrt(np.mean(away[groups == group] ** 2)) for group in groups])
        typical = max(float(np.median(by_group)), 1e-9)
        weights = np.minimum(1.0, HUBER * typical / np.maximum(by_group, 1e-12))
    return scale, angle, shift, weights


def rotation(angle: float) -> FloatArray:
    """Matrix (2, 2) that turns x toward y by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def align(
    film: int,
    studies: tuple[Study, Study],
    bodies: tuple[Mapping[str, Body], Mapping[str, Body]],
    operated: Collection[str],
) -> Alignment | None:
    """``film`` (second of each pair) on film 0 (first); None with fewer than two bodies in common.

    Without two bodies that surgery left alone, all that both films show are used.
    """
    before, after = bodies
    levels = common_levels(before, after, operated)
    if len(levels) < 2:
        levels = common_levels(before, after, ())
    if len(levels) < 2:
        return None
    source, target, groups = [], [], []
    for index, level in enumerate(levels):
        one, two = before[level].corners, after[level].corners
        known = np.isfinite(one).all(axis=1) & np.isfinite(two).all(axis=1)
        source.append(two[known])
        target.append(one[known])
        groups += [index] * int(known.sum())
    points, goals = np.concatenate(source), np.concatenate(target)
    if len(points) < 3:
        return None
    scale, angle, shift, weights = similarity(points, goals, np.array(groups))
    away = np.linalg.norm(scale * points @ rotation(angle).T + shift - goals, axis=1)
    residual = float(np.sqrt((weights * away**2).sum() / weights.sum()))
    into, back = np.diag(to_anatomical(studies[1])), np.diag(1 / to_anatomical(studies[0]))
    matrix = np.column_stack([back @ (scale * rotation(angle)) @ into, back @ shift])
    return Alignment(
        film=film,
        matrix=matrix,
        scale=scale,
        rotation=float(np.degrees(angle)),
        mirrored=studies[0].image.facing != studies[1].image.facing,
        levels=levels,
        residual=residual,
    )
