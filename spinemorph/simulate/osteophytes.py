"""How much of a body's silhouette is osteophyte: the silhouette less that of the same body without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.projection import silhouette
from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray

Silhouette = tuple[NDArray[np.bool_], int, int]


def osteophytes(
    camera: Camera, place: Placed, bone: ShapedBone, whole: Silhouette
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which pixels of the silhouette ``whole`` (mask, top, left) are osteophyte, and the area in mm2 that
    belongs to each corner (4,), the nearest one; NaN for a sacrum.
    """
    mask, top, left = whole
    extra = np.zeros_like(mask)
    if place.level == "S1":
        return extra, np.full(4, np.nan)
    if bone.bare is None or np.array_equal(bone.bare, bone.outlines):
        return extra, np.zeros(4)
    plain = silhouette(camera, place, replace(bone, outlines=bone.bare))
    if plain is None:
        return extra, np.zeros(4)
    other, other_top, other_left = plain
    rows, columns = np.nonzero(mask)
    at = np.stack([rows + top - other_top, columns + left - other_left])
    inside = ((at >= 0) & (at < np.array(other.shape)[:, None])).all(axis=0)
    extra[mask] = True
    extra[rows[inside], columns[inside]] = ~other[at[0, inside], at[1, inside]]
    rows, columns = np.nonzero(extra)
    corners = camera.project(place.corner_points())[:, :2]
    points = np.stack([columns + left, rows + top], axis=1)
    nearest = np.linalg.norm(points[:, None] - corners, axis=2).argmin(axis=1)
    counts = np.bincount(nearest, minlength=4).astype(np.float64)
    return extra, counts * camera.pixel_mm**2
