"""Figures of a comparison: films side by side, and two films laid on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.compare.report.canvas import HEIGHT, Canvas, aligned, side_by_side
from spinemorph.compare.types import Comparison
from spinemorph.report import svg
from spinemorph.report.catalogue import Words
from spinemorph.report.figures import dashes, draw
from spinemorph.report.painter import STYLES, Colour, Frame, paint
from spinemorph.report.preview import whole_film
from spinemorph.types import FloatArray, Study

BACKGROUND: Final = "#0a0a0a"
#: Before and after, apart for every kind of colour vision (Okabe and Ito), and by dash.
BEFORE, AFTER = (0.34, 0.71, 0.91), (0.90, 0.62, 0.00)
CHIP: Final = (0.92, 0.92, 0.92)
GAP: Final = 8.0
#: Room above the films for their dates.
HEAD: Final = 13.0
_BARS_MM: Final = (50, 20, 10)


@dataclass(frozen=True)
class Picture:
    """An SVG with its size in points, its words, and what its lines mean (colour, words)."""

    svg: str
    width: float
    height: float
    alt: str
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()


def films_picture(
    comparison: Comparison, words: Words, width: float, height: float, films: tuple[int, ...]
) -> Picture:
    """``films`` side by side at one scale, with endplates, implants and the angle of lordosis."""
    each = (width - GAP * (len(films) - 1)) / len(films)
    height, whole = height - HEAD, height
    canvases = side_by_side(comparison, each / height)
    scale = height / HEIGHT
    parts = []
    for place, film in enumerate(films):
        canvas = canvases[film]
        left = place * (each + GAP)
        inside = [svg.element("rect", width=each, height=height, fill=BACKGROUND)]
        if canvas.picture is not None:
            inside.append(svg.image(canvas.picture, 0, 0, each, height))
        pen = svg.SvgPen()
        view = whole_film(HEIGHT, canvas.study.image.columns, 1.0)
        drawing = draw(canvas.study, view, words)
        paint(drawing, Frame(view, scale, 1.0, 0.0, 0.0, each, height), pen)
        title = film_title(comparison, film, words)
        _scale_bar(pen, canvas.study, scale, each, height, words)
        inside += pen.parts
        size = 8.0 * min(1.0, each / svg.text_width(title, 8.0))
        length = svg.text_width(title, size)
        parts.append(svg.text(title, left, 8.5, size, bold=True, length=length))
        parts.append(svg.element("svg", *inside, x=left, y=HEAD, width=each, height=height))
    alt = words("comparison.films_alt", films="; ".join(_said(comparison, f, words) for f in films))
    kinds = ("contour", "superior", "inferior", "cobb", "implant")
    legend = tuple((svg.colour(STYLES[kind].colour), words(f"legend.{kind}")) for kind in kinds)
    note = words("comparison.films_note")
    return Picture(svg.document(width, whole, *parts, label=alt), width, whole, alt, note, legend)


def overlay_picture(
    comparison: Comparison, film: int, words: Words, width: float, height: float
) -> Picture | None:
    """Film 0 and ``film`` laid on each other by the bodies that surgery left alone; None where that
    is not possible. Where both films agree the picture is grey.
    """
    pair = aligned(comparison, film, width / height)
    if pair is None:
        return None
    before, after = pair
    inside = [svg.element("rect", width=width, height=height, fill=BACKGROUND)]
    if before.picture is not None and after.picture is not None:
        later = _alike(after.picture, before.picture)
        both = (before.picture.astype(np.uint16) + later) // 2
        # blue, green, red: the earlier film alone is blue, the later one alone is orange
        mixed = np.stack([before.picture, both.astype(np.uint8), later], axis=2)
        inside.append(svg.image(mixed, 0, 0, width, height))
    elif (shown := before.picture if before.picture is not None else after.picture) is not None:
        inside.append(svg.image(shown, 0, 0, width, height))
    scale = height / HEIGHT
    pen = svg.SvgPen()
    for canvas, colour, dashed in ((before, BEFORE, False), (after, AFTER, True)):
        _outlines(pen, canvas, colour, scale, dashed=dashed)
    inside += pen.parts
    dates = film_title(comparison, 0, words), film_title(comparison, film, words)
    alignment = next(a for a in comparison.alignments if a.film == film)
    levels = ", ".join(alignment.levels)
    alt = words("comparison.overlay_alt", before=dates[0], after=dates[1], levels=levels)
    legend = ((svg.colour(BEFORE), dates[0]), (svg.colour(AFTER), dates[1]))
    note = words(
        "comparison.overlay_note",
        levels=levels,
        residual=_residual(comparison, alignment.residual, words),
    )
    picture = svg.element("svg", *inside, width=width, height=height)
    return Picture(
        svg.document(width, height, picture, label=alt), width, height, alt, note, legend
    )


def blink_pictures(
    comparison: Comparison, film: int, words: Words, width: float, height: float
) -> tuple[Picture, Picture] | None:
    """Film 0 and ``film`` on it as two pictures of one frame, to be shown in turn."""
    pair = aligned(comparison, film, width / height)
    if pair is None or pair[0].picture is None or pair[1].picture is None:
        return None
    found = []
    for canvas, colour, place in zip(pair, (BEFORE, AFTER), (0, film), strict=True):
        assert canvas.picture is not None  # noqa: S101  checked above
        inside = [svg.image(canvas.picture, 0, 0, width, height, quality=80)]
        pen = svg.SvgPen()
        _outlines(pen, canvas, colour, height / HEIGHT, dashed=False)
        title = film_title(comparison, place, words)
        chip = pen.text_width(title, 9.0) + 9
        pen.chip((chip / 2 + 4, 12.0), title, 9.0, colour, chip)
        picture = svg.element("svg", *inside, *pen.parts, width=width, height=height)
        found.append(
            Picture(svg.document(width, height, picture, label=title), width, height, title)
        )
    return found[0], found[1]


def _alike(picture: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``picture`` with the brightness and contrast of ``like``, where both show anything."""
    shared = (picture > 0) & (like > 0)
    if shared.sum() < 100:
        return picture
    own, other = picture[shared].astype(float), like[shared].astype(float)
    gain = np.clip(other.std() / max(own.std(), 1.0), 0.5, 2.0)
    moved = (picture - own.mean()) * gain + other.mean()
    return np.where(picture > 0, np.clip(moved, 1, 255), 0).astype(np.uint8)


def film_title(comparison: Comparison, film: int, words: Words) -> str:
    """Date of a film and its distance from surgery, or its number where it has no date."""
    known = comparison.films[film]
    if known.date is None:
        return words("comparison.film", number=film + 1)
    title = words.date(known.date)
    if known.days_since_surgery is not None:
        title += f" ({days(known.days_since_surgery, words)})"
    return title


def days(count: int, words: Words) -> str:
    """Days from surgery in the unit that people use."""
    if count == 0:
        return words("comparison.day_of_surgery")
    size = abs(count)
    number, unit = (float(size), "days") if size < 60 else (size / 30.4, "months")
    if size >= 730:
        number, unit = size / 365.25, "years"
    key = "after" if count > 0 else "before"
    text = words.number(number, 1 if unit == "years" else 0)
    return words(f"comparison.{unit}_{key}", number=text)


def _outlines(
    pen: svg.SvgPen, canvas: Canvas, colour: Colour, scale: float, *, dashed: bool
) -> None:
    lines: list[tuple[FloatArray, float]] = []
    for body in canvas.study.vertebrae:
        if len(body.contour) > 2:
            lines.append((body.contour, 0.7))
        endplates = (body.corners[:2], body.corners[2:])
        lines += [(ends, 1.4) for ends in endplates if np.isfinite(ends).all()]
    lines += [(item.contour, 0.7) for item in canvas.study.implants if len(item.contour) > 2]
    for points, width in lines:
        closed = len(points) > 2
        path = points * scale
        if dashed:
            pieces: list[Any] = dashes(path, 3.0, 1.6, closed=closed)
        else:
            pieces = [np.vstack([path, path[:1]]) if closed else path]
        for piece in pieces:
            pen.line(piece, (0.0, 0.0, 0.0), width + 0.8, 0.5)
        for piece in pieces:
            pen.line(piece, colour, width)


def _scale_bar(
    pen: svg.SvgPen, study: Study, scale: float, width: float, height: float, words: Words
) -> None:
    spacing = study.image.spacing
    if spacing is None:
        return
    per_mm = scale / spacing.column
    length = next((mm for mm in _BARS_MM if mm * per_mm < 0.4 * width), None)
    if length is None:
        return
    end = np.array([width - 8, height - 7])
    line = np.array([end - [length * per_mm, 0], end])
    pen.line(line, (0.0, 0.0, 0.0), 2.6)
    pen.line(line, (1.0, 1.0, 1.0), 1.3)
    text = words(f"bar.{spacing.basis}", length=length)
    chip = pen.text_width(text, 6.2) + 5
    pen.chip((width - 8 - max(chip / 2, length * per_mm / 2), height - 15), text, 6.2, CHIP, chip)


def _said(comparison: Comparison, film: int, words: Words) -> str:
    """A film and its lordosis in words."""
    title = film_title(comparison, film, words)
    item = comparison.studies[film].find("lumbar_lordosis")
    if item is None or item.value is None:
        return title
    return f"{title}: {words.measure(item.name)} {words.number(item.value, 1)}°"


def _residual(comparison: Comparison, pixels: float, words: Words) -> str:
    spacing = comparison.studies[0].image.spacing
    if spacing is None:
        return f"{words.number(pixels, 1)} px"
    return words.number(pixels * spacing.column, 1) + words.unit("mm")
