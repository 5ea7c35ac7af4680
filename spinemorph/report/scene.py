"""What is drawn over a film, in the film's pixels, for every kind of picture alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.types import FloatArray, Study, Vertebra

#: Colours that stay apart for colour-blind readers and in grey print (Okabe and Ito).
COLOURS: Final = {
    "contour": (86, 180, 233),
    "endplate": (240, 228, 66),
    "lordosis": (230, 110, 20),
    "implant": (204, 121, 167),
    "label": (255, 255, 255),
}
WIDTHS: Final = {"contour": 0.7, "endplate": 0.9, "lordosis": 1.1, "implant": 0.6}


@dataclass(frozen=True, eq=False)
class Line:
    """A polyline (n, 2) of one kind; closed ones return to their start."""

    points: FloatArray
    kind: str
    closed: bool = False


@dataclass(frozen=True, eq=False)
class Label:
    """Words with their middle at a point."""

    text: str
    at: FloatArray
    kind: str


@dataclass(frozen=True, eq=False)
class Scene:
    """All lines and labels of a study."""

    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


def scene_of(study: Study) -> Scene:
    """Contours, endplates, levels, implants, and the angle of the lumbar lordosis."""
    lines: list[Line] = [Line(item.contour, "implant", closed=True) for item in study.implants]
    labels: list[Label] = []
    for body in study.vertebrae:
        lines.append(Line(body.contour, "contour", closed=True))
        for pair in (body.corners[:2], body.corners[2:]):
            if np.isfinite(pair).all():
                lines.append(Line(pair, "endplate"))
        if body.level is not None:
            labels.append(Label(body.level, _beside(body, study), "label"))
    more, words = _lordosis(study)
    return Scene((*lines, *more), (*labels, *words))


def _beside(body: Vertebra, study: Study) -> FloatArray:
    """A place in front of the body, inside the film."""
    superior = body.corners[:2]
    middle = body.contour.mean(axis=0)
    forward = superior[0] - superior[1] if np.isfinite(superior).all() else np.array([-30.0, 0])
    place = middle + 0.85 * forward
    margin = 0.03 * study.image.columns
    limit = np.array([study.image.columns - 1 - margin, study.image.rows - 1 - margin])
    inside = np.clip(place, margin, limit)
    return middle if abs(inside - place).max() > 0.25 * np.linalg.norm(forward) else inside


def _lordosis(study: Study) -> tuple[list[Line], list[Label]]:
    """Both endplates drawn out backward and their perpendiculars, which meet in the angle."""
    found = study.find("lumbar_lordosis")
    bodies = {body.level: body for body in study.vertebrae}
    if found is None or found.value is None or not {"L1", "S1"} <= set(bodies):
        return [], []
    square = np.array([1.0, study.image.aspect])
    legs = []
    for level in ("L1", "S1"):
        anterior, posterior = bodies[level].corners[:2] * square
        backward = (posterior - anterior) / np.linalg.norm(posterior - anterior)
        legs.append((anterior, posterior, backward))
    reach = 0.75 * float(np.linalg.norm(legs[0][1] - legs[0][0]))
    ends = [posterior + reach * backward for _, posterior, backward in legs]
    lines = [
        Line(np.array([leg[0] - 0.35 * reach * leg[2], end]) / square, "lordosis")
        for leg, end in zip(legs, ends, strict=True)
    ]
    text = f"{found.value:.0f}\u00b0"
    apex = _meeting(ends[0], _turned(legs[0][2]), ends[1], _turned(legs[1][2]))
    span = float(np.linalg.norm(ends[0] - ends[1]))
    if apex is None or np.linalg.norm(apex - (ends[0] + ends[1]) / 2) > 0.75 * span:
        return lines, [Label(text, (ends[0] + ends[1]) / 2 / square, "lordosis")]
    lines += [Line(np.array([end, apex]) / square, "lordosis") for end in ends]
    middle = (ends[0] + ends[1]) / 2
    away = apex - middle
    size = max(float(np.linalg.norm(away)), 1e-6)
    place = apex + away / size * 0.32 * reach if size > 0.02 * span else apex + [0.3 * reach, 0]
    limit = np.array([study.image.columns, study.image.rows * study.image.aspect])
    place = np.clip(place, 0.035 * limit, 0.965 * limit)
    return lines, [Label(text, place / square, "lordosis")]


def _turned(vector: FloatArray) -> FloatArray:
    return np.array([-vector[1], vector[0]])


def _meeting(a: FloatArray, u: FloatArray, b: FloatArray, v: FloatArray) -> FloatArray | None:
    """Where the lines a + s u and b + t v cross; None when they hardly do."""
    cross = u[0] * v[1] - u[1] * v[0]
    if abs(cross) < 0.05:
        return None
    s = ((b[0] - a[0]) * v[1] - (b[1] - a[1]) * v[0]) / cross
    return np.asarray(a + s * u)
