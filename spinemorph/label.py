"""Numbering: the sacrum first, then bottom up, with the evidence for and against kept in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.chain import GAP, Nodes, best_path, pitches
from spinemorph.types import (
    AlternativeNumbering,
    Facing,
    FloatArray,
    Instance,
    LabeledImplant,
    LabeledSpine,
    LabeledVertebra,
    Numbering,
    Radiograph,
    Segmentation,
)

#: Bodies at least this strong stand by themselves; weaker ones only close a gap between two others.
ACCEPTED: Final = 0.5
#: A sacrum has to be this strong: everything is numbered from it.
ACCEPTED_SACRUM: Final = 0.35
#: Two outlines are one body when they share this much of the smaller one.
SAME_BODY: Final = 0.5
#: Neighbouring bodies tell much the same of their level: their joint evidence counts this much.
TEMPER: Final = 0.5
#: Below this posterior probability the numbering is called uncertain.
CERTAIN: Final = 0.6
SHIFTS: Final = (-2, -1, 0, 1, 2)
#: No model is surer of a level than this, nor surer against it.
FLOOR: Final = 0.01


@dataclass(frozen=True, eq=False)
class _Body:
    """A candidate with its geometry in square pixels."""

    instance: Instance
    centre: FloatArray
    up: FloatArray
    height: float

    @property
    def sacrum(self) -> bool:
        return self.instance.category == "sacrum"


class SacrumFirstLabeler:
    """Numbers from S1 upward; where that cannot be trusted it says so, with the next best numbering."""

    def label(self, radiograph: Radiograph, segmentation: Segmentation) -> LabeledSpine:
        """Levels for all bodies. Without a sacrum the bodies are kept and stay unnumbered."""
        flags = list(segmentation.flags)
        found = [item for item in segmentation if not item.is_implant]
        bodies, removed = _distinct([_body(item, radiograph.aspect) for item in found])
        if removed:
            flags.append("extra_body_removed")
        sacra = [body for body in bodies if _trusted_sacrum(body, segmentation)]
        lumbar = [body for body in bodies if not body.sacrum]
        path = _column(lumbar, sacra)
        path = _without_weak_ends(path)
        numbered = bool(path) and path[0].sacrum and len(path) > 1
        flags += _column_flags(path, sacra, numbered=numbered)
        levels = _levels(path) if numbered else [None] * len(path)
        numbering, doubts = _numbering(path, levels) if numbered else (Numbering(0.0), [])
        flags += doubts
        facing = segmentation.facing or _facing(path)
        if facing is None:
            flags.append("facing_unknown")
        vertebrae = _vertebrae(path, levels)
        return LabeledSpine(
            vertebrae,
            _implants([item for item in segmentation if item.is_implant], vertebrae),
            numbering,
            facing,
            tuple(dict.fromkeys(flags)),
        )


def _body(instance: Instance, aspect: float) -> _Body:
    """Geometry from the corners, or from the mask alone (an upright body 1.25 times as deep as high)."""
    square = np.array([1.0, aspect])
    rows, columns = np.nonzero(instance.mask)
    centre = np.array([columns.mean() + instance.box.left, rows.mean() + instance.box.top]) * square
    height, up = float(np.sqrt(len(rows) * aspect / 1.25)), np.array([0.0, -1.0])
    if instance.corners is not None and np.isfinite(instance.corners).all():
        corners = instance.corners * square
        direction = (corners[:2] - corners[2:]).mean(axis=0)
        length = float(np.linalg.norm(direction))
        if length > 0:
            centre, height, up = corners.mean(axis=0), length, direction / length
    return _Body(instance, centre, up, height)


def _distinct(bodies: list[_Body]) -> tuple[list[_Body], int]:
    """Non-maximum suppression: of outlines of the same body the strongest stays."""
    kept: list[_Body] = []
    for body in sorted(bodies, key=lambda item: -item.instance.score):
        if not any(body.sacrum == other.sacrum and _same(body, other) for other in kept):
            kept.append(body)
    strong = [body for body in bodies if body.instance.score >= ACCEPTED]
    return kept, len(strong) - sum(body.instance.score >= ACCEPTED for body in kept)


def _same(a: _Body, b: _Body) -> bool:
    if float(np.linalg.norm(a.centre - b.centre)) < 0.4 * min(a.height, b.height):
        return True
    shared = overlap(a.instance, b.instance)
    return shared > SAME_BODY * min(int(a.instance.mask.sum()), int(b.instance.mask.sum()))


def overlap(a: Instance, b: Instance) -> int:
    """Pixels that two instances share."""
    top, bottom = max(a.box.top, b.box.top), min(a.box.bottom, b.box.bottom)
    left, right = max(a.box.left, b.box.left), min(a.box.right, b.box.right)
    if top >= bottom or left >= right:
        return 0
    parts = [
        item.mask[
            top - item.box.top : bottom - item.box.top, left - item.box.left : right - item.box.left
        ]
        for item in (a, b)
    ]
    return int((parts[0] & parts[1]).sum())


def _trusted_sacrum(body: _Body, segmentation: Segmentation) -> bool:
    visible = segmentation.sacrum_visible
    return (
        body.sacrum
        and body.instance.score >= ACCEPTED_SACRUM
        and (visible is None or visible >= 0.5)
    )


def _column(lumbar: list[_Body], sacra: list[_Body]) -> list[_Body]:
    """The best column, from below upward; each S1 is tried and judged by its whole column."""
    everything = [*sacra, *lumbar]
    if not everything:
        return []
    nodes = Nodes(
        np.array([body.centre for body in everything]),
        np.array([body.up for body in everything]),
        np.array([body.height for body in everything]),
        np.array([body.instance.score for body in everything]),
        np.array([body.sacrum for body in everything]),
    )
    free, _ = best_path(nodes, neutral=0.25)
    tried = []
    for index in range(len(sacra)):
        path, value = best_path(nodes, neutral=0.25, sacrum=index)
        column = [everything[i] for i in path]
        if len(column) > 1:
            tried.append((value + 0.5 * _level_evidence(column, _levels(column)), column))
    if tried:
        return max(tried, key=lambda item: item[0])[1]
    return [everything[i] for i in free if not everything[i].sacrum]


def _without_weak_ends(path: list[_Body]) -> list[_Body]:
    """Weak bodies stay only between two accepted ones (S1 counts as one)."""
    strong = [i for i, body in enumerate(path) if body.sacrum or body.instance.score >= ACCEPTED]
    return path[strong[0] : strong[-1] + 1] if strong else []


def _skipped(path: Sequence[_Body]) -> list[int]:
    """Bodies missing below each body of the path, (len(path) - 1,)."""
    if len(path) < 2:
        return []
    nodes = Nodes(
        np.array([body.centre for body in path]),
        np.array([body.up for body in path]),
        np.array([body.height for body in path]),
        np.ones(len(path)),
        np.array([body.sacrum for body in path]),
    )
    expected = pitches(nodes)
    steps = []
    for i in range(len(path) - 1):
        ratio = float(np.linalg.norm(path[i + 1].centre - path[i].centre)) / expected[i, i + 1]
        steps.append(round(ratio) - 1 if ratio > GAP else 0)
    return steps


def _levels(path: Sequence[_Body]) -> list[str | None]:
    """Names from S1 upward; a gap leaves its levels out."""
    names: list[str | None] = ["S1"]
    index = 0
    for missing in _skipped(path):
        index += 1 + missing
        names.append(LEVELS_UPWARD[index] if index < len(LEVELS_UPWARD) else None)
    return names


def _column_flags(path: list[_Body], sacra: list[_Body], *, numbered: bool) -> list[str]:
    if not path:
        return ["no_bodies"] if not sacra else ["no_bodies", "no_sacrum"]
    flags = [] if numbered else ["no_sacrum"]
    if len(sacra) > 1:
        flags.append("several_sacra")
    if any(_skipped(path)):
        flags.append("gap_in_column")
    if any(not body.sacrum and body.instance.score < ACCEPTED for body in path):
        flags.append("gap_refilled")
    return flags


def _shifted(level: str | None, shift: int) -> str | None:
    """The level ``shift`` steps upward; below S1 there is none."""
    if level is None:
        return None
    index = LEVELS_UPWARD.index(level) + shift
    return LEVELS_UPWARD[index] if 0 <= index < len(LEVELS_UPWARD) else None


def _level_evidence(path: Sequence[_Body], levels: Sequence[str | None], shift: int = 0) -> float:
    """Logarithm of what the model's own words on levels say for this numbering, tempered."""
    total = 0.0
    for body, level in zip(path, levels, strict=True):
        words = body.instance.level_probabilities
        if words:
            name = _shifted(level, shift)
            top = LEVELS_UPWARD.index(list(words)[-1]) if list(words)[-1] in LEVELS_UPWARD else 99
            if name is not None and LEVELS_UPWARD.index(name) > top:
                name = list(words)[-1]  # the last class means 'and above'
            total += float(np.log(max(words.get(name, 0.0) if name else 0.0, FLOOR)))
    return TEMPER * total


def _numbering(path: Sequence[_Body], levels: Sequence[str | None]) -> tuple[Numbering, list[str]]:
    """Posterior of the assigned numbering among its neighbours, and the doubts it leaves.

    Prior: the strength of S1 for the numbering from it, the rest shared by the others. A gap that
    was stepped over halves the confidence.
    """
    strength = float(np.clip(path[0].instance.score, 0.05, 0.98))
    prior = {s: strength if s == 0 else (1 - strength) / (len(SHIFTS) - 1) for s in SHIFTS}
    logs = np.array([np.log(prior[s]) + _level_evidence(path, levels, s) for s in SHIFTS])
    posterior = np.exp(logs - logs.max())
    posterior /= posterior.sum()
    if any(_skipped(path)):
        posterior = posterior * 0.5 + 0.5 * np.array([0, 0.5, 0, 0.5, 0])
    confidence = float(posterior[SHIFTS.index(0)])
    others = [(float(p), s) for p, s in zip(posterior, SHIFTS, strict=True) if s != 0]
    probability, shift = max(others)
    alternative = None
    if probability >= 0.02:
        where = "higher" if shift > 0 else "lower"
        reason = f"the bodies look like levels {abs(shift)} {where} than counted from the sacrum"
        alternative = AlternativeNumbering(shift, probability, reason)
    doubts = [] if confidence >= CERTAIN else ["numbering_uncertain"]
    return Numbering(confidence, alternative), doubts + _transitional(path, levels)


def _transitional(path: Sequence[_Body], levels: Sequence[str | None]) -> list[str]:
    """Lower bodies agree with the count from below, upper ones are one level off: five may be six or four."""
    lower = [i for i, level in enumerate(levels) if level in ("S1", "L5", "L4")]
    upper = [i for i, level in enumerate(levels) if level in ("L1", "T12", "T11")]
    if len(lower) < 2 or len(upper) < 2:
        return []

    def belief(indices: list[int], shift: int) -> float:
        values = [
            path[i].instance.level_probabilities.get(_shifted(levels[i], shift) or "", 0.0)
            for i in indices
            if path[i].instance.level_probabilities
        ]
        return float(np.mean(values)) if values else 0.0

    if belief(lower, 0) > 0.5:
        if belief(upper, -1) > 0.6:
            return ["possible_l6"]
        if belief(upper, 1) > 0.6:
            return ["possible_four_lumbar"]
    return []


def _facing(path: Sequence[_Body]) -> Facing | None:
    """From the corners' names, else from S1, which lies behind L5."""
    votes = [
        float(np.sign((c := body.instance.corners)[0, 0] - c[1, 0]))
        for body in path
        if body.instance.corners is not None and np.isfinite(body.instance.corners[:2]).all()
    ]
    if votes and sum(votes) != 0:
        return "left" if sum(votes) < 0 else "right"
    if len(path) > 1 and path[0].sacrum:
        away = float(path[0].centre[0] - path[1].centre[0])
        if abs(away) > 0.05 * path[1].height:
            return "left" if away > 0 else "right"
    return None


def _vertebrae(path: Sequence[_Body], levels: Sequence[str | None]) -> tuple[LabeledVertebra, ...]:
    """From above downward, S1 last."""
    vertebrae = []
    for body, level in zip(path, levels, strict=True):
        weak = not body.sacrum and body.instance.score < ACCEPTED
        flags = ("gap_refilled", "low_score") if weak else ()
        vertebrae.append(LabeledVertebra(body.instance, level, flags))
    return tuple(reversed(vertebrae))


def _implants(
    implants: Sequence[Instance], vertebrae: Sequence[LabeledVertebra]
) -> tuple[LabeledImplant, ...]:
    """Implants from above downward, numbered within their category, with the levels they touch."""
    counts: dict[str, int] = {}
    labeled = []
    for instance in sorted(implants, key=lambda item: (item.box.top, item.box.left)):
        counts[instance.category] = counts.get(instance.category, 0) + 1
        levels = _touched(instance, vertebrae)
        labeled.append(
            LabeledImplant(f"{instance.category}-{counts[instance.category]}", instance, levels)
        )
    return tuple(labeled)


def _touched(instance: Instance, vertebrae: Sequence[LabeledVertebra]) -> tuple[str, ...]:
    known = [body for body in vertebrae if body.level is not None]
    if not known:
        return ()
    centres = np.array([_middle(body.instance) for body in known])
    here = _middle(instance)
    near = np.argsort(np.linalg.norm(centres - here, axis=1))
    names = [body.level for body in known if body.level is not None]
    if instance.category in ("cage", "plate") and len(known) > 1:
        pair = sorted(near[:2].tolist())
        return tuple(names[i] for i in pair) if pair[1] - pair[0] == 1 else (names[near[0]],)
    if instance.category == "rod":
        inside = [
            name
            for name, centre in zip(names, centres, strict=True)
            if instance.box.top <= centre[1] < instance.box.bottom
        ]
        return tuple(inside)
    shared = [overlap(instance, body.instance) for body in known]
    best = int(np.argmax(shared)) if max(shared) > 0 else int(near[0])
    return (names[best],)


def _middle(instance: Instance) -> FloatArray:
    rows, columns = np.nonzero(instance.mask)
    return np.array([columns.mean() + instance.box.left, rows.mean() + instance.box.top])
