"""How much of a body's silhouette is osteophyte: the silhouette less that of the same body without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.projection import silhouette
from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray


def osteophyte_areas(camera: Camera, place: Placed, bone: ShapedBone) -> FloatArray:
    """Area in mm2 that belongs to each corner (4,), the nearest one; NaN for a sacrum."""
    if place.level == "S1":
        return np.full(4, np.nan)
    areas = np.zeros(4)
    if bone.bare is None or np.array_equal(bone.bare, bone.outlines):
        return areas
    whole = silhouette(camera, place, bone)
    plain = silhouette(camera, place, replace(bone, outlines=bone.bare))
    if whole is None or plain is None:
        return areas
    mask, top, left = whole
    other, other_top, other_left = plain
    # the body without lies inside the body with, but a change of the surface may draw a side inward
    rows, columns = np.nonzero(mask)
    at = np.stack([rows + top - other_top, columns + left - other_left])
    inside = ((at >= 0) & (at < np.array(other.shape)[:, None])).all(axis=0)
    extra = np.ones(len(rows), bool)
    extra[inside] = ~other[at[0, inside], at[1, inside]]
    points = np.stack([columns + left, rows + top], axis=1)[extra]
    corners = camera.project(place.corner_points())[:, :2]
    nearest = np.linalg.norm(points[:, None] - corners, axis=2).argmin(axis=1)
    return np.asarray(np.bincount(nearest, minlength=4) * camera.pixel_mm**2, np.float64)
