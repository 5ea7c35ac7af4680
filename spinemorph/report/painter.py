"""How a drawing looks: colours, widths and order, the same on paper and on the screen.

The colours are those of Okabe and Ito that differ for every kind of colour vision, over a dark
casing so that they hold on bone and on air; kinds also differ by width and dash, for grey print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from spinemorph.report.figures import Drawing, LevelName, dashes, spread
from spinemorph.report.preview import View
from spinemorph.types import FloatArray

Colour = tuple[float, float, float]

WHITE: Final = (1.0, 1.0, 1.0)
BLACK: Final = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Style:
    """Line of one kind: red, green, blue in 0 to 1; width in points."""

    colour: Colour
    width: float
    dashed: bool = False


STYLES: Final = {
    "contour": Style((0.34, 0.71, 0.91), 0.8),
    "superior": Style((0.94, 0.89, 0.26), 1.3),
    "inferior": Style((0.90, 0.62, 0.00), 1.3),
    "cobb": Style((1.0, 0.55, 0.45), 1.4),
    "osteophyte": Style((0.94, 0.56, 0.78), 0.9),
    "disc": Style((0.34, 0.85, 0.72), 0.6),
    "implant": Style((0.15, 0.85, 0.62), 0.9),
}
CASING_WIDTH: Final = 1.0
#: How much of what lies below an area hides.
AREA_ALPHA: Final = {"osteophyte": 0.35, "disc": 0.22, "implant": 0.18}
NAME_SIZE: Final = 8.5
ANGLE_SIZE: Final = 11.0


class Pen(Protocol):
    """Draws in the units of the target, from the top left corner of the frame, y down."""

    def line(
        self, points: FloatArray, colour: Colour, width: float, alpha: float = 1.0
    ) -> None: ...
    def area(self, points: FloatArray, colour: Colour, alpha: float) -> None: ...
    def dot(self, centre: FloatArray, radius: float, colour: Colour) -> None: ...
    def chip(
        self, centre: tuple[float, float], text: str, size: float, colour: Colour, width: float
    ) -> None: ...
    def text_width(self, text: str, size: float) -> float: ...


@dataclass(frozen=True)
class Frame:
    """Where a view lands: ``scale`` target units a display pixel, ``point`` target units a point.

    ``left`` and ``top``: the view's corner; ``width`` and ``height``: the room that names may use,
    which can be wider than the view.
    """

    view: View
    scale: float
    point: float
    left: float
    top: float
    width: float
    height: float

    def place(self, points: FloatArray) -> FloatArray:
        """Display points (n, 2) in target units."""
        return self.view.to_frame(points, self.scale) + [self.left, self.top]


def paint(drawing: Drawing, frame: Frame, pen: Pen) -> None:
    """Draw everything: osteophytes, implants, outlines, endplates, corners, the angle, then the names."""
    for area in drawing.areas:
        points = frame.place(area.points)
        pen.area(points, STYLES[area.kind].colour, AREA_ALPHA[area.kind])
        _stroke(pen, points, area.kind, frame.point, closed=True)
    for stroke in drawing.strokes:
        points = frame.place(stroke.points)
        _stroke(pen, points, stroke.kind, frame.point, closed=stroke.closed, dashed=stroke.dashed)
    for corner in drawing.corners:
        centre = frame.place(corner[None])[0]
        pen.dot(centre, 1.5 * frame.point, BLACK)
        pen.dot(centre, 1.05 * frame.point, WHITE)
    if drawing.angle is not None:
        for line in drawing.angle.lines:
            _stroke(pen, frame.place(line), "cobb", frame.point)
        if drawing.angle.arc is not None:
            _stroke(pen, frame.place(drawing.angle.arc), "cobb", frame.point)
    _names(drawing.names, frame, pen)
    if drawing.angle is not None and drawing.angle_text:
        size = ANGLE_SIZE * frame.point
        width = pen.text_width(drawing.angle_text, size) + 0.7 * size
        x, y = frame.place(drawing.angle.anchor[None])[0]
        edge = width / 2 + 3 * frame.point
        x = np.clip(x + drawing.angle.side * width / 2, edge, frame.width - edge)
        y = np.clip(y, size, frame.height - size)
        pen.chip((x, y), drawing.angle_text, size, STYLES["cobb"].colour, width)


def _stroke(
    pen: Pen,
    points: FloatArray,
    kind: str,
    point: float,
    *,
    closed: bool = False,
    dashed: bool = False,
) -> None:
    style = STYLES[kind]
    width = style.width * point
    if dashed or style.dashed:
        pieces = dashes(points, 3.2 * point, 2.2 * point, closed=closed)
    else:
        pieces = [np.vstack([points, points[:1]]) if closed else points]
    for piece in pieces:
        pen.line(piece, BLACK, width + CASING_WIDTH * point, 0.55)
    for piece in pieces:
        pen.line(piece, style.colour, width)


def _names(names: tuple[LevelName, ...], frame: Frame, pen: Pen) -> None:
    size = NAME_SIZE * frame.point
    for outward in (1.0, -1.0):
        side = [name for name in names if (name.direction[0] >= 0) == (outward > 0)]
        if not side:
            continue
        anchors = frame.place(np.array([name.anchor for name in side]))
        order = np.argsort(anchors[:, 1], kind="stable")
        places = spread(anchors[order, 1], 1.45 * size, 0.9 * size, frame.height - 0.9 * size)
        for index, y in zip(order, places, strict=True):
            text = side[index].text
            width = pen.text_width(text, size) + 0.6 * size
            x = anchors[index, 0] + outward * width / 2
            x = float(np.clip(x, width / 2, frame.width - width / 2))
            if abs(y - anchors[index, 1]) > 0.8 * size:
                pen.line(np.array([anchors[index], [x, y]]), WHITE, 0.5 * frame.point)
            pen.chip((x, float(y)), text, size, WHITE, width)
