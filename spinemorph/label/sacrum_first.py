"""The labeler: the column on the sacrum, its names, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from spinemorph.chain import another_beside
from spinemorph.label.bodies import ACCEPTED, Body, body_of, centre_of, distinct
from spinemorph.label.column import Column, facing_of, find_column
from spinemorph.label.evidence import (
    SHIFTS,
    body_below,
    gap_weights,
    level_evidence,
    sacrum_odds,
    transitional,
)
from spinemorph.label.implants import label_implants
from spinemorph.types import (
    AlternativeNumbering,
    FloatArray,
    LabeledSpine,
    LabeledVertebra,
    Numbering,
    Radiograph,
    Segmentation,
)

#: A sacrum has to be this strong: everything is numbered from it.
ACCEPTED_SACRUM: Final = 0.42
#: Below this posterior probability the numbering is called uncertain.
CERTAIN: Final = 0.6
#: An alternative less probable than this is not worth naming.
WORTH_NAMING: Final = 0.02


class SacrumFirstLabeler:
    """Numbers from S1 upward; where that cannot be trusted it says so, with the next best numbering."""

    def label(self, radiograph: Radiograph, segmentation: Segmentation) -> LabeledSpine:
        """Levels for all bodies. Without a sacrum the bodies are kept and stay unnumbered."""
        aspect = radiograph.aspect
        implants = [item for item in segmentation if item.is_implant]
        bodies, removed = distinct(
            body_of(item, aspect) for item in segmentation if not item.is_implant
        )
        visible = segmentation.sacrum_visible
        sacra = [
            body
            for body in bodies
            if body.sacrum
            and body.score >= ACCEPTED_SACRUM
            and (visible is None or visible >= ACCEPTED)
        ]
        replacements = [
            centre_of(item) * [1.0, aspect]
            for item in implants
            if item.category == "body_replacement" and item.score >= ACCEPTED
        ]
        column = find_column([body for body in bodies if not body.sacrum], sacra, replacements)
        levels = column.levels()
        flags = list(segmentation.flags)
        if removed:
            flags.append("extra_body_removed")
        flags += _column_flags(column, len(sacra))
        inside = {id(body) for body in column.path}
        others = [body for body in bodies if id(body) not in inside]
        if _another(column, others):
            flags.append("second_column")
        numbering = Numbering(0.0)
        if column.numbered:
            numbering, doubts = _numbering(column, levels, others)
            flags += doubts
        facing = segmentation.facing or facing_of(column.path)
        if facing is None:
            flags.append("facing_unknown")
        return LabeledSpine(
            _vertebrae(column, levels),
            label_implants(implants, column.path, levels, aspect),
            numbering,
            facing,
            tuple(dict.fromkeys(flags)),
        )


def _column_flags(column: Column, sacra: int) -> list[str]:
    if not column.path:
        return ["no_bodies", "no_sacrum"] if sacra else ["no_bodies"]
    flags = [] if column.numbered else ["no_sacrum"]
    if sacra > 1:
        flags.append("several_sacra")
    if column.gaps:
        flags.append("gap_in_column")
    if any(column.replaced):
        flags.append("body_replaced")
    if any(body.weak for body in column.path):
        flags.append("gap_refilled")
    return flags


def _another(column: Column, others: Sequence[Body]) -> bool:
    centres, beside = (
        np.array([body.centre for body in bodies]).reshape(-1, 2)
        for bodies in (column.path, [body for body in others if not body.weak])
    )
    return another_beside(centres, beside)


def _numbering(
    column: Column, levels: Sequence[str | None], others: Sequence[Body]
) -> tuple[Numbering, list[str]]:
    """Posterior of the assigned numbering among its neighbours, and the doubts that it leaves."""
    path = column.path
    odds = sacrum_odds(path, others)
    logs = np.log(odds) + [level_evidence(path, levels, shift) for shift in SHIFTS]
    posterior = np.exp(logs - logs.max())
    posterior = _over_gaps(posterior / posterior.sum(), gap_weights(path, levels, column.gaps))
    confidence = float(posterior[SHIFTS.index(0)])
    doubts = [] if confidence >= CERTAIN else ["numbering_uncertain"]
    off = transitional(path, levels)
    if off is not None:
        doubts.append(off)
    alternative = _alternative(posterior, column, others, odds, off)
    return Numbering(confidence, alternative), doubts


def _over_gaps(posterior: FloatArray, weights: FloatArray) -> FloatArray:
    """What the count over the gaps takes from the assigned numbering goes to its two neighbours."""
    result = posterior.copy()
    zero = SHIFTS.index(0)
    result[zero - 1 : zero + 2] += posterior[zero] * (weights - [0.0, 1.0, 0.0])
    return result


def _alternative(
    posterior: FloatArray, column: Column, others: Sequence[Body], odds: FloatArray, off: str | None
) -> AlternativeNumbering | None:
    """The next best numbering with the strongest reason for it."""
    ranked = sorted(
        ((float(p), shift) for p, shift in zip(posterior, SHIFTS, strict=True) if shift),
        reverse=True,
    )
    probability, shift = ranked[0]
    if off is not None:
        bodies, shift = ("six", -1) if off == "possible_l6" else ("four", 1)
        reason = f"there seem to be {bodies} bodies between the sacrum and the lowest ribs"
        return AlternativeNumbering(shift, float(posterior[SHIFTS.index(shift)]), reason)
    if probability < WORTH_NAMING:
        return None
    where = (
        f"{abs(shift)} level{'s' if abs(shift) > 1 else ''} {'lower' if shift > 0 else 'higher'}"
    )
    if odds[SHIFTS.index(shift)] > 1 / (len(SHIFTS) - 1):
        reason = f"another candidate for the sacrum lies {where}"
    elif shift > 0 and body_below(column.path, others):
        reason = "a body lies below the sacrum that was counted from"
    elif column.gaps:
        reason = "how many bodies the gap in the column holds is not certain"
    elif any(body.instance.level_probabilities for body in column.path):
        other = "higher" if shift > 0 else "lower"
        count = f"{abs(shift)} level{'s' if abs(shift) > 1 else ''}"
        reason = f"the bodies look like {count} {other} than counted from the sacrum"
    else:
        reason = "nothing but the sacrum itself speaks for the count from it"
    return AlternativeNumbering(shift, probability, reason)


def _vertebrae(column: Column, levels: Sequence[str | None]) -> tuple[LabeledVertebra, ...]:
    """From above downward, S1 last."""
    first = column.gaps[0] + 1 if column.gaps else len(column.path)
    vertebrae = []
    for i, (body, level) in enumerate(zip(column.path, levels, strict=True)):
        flags = ["gap_refilled", "low_score"] if body.weak else []
        if i >= first:
            flags.append("gap_in_column")
        vertebrae.append(LabeledVertebra(body.instance, level, tuple(flags)))
    return tuple(reversed(vertebrae))
