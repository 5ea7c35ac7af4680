"""A small grey picture of a film, without any text of ours."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import StoreError
from spinemorph.report.preview import preview, whole_film
from spinemorph.types import FloatArray, Radiograph, Study

#: Longer side of a thumbnail in pixels, and the quality of its JPEG.
LONGEST: Final = 512
QUALITY: Final = 85
#: What a pseudonymised picture shows around the bones, as part of their extent.
MARGIN: Final = 0.06


def thumbnail(radiograph: Radiograph, study: Study, *, only_bones: bool = False) -> bytes | None:
    """JPEG of the whole film, square pixels; None where ``only_bones`` and none was found.

    ``only_bones`` blackens everything but the hull of what was found and a margin around it: a name
    that was burned into the film stands at its edge.
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
        picture = np.where(_around(placed, picture.shape), picture, np.uint8(0))
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise StoreError("the thumbnail could not be encoded")
    return data.tobytes()


def _around(points: FloatArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The convex hull of ``points`` (x, y) and a margin around it, as a mask of ``shape``."""
    import cv2

    margin = max(1.0, MARGIN * float(np.ptp(points, axis=0).max()))
    seen = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(seen, hull, 1)
    cv2.polylines(seen, [hull], isClosed=True, color=1, thickness=round(2 * margin))
    return seen.astype(bool)


def stand_in(picture: bytes, study: Study) -> Radiograph | None:
    """A thumbnail in the size of its film, to be looked at where the film is away; None if damaged."""
    import cv2

    grey = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return None
    image = study.image
    large = cv2.resize(grey, (image.columns, image.rows), interpolation=cv2.INTER_CUBIC)
    return Radiograph(
        large.astype(np.float32) / 255, study.source, image.spacing, image.aspect, image.facing
    )
