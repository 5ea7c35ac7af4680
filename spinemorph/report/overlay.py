"""overlay.png: the film with what was found on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinemorph.report.fonts import BOLD, font_file
from spinemorph.report.picture import picture_of
from spinemorph.report.scene import COLOURS, WIDTHS, Scene, scene_of
from spinemorph.types import Radiograph, Study

#: Larger side of the picture.
LARGEST = 1800


class OverlayWriter:
    """Writes the overlay."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """A PNG of the film with contours, endplates, levels, implants and the lordosis."""
        from PIL import Image, ImageDraw, ImageFont

        grey = picture_of(radiograph, LARGEST)
        scale = np.array([grey.shape[1] / radiograph.columns, grey.shape[0] / radiograph.rows])
        image = Image.fromarray(grey).convert("RGB")
        draw = ImageDraw.Draw(image)
        unit = max(grey.shape) / 700
        scene = scene_of(study)
        _lines(draw, scene, scale, unit)
        font = ImageFont.truetype(str(font_file(BOLD)), round(11 * unit))
        for label in scene.labels:
            draw.text(
                tuple(((label.at + 0.5) * scale).tolist()),
                label.text,
                fill=COLOURS[label.kind],
                font=font,
                anchor="mm",
                stroke_width=max(round(1.2 * unit), 1),
                stroke_fill=(0, 0, 0),
            )
        image.save(path, format="PNG", compress_level=2)


def _lines(draw: object, scene: Scene, scale: np.ndarray, unit: float) -> None:  # type: ignore[type-arg]
    """A dark casing under every line, so that it reads on bone and on air."""
    for casing in (True, False):
        for line in scene.lines:
            points = (line.points + 0.5) * scale
            if line.closed:
                points = np.vstack([points, points[:1]])
            width = WIDTHS[line.kind] * unit * 1.3 + (1.4 * unit if casing else 0)
            colour = (0, 0, 0) if casing else COLOURS[line.kind]
            draw.line(  # type: ignore[attr-defined]
                [tuple(point) for point in points.tolist()],
                fill=colour,
                width=max(round(width), 1),
                joint="curve",
            )
