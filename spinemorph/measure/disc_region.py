"""The disc space as a region: what lies between two bodies, by dilation and Boolean operations."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely

from spinemorph.measure import geometry
from spinemorph.types import FloatArray

#: Contours are thinned to about this many points, far closer than they are known; what they are dilated
#: from needs fewer.
_POINTS, _COARSE = 200, 48
#: Two hollow endplates lie at most this part of the depth farther apart than their rims.
_HOLLOW: Final = 0.4
#: Next to the rims, where hollow endplates hardly sink: this far from the middle of the endplate, and how
#: wide; outline points deeper inside the body than this belong to its other side. Parts of the length.
_RIM, _RIM_WIDTH, _DEEP = 0.38, 0.06, 0.3
#: Endplates sink most near their middle: the power of the parabola that they are bent by.
_SINK: Final = 3
#: The endplate of S1 is domed, and steepest at its rims.
_DOME: Final = 0.6
#: Rims are rounded: next to its corners an endplate stands above the line between them by this part of its
#: length (mid-lines of simulated bodies; benchmarks/disc_area.py).
_RAISED: Final = 0.01
#: S1 is drawn as deep as this part of its endplate: its contour is hidden by the alae.
_BELOW_S1: Final = 0.6


def disc_region(
    upper: FloatArray,
    lower: FloatArray,
    upper_contour: FloatArray,
    lower_contour: FloatArray | None,
    middles: tuple[FloatArray, FloatArray] | None = None,
) -> FloatArray | None:
    """Closed contour (n, 2) of the space between two bodies, or None where they leave none.

    All in one frame with square axes: corners (4, 2), contours (n, 2), and the middles (2,) of the
    inferior endplate of the upper and the superior one of the lower body. A rolled body's outline runs
    outside the mid-line that its corners and middles lie on: each outline is first moved along the normal of
    its facing endplate until it meets the rounded rims, and bent between them until it meets the middle.
    ``lower_contour`` None: the dome through corners and middle bounds the space (S1). Both bodies are
    dilated by the greatest distance of facing corners and what two hollow endplates may add; what both
    reach, less the bodies themselves, between the lines that join the facing rim corners, is the space.
    """
    facing = np.array([upper[2], upper[3], lower[1], lower[0]])
    if not np.isfinite(facing).all():
        return None
    depth = float(np.linalg.norm(lower[0] - lower[1]))
    over, under = (None, None) if middles is None else middles
    upper_contour = thinned(upper_contour)
    upper_contour = _on_mid_line(upper_contour, upper[2], upper[3], upper[:2].mean(axis=0), over)
    if lower_contour is not None:
        inside = lower[2:].mean(axis=0)
        lower_contour = thinned(lower_contour)
        lower_contour = _on_mid_line(lower_contour, lower[0], lower[1], inside, under)
    above = _body(upper_contour)
    below = _block(lower, under) if lower_contour is None else _body(lower_contour)
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


def overhang(
    contour: FloatArray, front: FloatArray, back: FloatArray, inside: FloatArray
) -> tuple[float, FloatArray] | None:
    """How far an outline (n, 2) runs outside the line of an endplate next to its rims, and the outward
    unit normal (2,). ``inside``: a point of the body. None where no outline lies there.
    """
    along = front - back
    length = max(float(np.linalg.norm(along)), 1e-9)
    normal = geometry.perpendicular(along / length)
    normal = normal if normal @ (front - inside) > 0 else -normal
    at = (contour - back) @ along / length**2
    away = (contour - back) @ normal
    near = (away > -_DEEP * length) & (np.abs(np.abs(at - 0.5) - _RIM) < _RIM_WIDTH)
    return (float(np.median(away[near])), normal) if near.any() else None


def thinned(contour: FloatArray, points: int = _POINTS) -> FloatArray:
    """Every so many points of a contour (n, 2), fewer than twice ``points`` of them."""
    return contour[:: max(len(contour) // points, 1)]


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


def _on_mid_line(
    contour: FloatArray,
    front: FloatArray,
    back: FloatArray,
    inside: FloatArray,
    middle: FloatArray | None,
) -> FloatArray:
    """The outline moved until its endplate meets the rim corners, and bent until it meets the middle."""
    found = overhang(contour, front, back, inside)
    if found is None:
        return contour
    normal = found[1]
    along = front - back
    length = float(np.linalg.norm(along))
    moved = contour - max(found[0] - _RAISED * length, 0.0) * normal
    if middle is None or not np.isfinite(middle).all():
        return moved
    at = (moved - back) @ along / length**2
    away = (moved - back) @ normal
    surface = (away > -_DEEP * length) & (at > 0) & (at < 1)
    central = surface & (np.abs(at - 0.5) < _RIM_WIDTH)
    if not central.any():
        return moved
    wanted = float((middle - (front + back) / 2) @ normal)
    bend = (wanted - float(np.median(away[central]))) * (4 * at * (1 - at)) ** _SINK
    return np.asarray(moved + np.where(surface, bend, 0.0)[:, None] * normal)


def _body(contour: FloatArray) -> shapely.Geometry:
    return shapely.make_valid(shapely.Polygon(contour))


def _dilated(contour: FloatArray, reach: float) -> shapely.Geometry:
    return _body(thinned(contour, _COARSE)).buffer(reach, quad_segs=4)


def _block(sacrum: FloatArray, middle: FloatArray | None) -> shapely.Geometry:
    """What lies under the endplate of S1, a curve through its corners and middle, a little wider."""
    along = sacrum[0] - sacrum[1]
    up = geometry.perpendicular(along)
    sag = 0.0
    if middle is not None and np.isfinite(middle).all():
        sag = float((middle - sacrum[:2].mean(axis=0)) @ up) / float(up @ up)
    at = np.linspace(0, 1, 21)[:, None]
    curve = sacrum[1] + at * along + sag * (4 * at * (1 - at)) ** _DOME * up
    back, front = sacrum[1] - 0.05 * along, sacrum[0] + 0.05 * along
    deep = [front - _BELOW_S1 * up, back - _BELOW_S1 * up]
    return shapely.make_valid(shapely.Polygon([back, *curve, front, *deep]))


def _corridor(upper: FloatArray, lower: FloatArray) -> shapely.Geometry:
    """Between the joined rim corners, and on into both bodies so that hollow endplates belong to it."""
    top = 0.5 * (upper[2] + upper[3]) + 0.45 * geometry.perpendicular(upper[2] - upper[3])
    bottom = 0.5 * (lower[0] + lower[1]) - 0.45 * geometry.perpendicular(lower[0] - lower[1])
    ring = [upper[2], top, upper[3], lower[1], bottom, lower[0]]
    return shapely.make_valid(shapely.Polygon(ring))
