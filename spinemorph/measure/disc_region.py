"""The disc space as a region: what lies between two bodies, by dilation and Boolean operations."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely

from spinemorph.measure import geometry
from spinemorph.types import FloatArray

#: Contours are thinned to about this many points, far closer than they are known; what they are dilated
#: from needs fewer.
_POINTS, _COARSE = 300, 48
#: Two hollow endplates lie at most this part of the depth farther apart than their rims.
_HOLLOW: Final = 0.4
#: S1 is drawn as deep as this part of its endplate: its contour is hidden by the alae.
_BELOW_S1: Final = 0.6


def disc_region(
    upper: FloatArray,
    lower: FloatArray,
    upper_contour: FloatArray,
    lower_contour: FloatArray | None,
) -> FloatArray | None:
    """Closed contour (n, 2) of the space between two bodies, or None where they leave none.

    All in one frame with square axes: corners (4, 2) and contours (n, 2). ``lower_contour`` None: the
    endplate line of the lower body bounds the space (S1). Both bodies are dilated by the greatest
    distance of facing corners and what two hollow endplates may add; what both reach, less the bodies
    themselves, between the lines that join the facing rim corners in front and behind, is the space.
    """
    facing = np.array([upper[2], upper[3], lower[1], lower[0]])
    if not np.isfinite(facing).all():
        return None
    depth = float(np.linalg.norm(lower[0] - lower[1]))
    above = _body(upper_contour)
    below = _block(lower) if lower_contour is None else _body(lower_contour)
    if above.is_empty or below.is_empty:
        return None
    widest = np.linalg.norm(facing[:2] - facing[:1:-1], axis=1).max()
    reach = float(widest) + _HOLLOW * depth
    corridor = _corridor(upper, lower)
    near = _dilated(upper_contour, reach)
    if lower_contour is not None:
        near = near.intersection(_dilated(lower_contour, reach))
    space = near.intersection(corridor).difference(above).difference(below)
    parts = [part for part in getattr(space, "geoms", [space]) if isinstance(part, shapely.Polygon)]
    largest = max(parts, key=lambda part: float(part.area), default=None)
    if largest is None or largest.is_empty:
        return None
    return np.array(largest.exterior.coords)[:-1]


def polygon_area(points: FloatArray) -> FloatArray:
    """Area of closed polygons (..., n, 2), without sign."""
    following = np.roll(points, -1, axis=-2)
    cross = points[..., 0] * following[..., 1] - points[..., 1] * following[..., 0]
    return 0.5 * np.abs(cross.sum(axis=-1))


def hexagon_area(
    upper: FloatArray, lower: FloatArray, upper_middle: FloatArray, lower_middle: FloatArray
) -> FloatArray:
    """Area between the facing corners and the middles of the facing endplates, (...)."""
    ring = (
        upper[..., geometry.INFERIOR_ANTERIOR, :],
        upper_middle,
        upper[..., geometry.INFERIOR_POSTERIOR, :],
        lower[..., geometry.SUPERIOR_POSTERIOR, :],
        lower_middle,
        lower[..., geometry.SUPERIOR_ANTERIOR, :],
    )
    return polygon_area(np.stack(np.broadcast_arrays(*ring), axis=-2))


def _body(contour: FloatArray, points: int = _POINTS) -> shapely.Geometry:
    return shapely.make_valid(shapely.Polygon(contour[:: max(len(contour) // points, 1)]))


def _dilated(contour: FloatArray, reach: float) -> shapely.Geometry:
    return _body(contour, _COARSE).buffer(reach, quad_segs=4)


def _block(sacrum: FloatArray) -> shapely.Geometry:
    """What lies under the endplate line of S1, a little wider than the line."""
    along = sacrum[0] - sacrum[1]
    down = _BELOW_S1 * -geometry.perpendicular(along)
    front, back = sacrum[0] + 0.05 * along, sacrum[1] - 0.05 * along
    return shapely.Polygon([front, back, back + down, front + down])


def _corridor(upper: FloatArray, lower: FloatArray) -> shapely.Geometry:
    """Between the joined rim corners, and on into both bodies so that hollow endplates belong to it."""
    top = 0.5 * (upper[2] + upper[3]) + 0.45 * geometry.perpendicular(upper[2] - upper[3])
    bottom = 0.5 * (lower[0] + lower[1]) - 0.45 * geometry.perpendicular(lower[0] - lower[1])
    ring = [upper[2], top, upper[3], lower[1], bottom, lower[0]]
    return shapely.make_valid(shapely.Polygon(ring))
