"""A small grey picture of a film, without any text of ours."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemorph.errors import StoreError
from spinemorph.report.preview import preview, whole_film
from spinemorph.types import Radiograph, Study

#: Longer side of a thumbnail in pixels, and the quality of its JPEG.
LONGEST: Final = 512
QUALITY: Final = 85
#: What a pseudonymised picture shows around the bones, as part of their extent.
MARGIN: Final = 0.06


def thumbnail(radiograph: Radiograph, study: Study, *, only_bones: bool = False) -> bytes | None:
    """JPEG of the whole film, square pixels; None where ``only_bones`` and none was found.

    ``only_bones`` blackens everything but the box around what was found: a name that was burned
    into the film stands at its edge.
    """
    import cv2

    film = whole_film(radiograph.rows, radiograph.columns, radiograph.aspect)
    scale = min(1.0, LONGEST / max(film.width, film.height))
    height, width = max(1, round(film.height * scale)), max(1, round(film.width * scale))
    picture = preview(radiograph, film, height=height, width=width)
    if only_bones:
        outlines = [body.contour for body in study.vertebrae]
        outlines += [implant.contour for implant in study.implants]
        points = [outline for outline in outlines if len(outline)]
        if not points:
            return None
        placed = film.to_frame(np.concatenate(points) * [1.0, radiograph.aspect], scale)
        low, high = placed.min(axis=0), placed.max(axis=0)
        margin = MARGIN * (high - low).max()
        left, top = np.maximum(np.floor(low - margin), 0).astype(int)
        right, bottom = np.maximum(np.ceil(high + margin), 0).astype(int)
        seen = np.zeros_like(picture)
        seen[top:bottom, left:right] = picture[top:bottom, left:right]
        picture = seen
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise StoreError("the thumbnail could not be encoded")
    return data.tobytes()
