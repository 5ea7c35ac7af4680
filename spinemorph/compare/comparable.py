"""What about two films forbids a comparison, and of what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from spinemorph.anatomy import LUMBAR_LEVELS
from spinemorph.compare.alignment import common_levels, huber_mean
from spinemorph.compare.bodies import Body, lengths
from spinemorph.compare.types import Check
from spinemorph.types import Measurement, Source, Study

_LOADS: Final = {
    "standing": ("erect", "standing", "upright", "stehend"),
    "sitting": ("sitting", "seated", "sitzend"),
    "lying": ("recumbent", "supine", "prone", "decubitus", "lying", "liegend"),
}
_BENDS: Final = {
    "flexion": ("flexion", "inklination", "bending forward"),
    "extension": ("extension", "reklination", "bending backward"),
}
#: Bodies that show both contours on this part of the film make the film oblique.
OBLIQUE: Final = 0.5
#: Unchanged bodies keep the ratio of height to depth; a common change beyond this is the projection.
PROPORTIONS: Final = 0.06
#: Checks that forbid a verdict, and on which measures.
FORBIDS: Final = {
    "load_differs": "segments",
    "bend_differs": "segments",
    "oblique_film": "lengths",
    "proportions_differ": "lengths",
    "numbering_disagrees": "levels",
    "numbering_withheld": "levels",
}


def pose(source: Source) -> tuple[str | None, str | None]:
    """Load (standing, sitting, lying) and bend (flexion, extension) as the header tells; else None."""
    words = " ".join(filter(None, (source.body_position, source.description))).casefold()

    def named(kinds: Mapping[str, tuple[str, ...]]) -> str | None:
        found = {kind for kind, names in kinds.items() if any(name in words for name in names)}
        return found.pop() if len(found) == 1 else None

    return named(_LOADS), named(_BENDS)


def checks_of(
    film: int,
    studies: tuple[Study, Study],
    bodies: tuple[Mapping[str, Body], Mapping[str, Body]],
    operated: Collection[str],
) -> list[Check]:
    """Differences of film 0 (first of each pair) and ``film`` in view, pose, facing and numbering."""
    pair = (0, film)
    checks = []
    one, two = studies
    if one.image.facing != two.image.facing and None not in (one.image.facing, two.image.facing):
        checks.append(Check("mirrored", (film,)))
    seen = [{v.level for v in study.vertebrae if v.level} for study in studies]
    partly = sorted(level for level in seen[0] ^ seen[1] if level in (*LUMBAR_LEVELS, "S1"))
    if partly and all(seen):
        checks.append(Check("field_of_view_differs", pair, ", ".join(partly)))
    checks += _pose_checks(pair, studies)
    checks += [
        Check("oblique_film", (place,))
        for place, study in zip(pair, studies, strict=True)
        if _oblique(study)
    ]
    ratio = proportions(*bodies, common_levels(*bodies, operated))
    if ratio is not None and abs(ratio) > PROPORTIONS:
        checks.append(Check("proportions_differ", pair, f"{100 * np.expm1(ratio):+.0f} %"))
    for place, study in zip(pair, studies, strict=True):
        if not any(v.level for v in study.vertebrae):
            checks.append(Check("not_numbered", (place,)))
        elif "numbering_uncertain" in study.flags:
            checks.append(Check("numbering_withheld", (place,)))
    return checks


def proportions(
    before: Mapping[str, Body], after: Mapping[str, Body], levels: Collection[str]
) -> float | None:
    """Robust mean change of log height over depth from ``before`` to ``after``; None below three bodies."""
    ratios = []
    for level in levels:
        one, two = lengths(before[level])[0], lengths(after[level])[0]
        ratio = np.log(two[2:].mean() / two[:2].mean() * one[:2].mean() / one[2:].mean())
        if np.isfinite(ratio):
            ratios.append(float(ratio))
    return huber_mean(np.array(ratios)) if len(ratios) >= 3 else None


def forbidden(item: Measurement, checks: Collection[Check]) -> list[str]:
    """Codes among ``checks`` that forbid a verdict on this measure."""
    kinds = {
        "levels": bool(item.levels),
        "segments": len(item.levels) > 1 or item.levels == ("S1",),
        "lengths": item.unit in ("mm", "mm2") or item.name.startswith("slip"),
    }
    return [check.code for check in checks if kinds.get(FORBIDS.get(check.code, ""), False)]


def _pose_checks(pair: tuple[int, int], studies: tuple[Study, Study]) -> list[Check]:
    (load_one, bend_one), (load_two, bend_two) = (pose(study.source) for study in studies)
    checks = []
    if None in (load_one, load_two):
        silent = zip(pair, (load_one, load_two), strict=True)
        checks.append(Check("load_unknown", tuple(place for place, load in silent if load is None)))
    elif load_one != load_two:
        checks.append(Check("load_differs", pair, f"{load_one}, {load_two}"))
    if bend_one != bend_two:
        words = ", ".join(bend or "neutral or not said" for bend in (bend_one, bend_two))
        checks.append(Check("bend_differs", pair, words))
    return checks


def _oblique(study: Study) -> bool:
    if "oblique_projection" in study.flags:
        return True
    bodies = [v for v in study.vertebrae if v.category != "sacrum"]
    double = sum("double_contour" in v.flags for v in bodies)
    return len(bodies) > 0 and double >= OBLIQUE * len(bodies)
