"""Sagittal sections of a bone's outer surface: where its corners and its silhouette come from."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiLineString, Point, Polygon

from spinemorph.types import FloatArray

#: Points on one closed contour.
CONTOUR_POINTS = 72


def section(vertices: FloatArray, faces: NDArray[np.int32], y: float) -> list[Polygon]:
    """The polygons (x, z) in which the plane at lateral position ``y`` mm cuts a closed mesh."""
    side = vertices[:, 1] - y
    side = np.where(np.abs(side) < 1e-6, 1e-6, side)
    triangles = vertices[faces]
    signs = side[faces] > 0
    crossing = signs.any(axis=1) & ~signs.all(axis=1)
    segments = []
    for corners, distances in zip(triangles[crossing], side[faces][crossing], strict=True):
        ends = []
        for i, j in ((0, 1), (1, 2), (2, 0)):
            if (distances[i] > 0) != (distances[j] > 0):
                # both neighbours of an edge must cut it at the very same point
                a, b = (i, j) if distances[i] < distances[j] else (j, i)
                t = distances[a] / (distances[a] - distances[b])
                point = corners[a] + t * (corners[b] - corners[a])
                ends.append((round(point[0], 5), round(point[2], 5)))
        if len(ends) == 2 and ends[0] != ends[1]:
            segments.append(ends)
    if not segments:
        return []
    polygons = shapely.polygonize([MultiLineString(segments)]).geoms
    return [polygon for polygon in polygons if polygon.area > 20]


def contour(polygon: Polygon) -> FloatArray:
    """``CONTOUR_POINTS`` points (x, z) at equal steps along the outer ring, anticlockwise."""
    ring = shapely.geometry.polygon.orient(polygon).exterior
    steps = np.arange(CONTOUR_POINTS) / CONTOUR_POINTS
    points = shapely.get_coordinates(shapely.line_interpolate_point(ring, steps, normalized=True))
    return np.asarray(points, dtype=np.float64)


def dense(polygon: Polygon, step: float = 0.1) -> FloatArray:
    """The outer ring as points (x, z) ``step`` mm apart."""
    return np.asarray(shapely.get_coordinates(shapely.segmentize(polygon.exterior, step)))


def most_anterior(polygons: list[Polygon]) -> Polygon:
    """The section of the body: the large polygon that lies farthest to the front."""
    large = max(polygon.area for polygon in polygons)
    candidates = [polygon for polygon in polygons if polygon.area > 0.4 * large]
    return max(candidates, key=lambda polygon: polygon.centroid.x)


def holding(polygons: list[Polygon], x: float, z: float) -> Polygon | None:
    """The polygon that holds the point, or None."""
    return next((polygon for polygon in polygons if polygon.contains(Point(x, z))), None)
