"""overlay.png: the whole film with what was found drawn on it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import ReportError
from spinemorph.report.catalogue import Words, load_words
from spinemorph.report.figures import draw
from spinemorph.report.fonts import BOLD, pillow_font
from spinemorph.report.painter import Colour, Frame, paint
from spinemorph.report.preview import preview, whole_film
from spinemorph.types import FloatArray, Radiograph, Study

#: Longer side limits of the picture: films are shrunk to the upper one, and very small ones
#: enlarged to the lower one so that names can be read.
HIGHEST: Final = 1600
LOWEST: Final = 900
#: A point (the unit of line widths and letters) as part of the picture's geometric mean side.
POINTS: Final = 520.0
#: ``IMWRITE_PNG_COMPRESSION`` 1 and ``IMWRITE_PNG_FILTER`` ``SUB``, by their values: cv2 is imported late.
#: A little larger than level 2 with cv2's own choice of filters, in two thirds of the time.
PNG: Final = (16, 1, 19, 16)


class OverlayWriter:
    """Writes overlay.png: true aspect, at most 1,600 pixels high or wide; ``language`` of numbers."""

    def __init__(self, language: str = "en") -> None:
        self.words = load_words(language)

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """Draws ``study`` over ``radiograph``; ReportError where the file cannot be written."""
        import cv2

        encoded, data = cv2.imencode(".png", overlay(study, radiograph, self.words), PNG)
        if not encoded:
            raise ReportError(f"{path.name}: the picture could not be encoded")
        path.write_bytes(data.tobytes())


def overlay(study: Study, radiograph: Radiograph, words: Words | None = None) -> NDArray[np.uint8]:
    """Picture (rows, columns, 3) uint8, blue green red."""
    import cv2

    film = whole_film(radiograph.rows, radiograph.columns, radiograph.aspect)
    longest = max(film.width, film.height)
    scale = min(HIGHEST, max(LOWEST, longest)) / longest
    height, width = max(1, round(film.height * scale)), max(1, round(film.width * scale))
    picture = cv2.cvtColor(
        preview(radiograph, film, height=height, width=width), cv2.COLOR_GRAY2BGR
    )
    point = max(1.0, float(np.sqrt(width * height)) / POINTS)
    paint(
        draw(study, film, words),
        Frame(film, scale, point, 0.0, 0.0, float(width), float(height)),
        RasterPen(picture),
    )
    result: NDArray[np.uint8] = picture
    return result


class RasterPen:
    """Draws on a picture (rows, columns, 3) uint8 in place, smoothly and at parts of a pixel."""

    _SHIFT = 4

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self.picture = picture

    def line(self, points: FloatArray, colour: Colour, width: float, alpha: float = 1.0) -> None:
        import cv2

        del alpha  # a casing is opaque on the screen: thin lines need all the contrast they get
        cv2.polylines(
            self.picture,
            [self._fixed(points)],
            isClosed=False,
            color=_bgr(colour),
            thickness=max(1, round(width)),
            lineType=cv2.LINE_AA,
            shift=self._SHIFT,
        )

    def area(self, points: FloatArray, colour: Colour, alpha: float) -> None:
        import cv2

        rows, columns = self.picture.shape[:2]
        left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, [columns, rows])
        right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, [columns, rows])
        part = self.picture[top:bottom, left:right]
        if part.size == 0:
            return
        filled = part.copy()
        cv2.fillPoly(
            filled,
            [self._fixed(points - [left, top])],
            color=_bgr(colour),
            lineType=cv2.LINE_AA,
            shift=self._SHIFT,
        )
        part[:] = cv2.addWeighted(filled, alpha, part, 1 - alpha, 0)

    def dot(self, centre: FloatArray, radius: float, colour: Colour) -> None:
        import cv2

        x, y = self._fixed(centre[None])[0]
        unit = 1 << self._SHIFT
        cv2.circle(
            self.picture,
            (int(x), int(y)),
            max(unit, round(radius * unit)),
            _bgr(colour),
            thickness=-1,
            lineType=cv2.LINE_AA,
            shift=self._SHIFT,
        )

    def chip(
        self, centre: tuple[float, float], text: str, size: float, colour: Colour, width: float
    ) -> None:
        from PIL import Image, ImageDraw

        rows, columns = self.picture.shape[:2]
        height = round(1.35 * size)
        left = int(np.clip(round(centre[0] - width / 2), 0, max(columns - round(width), 0)))
        top = int(np.clip(round(centre[1] - height / 2), 0, max(rows - height, 0)))
        part = self.picture[top : top + height, left : left + round(width)]
        part //= 4
        patch = Image.fromarray(np.ascontiguousarray(part[:, :, ::-1]))
        ImageDraw.Draw(patch).text(
            (part.shape[1] / 2, part.shape[0] / 2),
            text,
            font=pillow_font(BOLD, round(size)),
            fill=tuple(round(255 * c) for c in colour),
            anchor="mm",
        )
        part[:] = np.asarray(patch)[:, :, ::-1]

    def text_width(self, text: str, size: float) -> float:
        return float(pillow_font(BOLD, round(size)).getlength(text))

    def _fixed(self, points: FloatArray) -> NDArray[np.int32]:
        # Frames measure from the outer edge of the first pixel, OpenCV from its centre.
        return np.round((np.asarray(points) - 0.5) * (1 << self._SHIFT)).astype(np.int32)


def _bgr(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in colour)
    return blue, green, red
