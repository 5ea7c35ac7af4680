"""SVG as strings: elements, a picture inside, and a pen for drawings over a film.

The same SVG stands in the PDF, where its text can be selected, and in the HTML page.
"""

from __future__ import annotations

import base64
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from spinemorph.report.fonts import BOLD, FAMILIES, pillow_font, printable
from spinemorph.report.painter import Colour
from spinemorph.types import FloatArray

FONTS: Final = ", ".join(f"'{name}'" for name in FAMILIES) + ", sans-serif"
JPEG_QUALITY: Final = 88
#: Points of a curve nearer than this (in points of the page) to the one before are left out.
CLOSEST: Final = 0.8

#: Colours of plots: what is in its range, what is not, and a published range.
INK, ALERT, BAND = "currentColor", "#b3261e", "#c9ced6"


class Drawing(str):
    """The markup of a whole picture, made here: no other text is ever taken for markup."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: object) -> str:
    """``<name ...>children</name>``; ``_`` in names of attributes is ``-``; None leaves one out.

    Children are markup: text goes through :func:`text` or :func:`escaped`.
    """
    shown = "".join(
        [
            f" {key.rstrip('_').replace('_', '-')}={_quoted(value)}"
            for key, value in attributes.items()
            if value is not None
        ]
    )
    return f"<{name}{shown}>{''.join(children)}</{name}>" if children else f"<{name}{shown}/>"


def escaped(text: str) -> str:
    """``text`` as it may stand between tags."""
    return escape(printable(text))


def document(width: float, height: float, *parts: str, label: str = "") -> Drawing:
    """A whole SVG of that size in points; ``label`` is read to those who cannot see it."""
    markup = element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=printable(label) or None,
    )
    return Drawing(markup)


def text(
    words: str,
    x: float,
    y: float,
    size: float,
    *,
    anchor: str = "start",
    bold: bool = False,
    fill: str = "currentColor",
    opacity: float | None = None,
    length: float | None = None,
) -> str:
    """One line of text on the base line ``y``; ``anchor`` start, middle or end. ``length``: it is squeezed or
    stretched to this, whatever font a browser takes for ours.
    """
    return element(
        "text",
        escaped(words),
        x=x,
        y=y,
        font_size=size,
        font_family=FONTS,
        font_weight=700 if bold else 400,
        text_anchor=anchor,
        fill=fill,
        fill_opacity=opacity,
        textLength=length,
        lengthAdjust=None if length is None else "spacingAndGlyphs",
    )


def line(x1: float, y1: float, x2: float, y2: float, width: float, **attributes: Any) -> str:
    """A straight line; ``stroke`` is the colour of the text around it unless given."""
    attributes.setdefault("stroke", "currentColor")
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke_width=width, **attributes)


def jpeg(picture: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> str:
    """A grey picture (rows, columns) uint8 as a data URI."""
    import cv2

    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(code.tobytes()).decode()


def png(file: bytes) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(file).decode()


def image(
    picture: NDArray[np.uint8],
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    quality: int = JPEG_QUALITY,
) -> str:
    """A grey picture (rows, columns) uint8 stretched over a rectangle."""
    return element(
        "image",
        href=jpeg(picture, quality),
        x=x,
        y=y,
        width=width,
        height=height,
        preserveAspectRatio="none",
    )


def colour(of: Colour) -> str:
    """Red, green, blue in 0 to 1 as ``#rrggbb``."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in of)


def text_width(words: str, size: float, font: str = BOLD) -> float:
    """Width of a line of text."""
    return float(pillow_font(font, 100).getlength(words)) * size / 100


class SvgPen:
    """Collects the strokes of a drawing as markup, in ``parts``."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def line(self, points: FloatArray, colour: Colour, width: float, alpha: float = 1.0) -> None:
        self.parts.append(
            element(
                "path",
                d=_path(points),
                fill="none",
                stroke=_hex(colour),
                stroke_width=width,
                stroke_opacity=None if alpha == 1 else alpha,
                stroke_linecap="round",
                stroke_linejoin="round",
            )
        )

    def area(self, points: FloatArray, colour: Colour, alpha: float) -> None:
        self.parts.append(
            element("path", d=_path(points) + "z", fill=_hex(colour), fill_opacity=alpha)
        )

    def dot(self, centre: FloatArray, radius: float, colour: Colour) -> None:
        x, y = (float(part) for part in centre)
        self.parts.append(element("circle", cx=x, cy=y, r=radius, fill=_hex(colour)))

    def chip(
        self, centre: tuple[float, float], text: str, size: float, colour: Colour, width: float
    ) -> None:
        x, y = (float(part) for part in centre)
        self.parts.append(
            element(
                "rect",
                x=x - width / 2,
                y=y - 0.65 * size,
                width=width,
                height=1.3 * size,
                rx=0.25 * size,
                fill="#000000",
                fill_opacity=0.7,
            )
        )
        self.parts.append(
            _text(
                text,
                x,
                y + 0.36 * size,
                size,
                anchor="middle",
                bold=True,
                fill=_hex(colour),
                length=self.text_width(text, size),
            )
        )

    def text_width(self, text: str, size: float) -> float:
        return text_width(text, size)


_hex, _text = colour, text


def _path(points: FloatArray) -> str:
    """Path data through ``points`` (n, 2); those too close to be told apart are left out."""
    array = np.asarray(points, dtype=np.float64)
    if len(array) > 16:
        steps = np.floor(np.cumsum(np.linalg.norm(np.diff(array, axis=0), axis=1)) / CLOSEST)
        kept = np.concatenate([[True], np.diff(steps, prepend=-1.0) > 0])
        kept[-1] = True
        array = array[kept]
    return "M" + "L".join(["%.2f %.2f"] * len(array)) % tuple(array.ravel().tolist())


def _quoted(value: object) -> str:
    """The value of an attribute in its quotes; numbers hold nothing that must be escaped."""
    return quoteattr(value) if isinstance(value, str) else f'"{_plain(value)}"'


def _plain(value: object) -> str:
    """A number to 1/1000, anything else as it is."""
    if isinstance(value, float | np.floating):
        return f"{float(value):.3f}".rstrip("0").rstrip(".")
    return str(value)
