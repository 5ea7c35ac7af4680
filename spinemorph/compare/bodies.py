"""The bodies of a study in anatomical axes, and what two films have in common."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from spinemorph.anatomy import level_above
from spinemorph.types import FloatArray, Study, frozen_array


@dataclass(frozen=True, eq=False)
class Body:
    """Corners (4, 2) of one body and their covariance (4, 2, 2); square pixels, x anterior, y cranial."""

    level: str
    corners: FloatArray
    covariance: FloatArray
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "corners", frozen_array(self.corners, float, (4, 2), "corners"))
        covariance = frozen_array(self.covariance, float, (4, 2, 2), "covariance")
        object.__setattr__(self, "covariance", covariance)

    @property
    def whole(self) -> bool:
        """All four corners are known."""
        return bool(np.isfinite(self.corners).all())


def to_anatomical(study: Study) -> FloatArray:
    """Factors (2,) that take pixels of the film to square pixels, x anterior, y cranial."""
    return np.array([-1.0 if study.image.facing == "left" else 1.0, -study.image.aspect])


def bodies_of(study: Study) -> dict[str, Body]:
    """Numbered bodies by level, from above downward; empty where the facing is unknown."""
    if study.image.facing is None:
        return {}
    factors = to_anatomical(study)
    found = {}
    for vertebra in study.vertebrae:
        if vertebra.level is None:
            continue
        covariance = vertebra.corner_covariance
        if covariance is None:
            covariance = np.full((4, 2, 2), np.nan)
        scaled = np.asarray(covariance) * np.outer(factors, factors)
        found[vertebra.level] = Body(
            vertebra.level, vertebra.corners * factors, scaled, vertebra.flags
        )
    return found


def operated_levels(studies: Collection[Study]) -> set[str]:
    """Levels that an implant touches on any of the films; a rod runs behind bodies without touching them."""
    return {
        level
        for study in studies
        for implant in study.implants
        if implant.category != "rod"
        for level in implant.levels
    }


def moved(bodies: dict[str, Body], shift: int) -> dict[str, Body]:
    """The bodies with every level ``shift`` steps higher; those past the end of the list drop out."""
    found = {}
    for level, body in bodies.items():
        name = level_above(level, shift)
        if name is not None:
            found[name] = Body(name, body.corners, body.covariance, body.flags)
    return found


def lengths(body: Body) -> tuple[FloatArray, FloatArray]:
    """Superior and inferior depth, anterior and posterior height (4,), and the variance of their
    logarithms (4,); NaN where a corner is not known.
    """
    pairs = ((0, 1), (2, 3), (0, 2), (1, 3))
    values, variances = [], []
    for a, b in pairs:
        step = body.corners[a] - body.corners[b]
        length = float(np.hypot(*step))
        along = step / length if length > 0 else step
        spread = along @ (body.covariance[a] + body.covariance[b]) @ along
        values.append(length)
        variances.append(spread / length**2 if length > 0 else np.nan)
    return np.array(values), np.array(variances)
