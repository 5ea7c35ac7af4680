"""The mid-line of a body on the film: where its mid-sagittal section lies, osteophytes left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinemorph.simulate.meshes import CORTEX_MIDDLE, Camera, Placed
from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray, frozen_array

#: Points of an endplate's curve, from its posterior to its anterior corner.
CURVE_POINTS = 25
#: Points of the curve at which the depths of an endplate are known, and how many parts of the body's width.
DEPTH_POINTS, DEPTH_PARTS = (6, 9, 12, 15, 18), 11


@dataclass(frozen=True, eq=False)
class Midline:
    """All in pixels of the film, NaN where S1 has none.

    ``corners`` (4, 2) in the order of :data:`spinemorph.anatomy.CORNERS`; ``middles`` (2, 2): where
    the section meets the perpendicular through the middle of the line between the corners of the
    superior and of the inferior endplate; ``curves`` (2, CURVE_POINTS, 2): both endplates.
    """

    corners: FloatArray
    middles: FloatArray
    curves: FloatArray

    def __post_init__(self) -> None:
        shapes = {"corners": (4, 2), "middles": (2, 2), "curves": (2, CURVE_POINTS, 2)}
        for name, shape in shapes.items():
            object.__setattr__(
                self, name, frozen_array(getattr(self, name), np.float64, shape, name)
            )


def midline(camera: Camera, place: Placed, bone: ShapedBone) -> Midline:
    """Of the body as it is, without its osteophytes."""
    outlines = bone.outlines if bone.bare is None else bone.bare
    return _projected(camera, place, outlines)


def intact_midline(camera: Camera, place: Placed, bone: ShapedBone) -> Midline:
    """Of the same body before its fracture."""
    if bone.intact is None:
        return midline(camera, place, bone)
    corners, outlines = bone.intact
    return _projected(camera, replace(place, corners=corners), outlines)


def depths(camera: Camera, place: Placed, bone: ShapedBone) -> FloatArray:
    """How deep both endplates lie inside the line between their corners (2, 5, 11), in lengths of that line.

    A film shows all of a body at once. At each of five places along an endplate these are the depths of
    the sections that make its silhouette, in equal parts of their width, the deepest first. NaN where S1
    has none.
    """
    outlines = bone.outlines if bone.bare is None else bone.bare
    across = outlines[..., 1].mean(axis=1)
    order = np.argsort(across)
    ends = camera.project(place.read_points())[:, :2]
    curves = np.stack([_curves(camera, place, outlines[i]) for i in order])[:, :, DEPTH_POINTS]
    along = ends[[0, 2]] - ends[[1, 3]]
    outward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    outward *= np.sign(outward @ _up(camera, place) * [1.0, -1.0])[:, None]
    away = curves - ends[[1, 3]][:, None]
    depth = -np.einsum("skpi,ki->kps", away, outward) / (along**2).sum(axis=1)[:, None, None]
    widths = np.linspace(across.min(), across.max(), 4 * (DEPTH_PARTS - 1) + 1)
    every = [np.interp(widths, across[order], own) for own in depth.reshape(-1, len(order))]
    deepest = -np.sort(-np.array(every), axis=1)[:, ::4]
    return np.asarray(deepest.reshape(2, len(DEPTH_POINTS), DEPTH_PARTS))


def _up(camera: Camera, place: Placed) -> FloatArray:
    axis = camera.project(place.to_world(np.array([[0, 0, 1.0], [0, 0, 0]])))[:, :2]
    return np.asarray(axis[0] - axis[1])


def _projected(camera: Camera, place: Placed, outlines: FloatArray) -> Midline:
    ends = camera.project(place.read_points())[:, :2]
    section = outlines[np.argmin(np.abs(outlines[..., 1].mean(axis=1)))]
    curves = _curves(camera, place, section)
    return Midline(ends, curves[:, CURVE_POINTS // 2], curves)


def _curves(camera: Camera, place: Placed, section: FloatArray) -> FloatArray:
    """Both endplates (2, CURVE_POINTS, 2) in a section (n, 3) of the body, on the film."""
    ends = camera.project(place.read_points())[:, :2]
    ring = camera.project(place.to_world(section))[:, :2]
    up = _up(camera, place)
    # the line of an endplate runs as far inside the surface as the corners do
    inside = 0.0 if place.level == "S1" else CORTEX_MIDDLE / camera.pixel_mm
    curves = np.full((2, CURVE_POINTS, 2), np.nan)
    for k, side in ((0, 1.0), (1, -1.0)):
        anterior, posterior = ends[2 * k], ends[2 * k + 1]
        if np.isfinite([anterior, posterior]).all():
            curves[k] = _curve(ring, posterior, anterior, side * up, inside)
    return curves


def _curve(
    ring: FloatArray,
    posterior: FloatArray,
    anterior: FloatArray,
    outward: FloatArray,
    inside: float,
) -> FloatArray:
    """The side of a closed ``ring`` (n, 2) that lies ``outward`` between two corners, moved ``inside``.

    Beside each corner, where the rim is rounded, never below the line between them.
    """
    along = anterior - posterior
    length = float(np.linalg.norm(along))
    along = along / length
    normal = np.array([-along[1], along[0]])
    normal = normal * np.sign(normal @ outward)
    flat = (ring - posterior) @ np.stack([along, normal], axis=1)
    after = np.roll(flat, -1, axis=0)
    at = np.linspace(0, length, CURVE_POINTS)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (at[:, None] - flat[:, 0]) / (after[:, 0] - flat[:, 0])
        level = flat[:, 1] + part * (after[:, 1] - flat[:, 1])
    level = np.where((part >= 0) & (part < 1), level, -np.inf).max(axis=1) - inside
    beside = np.minimum(at, length - at) < 0.12 * length
    level = np.where(~np.isfinite(level) | (beside & (level < 0)), 0.0, level)
    level[[0, -1]] = 0.0
    return np.asarray(posterior + at[:, None] * along + level[:, None] * normal)
