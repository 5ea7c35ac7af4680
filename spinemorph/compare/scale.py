"""Millimetres of two films: when they are alike, and how they become alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from spinemorph.compare.alignment import common_levels, depth_ratio
from spinemorph.compare.bodies import Body
from spinemorph.compare.types import Check, Scale
from spinemorph.types import Study

#: Claims of a scale in the patient; every other basis may be off by the magnification.
TRUSTED: Final = ("calibrated", "estimated", "user")
#: Claims that are good to about a percent; an estimated magnification is not, and differs from film to film.
EXACT: Final = ("calibrated", "user")
#: Two trusted scales that the bodies contradict by less than this are taken as they are.
TOLERANCE: Final = 0.03


def trusted(study: Study) -> bool:
    """The film's millimetres claim to be those of the patient."""
    return study.image.spacing is not None and study.image.spacing.basis in TRUSTED


def scale_of(
    film: int,
    studies: tuple[Study, Study],
    bodies: tuple[Mapping[str, Body], Mapping[str, Body]],
    operated: Collection[str],
) -> tuple[Scale, list[Check]]:
    """How the millimetres of ``film`` (second of each pair) become those of film 0.

    Alike only where both films claim an exact scale of the patient and the depths of the unoperated
    bodies do not contradict it; else rescaled by those depths, and without them not comparable (two
    estimated scales are then taken as they are).
    """
    one, two = (study.image.spacing for study in studies)
    pair = (0, film)
    if one is None or two is None:
        missing = tuple(place for place, size in zip(pair, (one, two), strict=True) if size is None)
        return Scale(film, "none"), [Check("scale_missing", missing)]
    levels = common_levels(*bodies, operated)
    found = depth_ratio(*bodies, levels)
    unlike = one.basis != two.basis
    both = one.basis in EXACT and two.basis in EXACT
    checks = []
    if unlike:
        checks.append(Check("scale_basis_differs", pair, f"{one.basis}, {two.basis}"))
    if found is None:
        if trusted(studies[0]) and trusted(studies[1]) and not unlike:
            return Scale(film, "same"), checks
        return Scale(film, "none"), [*checks, Check("scale_not_comparable", pair)]
    # the bodies are ``ratio`` times larger on film 0 in pixels, and pixels differ in millimetres
    ratio, error, _ = found
    factor = float(np.exp(ratio) * one.column / two.column)
    agrees = abs(np.log(factor)) <= max(3 * error, TOLERANCE)
    if both and not unlike and agrees:
        return Scale(film, "same"), checks
    if both and not agrees:
        checks.append(Check("scales_disagree", pair, f"{100 * (factor - 1):+.1f} %"))
    checks.append(Check("rescaled_by_bodies", (film,), f"{factor:.3f}"))
    return Scale(film, "bodies", factor, error, levels), checks
