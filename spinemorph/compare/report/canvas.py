"""Films on canvases of one size and scale: side by side as they stand, or laid on each other.

Display only: nothing is measured on a canvas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.compare.types import Comparison
from spinemorph.report.figures import choose_view, draw
from spinemorph.report.preview import contrasted, whole_film
from spinemorph.types import FloatArray, PixelSpacing, Radiograph, Study, frozen_array

#: Height of a canvas in pixels.
HEIGHT: Final = 1000


@dataclass(frozen=True, eq=False)
class Canvas:
    """A film as it lies on its canvas: ``study`` with all points moved there, ``picture`` (rows,
    columns) uint8 or None where the film is absent, ``matrix`` (2, 3) from pixels of the film.
    """

    study: Study
    picture: NDArray[np.uint8] | None
    matrix: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen_array(self.matrix, float, (2, 3), "matrix"))


def side_by_side(comparison: Comparison, ratio: float) -> list[Canvas]:
    """Every film as it stands, all at one scale of the bones, facing as film 0, about the same spot.

    ``ratio``: width over height of a canvas. A film that cannot be aligned is fitted by itself.
    """
    first = comparison.studies[0]
    base = _fitted(first, ratio)
    columns = round(HEIGHT * ratio)
    found = [placed(first, comparison.radiographs[0], base, columns)]
    centre = _inverse(base) @ [columns / 2, HEIGHT / 2, 1.0]
    scale = float(np.hypot(*base[:, 0]))
    for film in range(1, len(comparison.studies)):
        study = comparison.studies[film]
        alignment = next((a for a in comparison.alignments if a.film == film), None)
        if alignment is None:
            matrix = _fitted(study, ratio, mirrored=study.image.facing != first.image.facing)
        else:
            middle = _inverse(alignment.matrix) @ [*centre, 1.0]
            size = scale * alignment.scale
            linear = np.diag([-size if alignment.mirrored else size, size * study.image.aspect])
            shift = np.array([columns / 2, HEIGHT / 2]) - linear @ middle
            matrix = np.column_stack([linear, shift])
        found.append(placed(study, comparison.radiographs[film], matrix, columns))
    return found


def aligned(comparison: Comparison, film: int, ratio: float) -> tuple[Canvas, Canvas] | None:
    """Film 0 and ``film`` on it; None where they cannot be aligned."""
    alignment = next((a for a in comparison.alignments if a.film == film), None)
    if alignment is None:
        return None
    base = _fitted(comparison.studies[0], ratio)
    columns = round(HEIGHT * ratio)
    whole = base[:, :2] @ alignment.matrix
    whole[:, 2] += base[:, 2]
    return (
        placed(comparison.studies[0], comparison.radiographs[0], base, columns),
        placed(comparison.studies[film], comparison.radiographs[film], whole, columns),
    )


def placed(study: Study, radiograph: Radiograph | None, matrix: FloatArray, columns: int) -> Canvas:
    """A study and its film moved by ``matrix``; square pixels, as large as they become."""
    picture = None
    if radiograph is not None:
        picture = _warped(radiograph.pixels, matrix, columns)

    def move(points: FloatArray) -> FloatArray:
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])

    facing = study.image.facing
    if np.linalg.det(matrix[:, :2]) < 0 and facing is not None:
        facing = "left" if facing == "right" else "right"
    spacing = study.image.spacing
    if spacing is not None:
        size = spacing.column / float(np.hypot(*matrix[:, 0]))
        spacing = PixelSpacing(size, size, spacing.basis)
    image = replace(
        study.image, rows=HEIGHT, columns=columns, facing=facing, spacing=spacing, aspect=1.0
    )
    vertebrae = tuple(
        replace(v, contour=move(v.contour), corners=move(v.corners)) for v in study.vertebrae
    )
    implants = tuple(replace(item, contour=move(item.contour)) for item in study.implants)
    regions = tuple(replace(item, contour=move(item.contour)) for item in study.regions)
    changed = replace(study, image=image, vertebrae=vertebrae, implants=implants, regions=regions)
    return Canvas(changed, picture, matrix)


def _warped(pixels: Any, matrix: FloatArray, columns: int) -> NDArray[np.uint8]:
    """The film on the canvas with a display window of its own; black beyond its edge."""
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    source = np.ascontiguousarray(pixels, np.float32)
    if scale < 1:  # smooth what the canvas cannot hold
        source = cv2.GaussianBlur(source, (0, 0), 0.45 / scale)
    moved = cv2.warpAffine(source, matrix, (columns, HEIGHT), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(
        np.ones_like(source), matrix, (columns, HEIGHT), flags=cv2.INTER_NEAREST
    )
    shown = contrasted(moved)
    return np.where(inside > 0, shown, 0).astype(np.uint8)


def _fitted(study: Study, ratio: float, *, mirrored: bool = False) -> FloatArray:
    """Matrix (2, 3) of the view of a study's spine onto the canvas."""
    film = whole_film(study.image.rows, study.image.columns, study.image.aspect)
    view = choose_view(draw(study, film), film, ratio)
    scale = min(HEIGHT / view.height, HEIGHT * ratio / view.width)
    linear = np.diag([-scale if mirrored else scale, scale * study.image.aspect])
    middle = np.array(
        [view.left + view.width / 2, (view.top + view.height / 2) / study.image.aspect]
    )
    shift = np.array([HEIGHT * ratio / 2, HEIGHT / 2]) - linear @ middle
    return np.column_stack([linear, shift])


def _inverse(matrix: FloatArray) -> FloatArray:
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])
