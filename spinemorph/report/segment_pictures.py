"""A small picture of each motion segment: the film, both facing endplates, the disc's height."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.report.figures import regions, simplified
from spinemorph.report.painter import AREA_ALPHA, BLACK, STYLES, WHITE, Colour
from spinemorph.report.preview import View, preview, whole_film
from spinemorph.report.tables import segments
from spinemorph.types import FloatArray, Radiograph, Study

WIDTH, HEIGHT = 84.0, 56.0
#: Width of a picture in depths of the deepest body: both bodies stay in view in a slip.
DEPTHS: Final = 1.45
#: Pixels for a point of the page.
DENSITY: Final = 3.0
JPEG_QUALITY: Final = 82


def segment_pictures(
    study: Study, radiograph: Radiograph | None, words: Words
) -> dict[tuple[str, ...], tuple[svg.Drawing, str]]:
    """Levels of a motion segment -> its picture as SVG, and what it shows in words.

    All pictures of a study have one scale. Segments of which an endplate is missing have none.
    """
    bodies = {body.level: body for body in study.vertebrae if body.level}
    aspect = np.array([1.0, study.image.aspect])
    facing: dict[tuple[str, ...], tuple[FloatArray, FloatArray]] = {}
    for pair in segments(study):
        upper, lower = bodies.get(pair[0]), bodies.get(pair[-1])
        if upper is not None and lower is not None:
            lines = upper.corners[2:] * aspect, lower.corners[:2] * aspect
            if np.isfinite(lines).all():
                facing[pair] = lines
    if not facing:
        return {}
    depth = max(
        float(np.linalg.norm(line[0] - line[1])) for lines in facing.values() for line in lines
    )
    width = DEPTHS * depth
    outlines = {level: simplified(body.contour * aspect) for level, body in bodies.items()}
    spaces = {space.levels: space.contour * aspect for space in regions(study, "disc_space")}
    return {
        pair: (
            _picture(
                study,
                radiograph,
                lines,
                [outlines[pair[0]], outlines[pair[-1]]],
                spaces.get(pair),
                width,
            ),
            words("segment.alt", level="/".join(pair)),
        )
        for pair, lines in facing.items()
    }


def _picture(
    study: Study,
    radiograph: Radiograph | None,
    lines: tuple[FloatArray, FloatArray],
    outlines: list[FloatArray],
    space: FloatArray | None,
    width: float,
) -> svg.Drawing:
    film = whole_film(study.image.rows, study.image.columns, study.image.aspect)
    centre = np.concatenate(lines).mean(axis=0)
    scale = WIDTH / width
    view = View(
        float(centre[0] - width / 2), float(centre[1] - HEIGHT / scale / 2), width, HEIGHT / scale
    )
    shown = _cut(view, film)
    parts = [svg.element("rect", width=WIDTH, height=HEIGHT, fill="#0a0a0a")]
    if radiograph is not None and shown is not None:
        rows = max(round(shown.height * scale * DENSITY), 8)
        columns = max(round(shown.width * scale * DENSITY), 8)
        pixels = preview(radiograph, shown, height=rows, width=columns)
        left, top = view.to_frame(np.array([[shown.left, shown.top]]), scale)[0]
        parts.append(
            svg.image(
                pixels,
                float(left),
                float(top),
                shown.width * scale,
                shown.height * scale,
                quality=JPEG_QUALITY,
            )
        )
    pen = svg.SvgPen()
    if space is not None:
        pen.area(view.to_frame(space, scale), STYLES["disc"].colour, AREA_ALPHA["disc"])
    for outline in outlines:
        if len(outline) > 2:
            points = view.to_frame(outline, scale)
            _stroke(pen, np.vstack([points, points[:1]]), STYLES["contour"].colour, 0.55)
    for line, kind in zip(lines, ("inferior", "superior"), strict=True):
        _stroke(pen, view.to_frame(line, scale), STYLES[kind].colour, 1.0)
    middles = view.to_frame(np.array([line.mean(axis=0) for line in lines]), scale)
    _stroke(pen, middles, WHITE, 0.7)
    inside = svg.element("svg", *parts, *pen.parts, width=WIDTH, height=HEIGHT)
    return svg.document(WIDTH, HEIGHT, inside)


def _stroke(pen: svg.SvgPen, points: FloatArray, colour: Colour, width: float) -> None:
    pen.line(points, BLACK, width + 0.7, 0.55)
    pen.line(points, colour, width)


def _cut(view: View, film: View) -> View | None:
    """The part of ``view`` that lies on the film."""
    left, top = max(view.left, film.left), max(view.top, film.top)
    right = min(view.left + view.width, film.left + film.width)
    bottom = min(view.top + view.height, film.top + film.height)
    if right - left < 1 or bottom - top < 1:
        return None
    return View(left, top, right - left, bottom - top)
