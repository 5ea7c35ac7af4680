"""The film on a page: picture, vectors over it, scale bar, directions, and where the part lies."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import numpy as np

from spinemorph.report import words
from spinemorph.report.figures import Drawing, choose_view, draw
from spinemorph.report.fonts import BOLD, REGULAR
from spinemorph.report.painter import STYLES, Colour, Frame, paint
from spinemorph.report.preview import View, preview, whole_film
from spinemorph.report.sheet import GREY, Sheet
from spinemorph.types import FloatArray, Radiograph, Study

#: Height of the embedded picture in pixels, at least and at most.
PICTURE_HEIGHT: Final = (1100, 1600)
JPEG_QUALITY: Final = 88
INSET_HEIGHT: Final = 92.0
BARS_MM: Final = (100, 50, 20, 10, 5)


def draw_film(
    sheet: Sheet,
    study: Study,
    radiograph: Radiograph,
    frame: tuple[float, float, float, float],
) -> float:
    """The film in ``frame`` (left, top, width, height), in points from the bottom left of the
    page; returns the base line below its legend.
    """
    canvas = sheet.canvas
    left, top, width, room = frame
    film = whole_film(radiograph.rows, radiograph.columns, radiograph.aspect)
    drawing = draw(study, film)
    height = room - 26
    view = choose_view(drawing, film, width / height)
    scale = min(width / view.width, height / view.height)
    height = min(height, view.height * scale)
    image_left = (width - view.width * scale) / 2

    canvas.saveState()
    clip = canvas.beginPath()
    clip.rect(left, top - height, width, height)
    canvas.clipPath(clip, stroke=0, fill=0)
    canvas.setFillColorRGB(0.04, 0.04, 0.04)
    canvas.rect(left, top - height, width, height, stroke=0, fill=1)
    pixels = round(np.clip(view.height, *PICTURE_HEIGHT))
    picture = preview(radiograph, view, height=pixels)
    box = (left + image_left, top - height, view.width * scale, height)
    _picture(canvas, picture, box)
    pen = PdfPen(sheet, left, top)
    placed = Frame(view, scale, 1.0, image_left, 0.0, width, height)
    paint(drawing, placed, pen)
    _directions(pen, study, placed)
    free = _free_corners(drawing, placed)
    taken = None
    if view != film:
        taken = free[0]
        _inset(sheet, radiograph, film, view, (left, top, width, height), taken)
    side = next(side for side, end in free if end == "bottom" and (side, end) != taken)
    _scale_bar(pen, study, placed, side)
    canvas.restoreState()
    return _legend(sheet, study, left, top - height - 10, width, whole=view == film)


class PdfPen:
    """Draws on a page; points are counted from the top left corner of a frame, y down."""

    def __init__(self, sheet: Sheet, left: float, top: float) -> None:
        self.sheet, self.canvas, self.left, self.top = sheet, sheet.canvas, left, top
        self.canvas.setLineJoin(1)
        self.canvas.setLineCap(1)

    def line(self, points: FloatArray, colour: Colour, width: float, alpha: float = 1.0) -> None:
        self.canvas.setStrokeColorRGB(*colour)
        self.canvas.setStrokeAlpha(alpha)
        self.canvas.setLineWidth(width)
        self.canvas.drawPath(self._path(points), stroke=1, fill=0)
        self.canvas.setStrokeAlpha(1)

    def area(self, points: FloatArray, colour: Colour, alpha: float) -> None:
        path = self._path(points)
        path.close()
        self.canvas.setFillColorRGB(*colour)
        self.canvas.setFillAlpha(alpha)
        self.canvas.drawPath(path, stroke=0, fill=1)
        self.canvas.setFillAlpha(1)

    def dot(self, centre: FloatArray, radius: float, colour: Colour) -> None:
        self.canvas.setFillColorRGB(*colour)
        x, y = self.left + float(centre[0]), self.top - float(centre[1])
        self.canvas.circle(x, y, radius, stroke=0, fill=1)

    def chip(
        self, centre: tuple[float, float], text: str, size: float, colour: Colour, width: float
    ) -> None:
        x, y = self.left + float(centre[0]), self.top - float(centre[1])
        self.canvas.setFillColorRGB(0, 0, 0)
        self.canvas.setFillAlpha(0.7)
        self.canvas.roundRect(
            x - width / 2, y - 0.65 * size, width, 1.3 * size, 0.25 * size, stroke=0, fill=1
        )
        self.canvas.setFillAlpha(1)
        self.sheet.text(text, x, y - 0.36 * size, size, font=BOLD, ink=colour, anchor="middle")

    def text_width(self, text: str, size: float) -> float:
        return self.sheet.width(text, size, BOLD)

    def _path(self, points: FloatArray) -> Any:
        path = self.canvas.beginPath()
        xs, ys = self.left + points[:, 0], self.top - points[:, 1]
        path.moveTo(float(xs[0]), float(ys[0]))
        for x, y in zip(xs[1:].tolist(), ys[1:].tolist(), strict=True):
            path.lineTo(x, y)
        return path


def _picture(canvas: Any, picture: Any, box: tuple[float, float, float, float]) -> None:
    import cv2
    from reportlab.lib.utils import ImageReader

    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    canvas.drawImage(ImageReader(BytesIO(code.tobytes())), *box)


def _directions(pen: PdfPen, study: Study, frame: Frame) -> None:
    if study.image.facing is None:
        return
    ends = [words.FRONT, words.BACK]
    if study.image.facing == "right":
        ends.reverse()
    for text, side in zip(ends, (0, 1), strict=True):
        width = pen.text_width(text, 6.5) + 5
        x = 4 + width / 2 if side == 0 else frame.width - 4 - width / 2
        pen.chip((x, 9.0), text, 6.5, (0.85, 0.85, 0.85), width)


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
    sheet: Sheet,
    radiograph: Radiograph,
    film: View,
    view: View,
    panel: tuple[float, float, float, float],
    corner: tuple[str, str],
) -> None:
    """The whole film, small, with the part that is shown."""
    canvas = sheet.canvas
    left, top, width, height = panel
    h = min(INSET_HEIGHT, 0.3 * height, 0.25 * width * film.height / film.width)
    w = h * film.width / film.height
    x = left + 5 if corner[0] == "left" else left + width - 5 - w
    y = top - height + 5 if corner[1] == "bottom" else top - 20 - h
    _picture(canvas, preview(radiograph, film, height=round(2.5 * h)), (x, y, w, h))
    canvas.setLineWidth(0.5)
    canvas.setStrokeColorRGB(0.8, 0.8, 0.8)
    canvas.rect(x, y, w, h, stroke=1, fill=0)
    size = h / film.height
    canvas.setLineWidth(0.9)
    canvas.setStrokeColorRGB(1, 1, 1)
    canvas.rect(
        x + (view.left - film.left) * size,
        y + h - (view.top - film.top + view.height) * size,
        view.width * size,
        view.height * size,
        stroke=1,
        fill=0,
    )


def _scale_bar(pen: PdfPen, study: Study, frame: Frame, side: str) -> None:
    spacing = study.image.spacing
    if spacing is None:
        return
    per_mm = frame.scale / spacing.column
    length = next((mm for mm in BARS_MM if mm * per_mm < 0.4 * frame.width), None)
    if length is None or length * per_mm < 6:
        return
    size = 6.5
    text = words.BAR[spacing.basis].format(length=length)
    width = max(length * per_mm, pen.text_width(text, size) + 4)
    centre = 8 + width / 2 if side == "left" else frame.width - 8 - width / 2
    y = frame.height - 8
    ends = np.array([[centre - length * per_mm / 2, y], [centre + length * per_mm / 2, y]])
    for colour, line in (((0.0, 0.0, 0.0), 2.8), ((1.0, 1.0, 1.0), 1.4)):
        pen.line(ends, colour, line)
    chip = pen.text_width(text, size) + 5
    pen.chip((centre, y - 9), text, size, (1.0, 1.0, 1.0), chip)


def _legend(
    sheet: Sheet, study: Study, left: float, y: float, width: float, *, whole: bool
) -> float:
    canvas = sheet.canvas
    kinds = [kind for kind in words.LEGEND if kind != "implant" or study.implants]
    x = left
    for kind in kinds if study.vertebrae or study.implants else ():
        style, text = STYLES[kind], words.LEGEND[kind]
        step = 20 + sheet.width(text, 6.5)
        if x + step > left + width:
            x, y = left, y - 9
        canvas.setLineCap(1)
        for colour, line in (
            ((0.1, 0.1, 0.1), style.width + 1.4),
            (style.colour, style.width + 0.2),
        ):
            canvas.setStrokeColorRGB(*colour)
            canvas.setLineWidth(line)
            canvas.line(x + 1, y + 2.2, x + 12, y + 2.2)
        sheet.text(text, x + 16, y, 6.5, ink=GREY)
        x += step + 6
    note = words.WHOLE if whole else words.PART
    if study.vertebrae:
        note += " " + words.DASHED
    y -= 9
    sheet.text(note, left, y, 6.5, font=REGULAR, ink=GREY, fit=width)
    return y - 9
