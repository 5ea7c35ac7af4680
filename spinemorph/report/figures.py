"""What is drawn over the film, as vectors in display coordinates; no renderer is named here.

Display coordinates are columns to the right and rows times the pixel aspect downward: angles are
true there, also where pixels are not square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spinemorph.report.catalogue import Words, load_words
from spinemorph.report.preview import View
from spinemorph.types import FloatArray, Measurement, Region, Study, Vertebra

#: So far, in pixels of the film, a drawn contour may run from the one that was found.
UNSEEN: Final = 0.25
StrokeKind = Literal["contour", "superior", "inferior", "cobb", "osteophyte", "implant"]

#: Flags of a body whose outline is drawn dashed.
POORLY_SEEN: Final = frozenset({"corner_uncertain", "low_score", "cut_by_edge"})
#: How far the endplate lines run beyond the bodies, in endplate lengths; the first that keeps the
#: legs on the film. Legs that lean towards the bodies (False) need the distance to stay clear.
EXTENSIONS: Final = {True: (0.5, 0.35, 0.22, 0.7), False: (1.6, 1.3, 1.1)}
#: Below this angle the legs would meet far away: the endplate lines alone are drawn.
LEAST_ANGLE: Final = 8.0


@dataclass(frozen=True, eq=False)
class Stroke:
    """A line through ``points`` (n, 2)."""

    points: FloatArray
    kind: StrokeKind
    closed: bool = False
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class LevelName:
    """The name of a body: beside ``anchor``, outward along ``direction`` (unit vector)."""

    text: str
    anchor: FloatArray
    direction: FloatArray


@dataclass(frozen=True, eq=False)
class AngleFigure:
    """The construction of an angle: lines and legs, an arc, and where the value stands."""

    lines: tuple[FloatArray, ...]
    arc: FloatArray | None
    anchor: FloatArray
    side: float


@dataclass(frozen=True, eq=False)
class Drawing:
    """All that is drawn over one film."""

    strokes: tuple[Stroke, ...]
    areas: tuple[Stroke, ...]
    corners: FloatArray
    names: tuple[LevelName, ...]
    angle: AngleFigure | None
    angle_text: str

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """left, top, right, bottom of everything but the names; None where nothing is drawn."""
        parts = [stroke.points for stroke in (*self.strokes, *self.areas)]
        if self.angle is not None:
            parts += [*self.angle.lines, self.angle.anchor[None]]
        parts += [name.anchor[None] for name in self.names]
        if not parts:
            return None
        points = np.concatenate(parts)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def simplified(contour: FloatArray) -> FloatArray:
    """A closed contour (n, 2) with few of its points, within :data:`UNSEEN` (Douglas and Peucker 1973)."""
    import cv2

    if len(contour) < 3:
        return contour
    kept = cv2.approxPolyDP(np.asarray(contour, np.float32)[:, None], UNSEEN, closed=True)[:, 0]
    return np.asarray(kept, np.float64) if len(kept) > 2 else contour


def draw(study: Study, film: View, words: Words | None = None) -> Drawing:
    """The drawing of a study; ``film`` is the view of the whole film, which bounds the legs.

    ``words``: the language in which the angle is written.
    """
    aspect = np.array([1.0, study.image.aspect])
    strokes: list[Stroke] = []
    corners: list[FloatArray] = []
    for body in study.vertebrae:
        dashed = not POORLY_SEEN.isdisjoint(body.flags)
        if len(body.contour) > 2:
            shown = simplified(body.contour * aspect)
            strokes.append(Stroke(shown, "contour", closed=True, dashed=dashed))
        points = body.corners * aspect
        for kind, line in (("superior", points[:2]), ("inferior", points[2:])):
            if np.isfinite(line).all():
                strokes.append(Stroke(line, kind))  # type: ignore[arg-type]
        corners.append(points[np.isfinite(points).all(axis=1)])
    areas = tuple(
        Stroke(region.contour * aspect, "osteophyte", closed=True)
        for region in regions(study, "osteophyte")
    ) + tuple(
        Stroke(implant.contour * aspect, "implant", closed=True)
        for implant in study.implants
        if len(implant.contour) > 2
    )
    lordosis = study.find("lumbar_lordosis")
    angle = None
    if lordosis is not None and lordosis.value is not None:
        angle = _lordosis(study, lordosis, aspect, film)
    behind = angle is None or angle.side * _front(study) > 0
    found = (_name(body, aspect, study, behind=behind) for body in study.vertebrae)
    text = ""
    if lordosis is not None and lordosis.value is not None:
        text = f"{(words or load_words()).number(lordosis.value, 1)}°"
    return Drawing(
        tuple(strokes),
        areas,
        np.concatenate(corners) if corners else np.empty((0, 2)),
        tuple(name for name in found if name is not None),
        angle,
        text,
    )


def regions(study: Study, name: str) -> list[Region]:
    """The regions of that name that postprocessors found."""
    return [each for each in study.regions if each.name == name]


def choose_view(drawing: Drawing, film: View, frame_aspect: float) -> View:
    """The part of the film to show in a frame of width over height ``frame_aspect``.

    All that is drawn with a margin, widened to the frame where the film allows; the whole film
    where that is nearly all of it, or nothing is drawn.
    """
    extent = drawing.extent
    if extent is None:
        return film
    left, top, right, bottom = extent
    margin = 0.05 * (bottom - top)
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    width, height = max(width, height * frame_aspect), max(height, width / frame_aspect)
    if height > 0.85 * film.height and width > 0.85 * film.width:
        return film
    width, height = min(width, film.width), min(height, film.height)
    return View(
        _inside((left + right - width) / 2, film.left, film.left + film.width - width),
        _inside((top + bottom - height) / 2, film.top, film.top + film.height - height),
        width,
        height,
    )


def angle_figure(upper: FloatArray, lower: FloatArray, film: View) -> AngleFigure:
    """The classical construction of the angle between two endplates, (2, 2) anterior first.

    Both endplates are extended to the front (to the back where the spine is kyphotic) and
    perpendiculars dropped from their ends; the legs cross at the angle. Where they would cross off
    the film or far away, the extended endplates alone.
    """
    for leaning_out, extensions in EXTENSIONS.items():
        for side in (1.0, -1.0):
            for extension in extensions:
                figure = _legs(upper, lower, side, extension, film, leaning_out=leaning_out)
                if figure is not None:
                    return figure
    lines = tuple(_extended(line, 1.0, 0.5) for line in (upper, lower))
    outward = np.sign(upper[0, 0] - upper[1, 0]) or 1.0
    return AngleFigure(lines, None, lines[0][1], float(outward))


def spread(positions: FloatArray, gap: float, low: float, high: float) -> FloatArray:
    """``positions`` (n,) in order, moved as little as needed to lie ``gap`` apart in [low, high]."""
    if len(positions) == 0:
        return np.asarray(positions, dtype=np.float64)
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    offsets = np.arange(len(positions)) * gap
    levels = np.asarray(positions, dtype=np.float64) - offsets
    # Pool neighbours that would break the order: least squares under 'not decreasing'.
    blocks: list[list[float]] = []
    for value in levels:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value_b, count_b = blocks.pop()
            value_a, count_a = blocks.pop()
            count = count_a + count_b
            blocks.append([(value_a * count_a + value_b * count_b) / count, count])
    pooled = np.concatenate([np.full(int(count), value) for value, count in blocks])
    return np.clip(pooled, low, high - offsets[-1]) + offsets


def dashes(points: FloatArray, on: float, off: float, *, closed: bool) -> list[FloatArray]:
    """``points`` (n, 2) cut into dashes of length ``on`` with gaps of ``off``."""
    path = np.vstack([points, points[:1]]) if closed else np.asarray(points, dtype=np.float64)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    pieces = []
    for start in np.arange(0.0, lengths[-1], on + off):
        end = min(start + on, lengths[-1])
        inner = path[(lengths > start) & (lengths < end)]
        ends = np.array(
            [[np.interp(at, lengths, path[:, k]) for k in (0, 1)] for at in (start, end)]
        )
        pieces.append(np.vstack([ends[:1], inner, ends[1:]]))
    return pieces


def _lordosis(
    study: Study, lordosis: Measurement, aspect: FloatArray, film: View
) -> AngleFigure | None:
    ends = []
    for level in (lordosis.levels[0], lordosis.levels[-1]):
        body = next((item for item in study.vertebrae if item.level == level), None)
        if body is None or not np.isfinite(body.corners[:2]).all():
            return None
        ends.append(body.corners[:2] * aspect)
    return angle_figure(ends[0], ends[1], film)


def _legs(
    upper: FloatArray,
    lower: FloatArray,
    side: float,
    extension: float,
    film: View,
    *,
    leaning_out: bool,
) -> AngleFigure | None:
    """Legs from the ends of endplates extended by ``extension``; None where they do not serve.

    ``leaning_out``: the legs must lean away from the bodies, as they do in front of a lordosis.
    """
    length = float(np.mean([np.linalg.norm(line[0] - line[1]) for line in (upper, lower)]))
    along = [_unit(line[0] - line[1]) for line in (upper, lower)]
    cosine = float(np.clip(along[0] @ along[1], -1, 1))
    if length == 0 or math.degrees(math.acos(cosine)) < LEAST_ANGLE:
        return None
    near = 0 if side > 0 else 1
    starts = [
        line[near] + side * extension * length * direction
        for line, direction in zip((upper, lower), along, strict=True)
    ]
    down = lower.mean(axis=0) - upper.mean(axis=0)
    legs = [_perpendicular(along[0], down), _perpendicular(along[1], -down)]
    matrix = np.column_stack([legs[0], -legs[1]])
    if abs(np.linalg.det(matrix)) < 1e-6:
        return None
    reach = np.linalg.solve(matrix, starts[1] - starts[0])
    longest = 1.1 * float(np.linalg.norm(down))
    if not (0.05 * longest < reach.min() and reach.max() < longest):
        return None
    crossing = starts[0] + reach[0] * legs[0]
    if ((crossing - (starts[0] + starts[1]) / 2) @ (along[0] + along[1]) * side > 0) != leaning_out:
        return None
    if not (
        all(_holds(film, start, 0.0) for start in starts) and _holds(film, crossing, 0.6 * length)
    ):
        return None
    over = 0.55 * length
    far = 1 - near
    lines = (
        np.array([upper[far], starts[0] + side * 0.12 * length * along[0]]),
        np.array([lower[far], starts[1] + side * 0.12 * length * along[1]]),
        np.array([starts[0], crossing + over * legs[0]]),
        np.array([starts[1], crossing + over * legs[1]]),
    )
    arc = _arc(crossing, -legs[0], legs[1], 0.42 * length)
    outward = float(np.sign(side * (along[0] + along[1])[0]) or 1.0)
    return AngleFigure(lines, arc, crossing + np.array([outward * 0.18 * length, 0.0]), outward)


def _arc(centre: FloatArray, start: FloatArray, end: FloatArray, radius: float) -> FloatArray:
    first = math.atan2(start[1], start[0])
    turn = math.atan2(end[1], end[0]) - first
    turn = (turn + math.pi) % (2 * math.pi) - math.pi
    angles = first + turn * np.linspace(0, 1, 16)
    return centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _extended(line: FloatArray, front: float, back: float) -> FloatArray:
    step = line[0] - line[1]
    return np.array([line[1] - back * step, line[0] + front * step])


def _perpendicular(direction: FloatArray, towards: FloatArray) -> FloatArray:
    normal = np.array([-direction[1], direction[0]])
    return normal if normal @ towards > 0 else -normal


def _unit(vector: FloatArray) -> FloatArray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _front(study: Study) -> float:
    """-1 where the front of the body points to the left of the picture, else 1."""
    corners = [body.corners[:2] for body in study.vertebrae if np.isfinite(body.corners[:2]).all()]
    if corners:
        return float(np.sign(sum(line[0, 0] - line[1, 0] for line in corners)) or 1.0)
    return -1.0 if study.image.facing == "left" else 1.0


def _name(body: Vertebra, aspect: FloatArray, study: Study, *, behind: bool) -> LevelName | None:
    """Where a body's name stands: a part of its depth behind it, or in front of it."""
    points = body.corners * aspect
    contour = body.contour * aspect
    near, far = (1, 0) if behind else (0, 1)
    text = body.level or "?"
    if np.isfinite(points).all():
        middles = points[[near, near + 2]].mean(axis=0), points[[far, far + 2]].mean(axis=0)
        outward = _unit(middles[0] - middles[1])
        depth = float(np.linalg.norm(points[0] - points[1]))
        return LevelName(text, middles[0] + 0.3 * depth * outward, outward)
    if np.isfinite(points[:2]).all():
        along = points[near] - points[far]
        below = contour.mean(axis=0) - points[:2].mean(axis=0) if len(contour) else np.zeros(2)
        drop = 0.3 * float(np.linalg.norm(along)) * _unit(below)
        return LevelName(text, points[near] + 0.3 * along + drop, _unit(along))
    if len(contour) == 0:
        return None
    side = -_front(study) if behind else _front(study)
    edge = contour[:, 0].max() if side > 0 else contour[:, 0].min()
    reach = 0.15 * float(np.ptp(contour[:, 0]))
    return LevelName(
        text, np.array([edge + side * reach, contour[:, 1].mean()]), np.array([side, 0.0])
    )


def _holds(film: View, point: FloatArray, room: float) -> bool:
    """Whether ``point`` lies on the film with ``room`` on either side of it."""
    x, y = point - [film.left, film.top]
    return bool(room < x < film.width - room and 0 < y < film.height)


def _inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), max(low, high))
