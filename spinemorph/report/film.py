"""The film as a figure: picture, vectors over it, scale bar, directions, and where the part lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.report.figures import Drawing, choose_view, draw
from spinemorph.report.painter import STYLES, Frame, paint
from spinemorph.report.preview import View, preview, whole_film
from spinemorph.types import Radiograph, Study

#: Height of the embedded picture in pixels, at least and at most.
PICTURE_HEIGHT: Final = (1100, 1600)
INSET_HEIGHT: Final = 92.0
BARS_MM: Final = (100, 50, 20, 10, 5)
BACKGROUND: Final = "#0a0a0a"
CHIP: Final = (0.85, 0.85, 0.85)
WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class FilmFigure:
    """A film with what was found: SVG of ``width`` x ``height`` points, and what to say beside it.

    ``legend``: colour (``#rrggbb``) and words of each kind of line that is drawn.
    """

    svg: svg.Drawing
    width: float
    height: float
    alt: str
    note: str
    legend: tuple[tuple[str, str], ...]
    view: View


def film_figure(
    study: Study,
    radiograph: Radiograph | None,
    words: Words,
    width: float,
    height: float,
    *,
    view: View | None = None,
) -> FilmFigure:
    """The figure of ``study`` in a frame of ``width`` x at most ``height`` points.

    ``view``: the part of the film to show, else the part with the spine. Without a radiograph the
    drawing stands on black. Angles are true: the film is shown at the aspect of its pixels.
    """
    image = study.image
    film = whole_film(image.rows, image.columns, image.aspect)
    drawing = draw(study, film, words)
    view = view or choose_view(drawing, film, width / height)
    scale = min(width / view.width, height / view.height)
    height = min(height, view.height * scale)
    left = (width - view.width * scale) / 2
    parts = [svg.element("rect", width=width, height=height, fill=BACKGROUND)]
    if radiograph is not None:
        picture = preview(
            radiograph, view, height=round(float(np.clip(view.height, *PICTURE_HEIGHT)))
        )
        parts.append(svg.image(picture, left, 0.0, view.width * scale, height))
    pen = svg.SvgPen()
    frame = Frame(view, scale, 1.0, left, 0.0, width, height)
    paint(drawing, frame, pen)
    _directions(pen, study, frame, words)
    free = _free_corners(drawing, frame)
    taken = None
    inset: list[str] = []
    if view != film and radiograph is not None:
        taken = free[0]
        inset = _inset(radiograph, film, view, frame, taken)
    side = next(side for side, end in free if end == "bottom" and (side, end) != taken)
    _scale_bar(pen, study, frame, side, words)
    alt = alt_text(study, words)
    inside = svg.element("svg", *parts, *pen.parts, *inset, width=width, height=height)
    return FilmFigure(
        svg.document(width, height, inside, label=alt),
        width,
        height,
        alt,
        _note(study, words, whole=view == film),
        _legend(drawing, words),
        view,
    )


def alt_text(study: Study, words: Words) -> str:
    """The figure in words, for those who cannot see it."""
    if not study.vertebrae:
        return words("film.alt_empty")
    levels = [body.level or "?" for body in study.vertebrae]
    text = words("film.alt", count=len(levels), levels=", ".join(levels))
    found = study.find("lumbar_lordosis")
    if found is not None and found.value is not None:
        text += f" {words.measure(found.name)}: {words.number(found.value, 1)}°."
    return text


def _note(study: Study, words: Words, *, whole: bool) -> str:
    note = words("film.whole") if whole else words("film.part")
    return f"{note} {words('film.dashed')}" if study.vertebrae else note


def _legend(drawing: Drawing, words: Words) -> tuple[tuple[str, str], ...]:
    """The kinds of line that are drawn."""
    kinds = {stroke.kind for stroke in (*drawing.strokes, *drawing.areas)}
    if drawing.angle is not None:
        kinds.add("cobb")
    return tuple(
        (svg.colour(STYLES[kind].colour), text)
        for kind, text in words.section("legend").items()
        if kind in kinds
    )


def _directions(pen: svg.SvgPen, study: Study, frame: Frame, words: Words) -> None:
    if study.image.facing is None:
        return
    ends = [words("film.front"), words("film.back")]
    if study.image.facing == "right":
        ends.reverse()
    for text, side in zip(ends, (0, 1), strict=True):
        width = pen.text_width(text, 6.5) + 6
        x = 4 + width / 2 if side == 0 else frame.width - 4 - width / 2
        pen.chip((x, 9.0), text, 6.5, CHIP, width)


def _free_corners(drawing: Drawing, frame: Frame) -> list[tuple[str, str]]:
    """The corners of the frame, the one farthest from all that is drawn first."""
    corners = [("left", "bottom"), ("right", "bottom"), ("left", "top"), ("right", "top")]
    parts = [frame.place(stroke.points) for stroke in (*drawing.strokes, *drawing.areas)]
    parts += [frame.place(name.anchor[None]) for name in drawing.names]
    if drawing.angle is not None:
        parts += [frame.place(line) for line in drawing.angle.lines]
    if not parts:
        return corners
    points = np.concatenate(parts)

    def distance(corner: tuple[str, str]) -> float:
        x = 0.0 if corner[0] == "left" else frame.width
        y = 0.0 if corner[1] == "top" else frame.height
        # A corner below is preferred: nothing else stands there.
        bonus = 40.0 if corner[1] == "bottom" else 0.0
        return float(np.linalg.norm(points - [x, y], axis=1).min()) + bonus

    return sorted(corners, key=distance, reverse=True)


def _inset(
    radiograph: Radiograph, film: View, view: View, frame: Frame, corner: tuple[str, str]
) -> list[str]:
    """The whole film, small, with the part that is shown."""
    h = min(INSET_HEIGHT, 0.3 * frame.height, 0.25 * frame.width * film.height / film.width)
    w = h * film.width / film.height
    x = 5.0 if corner[0] == "left" else frame.width - 5 - w
    y = frame.height - 5 - h if corner[1] == "bottom" else 20.0
    size = h / film.height
    pixels = preview(radiograph, film, height=max(round(2.5 * h), 1))
    return [
        svg.image(pixels, x, y, w, h),
        svg.element(
            "rect", x=x, y=y, width=w, height=h, fill="none", stroke="#cccccc", stroke_width=0.5
        ),
        svg.element(
            "rect",
            x=x + (view.left - film.left) * size,
            y=y + (view.top - film.top) * size,
            width=view.width * size,
            height=view.height * size,
            fill="none",
            stroke="#ffffff",
            stroke_width=0.9,
        ),
    ]


def _scale_bar(pen: svg.SvgPen, study: Study, frame: Frame, side: str, words: Words) -> None:
    spacing = study.image.spacing
    if spacing is None:
        return
    per_mm = frame.scale / spacing.column
    length = next((mm for mm in BARS_MM if mm * per_mm < 0.4 * frame.width), None)
    if length is None or length * per_mm < 6:
        return
    size = 6.5
    text = words(f"bar.{spacing.basis}", length=length)
    width = max(length * per_mm, pen.text_width(text, size) + 6)
    centre = 8 + width / 2 if side == "left" else frame.width - 8 - width / 2
    y = frame.height - 8
    ends = np.array([[centre - length * per_mm / 2, y], [centre + length * per_mm / 2, y]])
    for colour, stroke in ((BLACK, 2.8), (WHITE, 1.4)):
        pen.line(ends, colour, stroke)
    pen.chip((centre, y - 9), text, size, WHITE, pen.text_width(text, size) + 6)
