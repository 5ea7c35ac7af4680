"""Load the bones: a folder of meshes in the layout of the docs, or our own parametric anatomy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from spinemorph.errors import SpinemorphError
from spinemorph.rim import rim_corners
from spinemorph.simulate.meshes import Anatomy, BoneMesh, CurveModel
from spinemorph.simulate.sections import (
    contour,
    dense,
    holding,
    most_anterior,
    section,
)
from spinemorph.types import FloatArray

#: Lateral positions of the slices whose outlines make the silhouette, as part of the half-width.
SLICES = (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)
VERTEBRA_TRIANGLES = 3_500
PELVIS_TRIANGLES = 7_000
_PLY_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "<i2",
    "ushort": "<u2",
    "int": "<i4",
    "uint": "<u4",
    "float": "<f4",
    "double": "<f8",
}

Mesh = tuple[FloatArray, NDArray[np.int32]]


def load_anatomy(folder: Path | None = None) -> Anatomy:
    """The anatomy in ``folder`` (subfolders ``visible_human_male`` and, optional, ``lumbar_mean_87``).

    None gives the parametric anatomy of the package. SpinemorphError where a mesh is missing.
    """
    return _parametric() if folder is None else _load_folder(folder.resolve())


@lru_cache(maxsize=1)
def _parametric() -> Anatomy:
    return parametric_bones(0)


def parametric_bones(seed: int) -> Anatomy:
    """The anatomy of the package with the second shapes of another ``seed``, ready for films."""
    from spinemorph.simulate.parametric import parametric_anatomy

    return _with_outlines(parametric_anatomy(seed))


@lru_cache(maxsize=2)
def _load_folder(folder: Path) -> Anatomy:
    base = folder / "visible_human_male"
    if not base.is_dir():
        raise SpinemorphError(f"{folder}: no folder visible_human_male with the bone meshes in it")
    vertebrae: dict[str, tuple[BoneMesh, ...]] = {
        f"L{i}": (_vertebra(read_ply(base / f"L{i}.ply")),) for i in range(1, 6)
    }
    mean = folder / "lumbar_mean_87"
    for i in range(2, 6):
        if (mean / f"L{i}.ply").is_file():
            vertebrae[f"L{i}"] += (_vertebra(read_ply(mean / f"L{i}.ply")),)
    vertebrae["L1"] += vertebrae["L2"][1:]
    sacrum, to_frame = _sacrum(read_ply(base / "sacrum.ply"), read_ply(base / "S1_body.ply"))
    vertices, faces = decimate(read_ply(base / "pelvis.ply"), PELVIS_TRIANGLES)
    pelvis = BoneMesh(
        to_frame(vertices), faces, np.zeros(len(vertices), bool), np.full((4, 2), np.nan)
    )
    return Anatomy(folder.name, vertebrae, sacrum, pelvis, _curves(folder / "sagittal_pose.json"))


def _curves(path: Path) -> CurveModel | None:
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return CurveModel(data["mean"], data["modes"], data["mode_sd"])
    except (ValueError, KeyError, TypeError) as fault:
        raise SpinemorphError(f"{path}: not a point distribution of curves: {fault}") from fault


def read_ply(path: Path) -> Mesh:
    """Vertices (n, 3) and triangles (m, 3) of a binary little-endian PLY file.

    SpinemorphError where there is none or it is of another kind or damaged.
    """
    if not path.is_file():
        raise SpinemorphError(f"{path}: mesh not found; give --anatomy a folder that holds it")
    try:
        with path.open("rb") as stream:
            return _mesh_of(stream)
    except (ValueError, KeyError, IndexError) as fault:
        raise SpinemorphError(f"{path}: not a PLY mesh that can be read: {fault}") from fault


def _mesh_of(stream: BinaryIO) -> Mesh:
    counts: dict[str, int] = {}
    fields: list[tuple[str, str]] = []
    element = ""
    while (line := stream.readline().decode("ascii", "replace").strip()) != "end_header":
        words = line.split()
        if not words:
            raise ValueError("its header has no end")
        if words[0] == "format" and words[1] != "binary_little_endian":
            raise ValueError(f"PLY format {words[1]} is not supported")
        if words[0] == "element":
            element = words[1]
            counts[element] = int(words[2])
        elif words[0] == "property" and element == "vertex":
            fields.append((words[2], _PLY_TYPES[words[1]]))
    layout = np.dtype(fields)
    points = np.frombuffer(stream.read(counts["vertex"] * layout.itemsize), layout)
    record = np.dtype([("count", "u1"), ("index", "<i4", 3)])
    triangles = np.frombuffer(stream.read(counts["face"] * record.itemsize), record)
    if len(triangles) != counts["face"] or not (triangles["count"] == 3).all():
        raise ValueError("damaged, or not made of triangles only")
    vertices = np.stack([points["x"], points["y"], points["z"]], axis=1).astype(np.float64)
    return vertices, triangles["index"].astype(np.int32)


def decimate(mesh: Mesh, triangles: int) -> Mesh:
    """The mesh with about that many triangles, still closed."""
    import fast_simplification

    vertices, faces = mesh
    if len(faces) <= triangles:
        return mesh
    points, cells = fast_simplification.simplify(
        vertices.astype(np.float32), faces, target_count=triangles
    )
    return points.astype(np.float64), cells.astype(np.int32)


def _vertebra(mesh: Mesh) -> BoneMesh:
    vertices, faces = mesh
    middle = vertices[:, 1].min() / 2 + vertices[:, 1].max() / 2
    vertices = vertices - np.array([0.0, middle, 0.0])
    profile = most_anterior(section(vertices, faces, 0.0))
    frame = _upright(rim_corners(dense(profile)))
    for _ in range(2):  # corners depend on the frame a little
        turned = frame(vertices)
        profile = most_anterior(section(turned, faces, 0.0))
        step = _upright(rim_corners(dense(profile)))
        vertices, frame = turned, step
    vertices = frame(vertices)
    corners = rim_corners(dense(most_anterior(section(vertices, faces, 0.0))))
    width = _body_width(vertices, corners)
    outlines = _outlines(vertices, faces, corners, width)
    small, cells = decimate((vertices, faces), VERTEBRA_TRIANGLES)
    wall = _posterior_wall(corners)
    body = small[:, 0] > wall(small[:, 2])
    return BoneMesh(small, cells, body, corners, outlines)


def _upright(corners: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """The rigid map (about y) that puts a body's middle at the origin and its mid-plane level."""
    superior, inferior = corners[0] - corners[1], corners[2] - corners[3]
    direction = superior / np.linalg.norm(superior) + inferior / np.linalg.norm(inferior)
    direction = direction / np.linalg.norm(direction)
    turn = np.array([[direction[0], direction[1]], [-direction[1], direction[0]]])
    middle = corners.mean(axis=0)

    def apply(points: FloatArray) -> FloatArray:
        flat = (points[:, [0, 2]] - middle) @ turn.T
        return np.stack([flat[:, 0], points[:, 1], flat[:, 1]], axis=1)

    return apply


def _posterior_wall(corners: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """x of the posterior wall at height z: the line through the two posterior corners."""
    (x0, z0), (x1, z1) = corners[3], corners[1]
    return lambda z: x0 + (x1 - x0) * (z - z0) / (z1 - z0) - 1.0


def _body_width(vertices: FloatArray, corners: FloatArray) -> float:
    front = vertices[vertices[:, 0] > 0.3 * corners[:, 0].max()]
    return float(np.ptp(front[:, 1])) * 1.05


def _outlines(
    vertices: FloatArray, faces: NDArray[np.int32], corners: FloatArray, width: float
) -> FloatArray:
    (x0, z0), (x1, z1) = corners[3] - [1.0, 0], corners[1] - [1.0, 0]
    slope = (x1 - x0) / (z1 - z0)
    bottom, top = -80.0, 80.0
    front = Polygon(
        [
            (x0 + slope * (bottom - z0), bottom),
            (120.0, bottom),
            (120.0, top),
            (x0 + slope * (top - z0), top),
        ]
    )
    outlines = []
    for part in SLICES:
        y = part * width / 2
        polygons = section(vertices, faces, y)
        whole = holding(polygons, 0.3 * corners[:, 0].max(), 0.0)
        cut = whole.intersection(front) if whole is not None else None
        if cut is not None and not cut.is_empty:
            if cut.geom_type != "Polygon":
                cut = max(cut.geoms, key=lambda piece: piece.area)
            flat = contour(cut)
            outlines.append(np.stack([flat[:, 0], np.full(len(flat), y), flat[:, 1]], axis=1))
    return np.array(outlines)


def _sacrum(mesh: Mesh, s1_body: Mesh) -> tuple[BoneMesh, Callable[[FloatArray], FloatArray]]:
    vertices, faces = mesh
    inner = most_anterior(section(*s1_body, 0.0))
    guess = _s1_corners(dense(inner))
    outer = most_anterior(section(vertices, faces, 0.0))
    ring = dense(outer)
    # the outer surface lies a little beyond the body's own mesh
    outward = guess[:2] - inner.centroid.coords[0]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    superior = np.array(
        [
            ring[np.argmax(np.where(np.linalg.norm(ring - g, axis=1) < 5, ring @ o, -np.inf))]
            for g, o in zip(guess[:2], outward, strict=True)
        ]
    )
    direction = superior[0] - superior[1]
    direction /= np.linalg.norm(direction)
    turn = np.array([[direction[0], direction[1]], [-direction[1], direction[0]]])
    middle = superior.mean(axis=0)

    def to_frame(points: FloatArray) -> FloatArray:
        flat = (points[:, [0, 2]] - middle) @ turn.T
        return np.stack([flat[:, 0], points[:, 1], flat[:, 1]], axis=1)

    vertices = to_frame(vertices)
    bottom = (guess[2:] - middle) @ turn.T
    corners = np.full((4, 2), np.nan)
    corners[:2] = (superior - middle) @ turn.T
    outlines = _s1_outlines(vertices, faces, corners, bottom)
    marks = _s1_marks(vertices, faces, corners)
    small, cells = decimate((vertices, faces), PELVIS_TRIANGLES)
    body = np.zeros(len(small), bool)
    return BoneMesh(small, cells, body, corners, outlines, marks), to_frame


def _s1_marks(vertices: FloatArray, faces: NDArray[np.int32], corners: FloatArray) -> FloatArray:
    """``corners`` with the promontory where readers mark it.

    ``corners`` lie where the rounded edges of S1 reach farthest forward and backward. The posterior edge
    shows as a crossing of lines there; of the wide curve of the promontory readers mark the
    apex: the outline's farthest point in the direction of one forward and one up.
    """
    ring = dense(most_anterior(section(vertices, faces, 0.0)))
    marks = corners.copy()
    near = ring[np.linalg.norm(ring - corners[0], axis=1) < 6]
    marks[0] = near[near.sum(axis=1).argmax()]
    return marks


def _s1_corners(ring: FloatArray) -> FloatArray:
    """Corners of the body of S1, whose endplate is steep: turn it level first, then back."""
    angle = np.deg2rad(35.0)
    for _ in range(3):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corners = rim_corners(ring @ turn.T) @ turn
        step = corners[0] - corners[1]
        angle = -np.arctan2(step[1], step[0])
    return corners


def _s1_outlines(
    vertices: FloatArray, faces: NDArray[np.int32], corners: FloatArray, bottom: FloatArray
) -> FloatArray:
    """Outlines of the first sacral segment: between its endplate and the remnant of the S1/S2 disc."""
    reach = bottom - bottom.mean(axis=0)
    region = Polygon(
        [
            corners[0] + [8.0, 12.0],
            corners[1] + [-1.0, 12.0],
            corners[1] + [-1.0, 0.0],
            bottom[1],
            bottom.mean(axis=0) + 1.6 * reach[0],
            corners[0] + [12.0, -8.0],
        ]
    ).convex_hull
    outlines = []
    for y in (-14.0, -9.0, -4.5, 0.0, 4.5, 9.0, 14.0):
        whole = holding(section(vertices, faces, y), 0.0, -8.0)
        cut = whole.intersection(region) if whole is not None else None
        if cut is not None and not cut.is_empty:
            if cut.geom_type != "Polygon":
                cut = max(cut.geoms, key=lambda piece: piece.area)
            flat = contour(cut)
            outlines.append(np.stack([flat[:, 0], np.full(len(flat), y), flat[:, 1]], axis=1))
    return np.array(outlines)


def _with_outlines(anatomy: Anatomy) -> Anatomy:
    """Give the bones of a parametric anatomy their outlines."""
    vertebrae = {
        level: tuple(_vertebra((bone.vertices, bone.faces)) for bone in bones)
        for level, bones in anatomy.vertebrae.items()
    }
    sacrum = anatomy.sacrum
    if sacrum.outlines is None:
        depth = float(sacrum.corners[0, 0] - sacrum.corners[1, 0])
        bottom = np.array([[0.32 * depth, -0.85 * depth], [-0.42 * depth, -0.75 * depth]])
        outlines = _s1_outlines(sacrum.vertices, sacrum.faces, sacrum.corners, bottom)
        marks = _s1_marks(sacrum.vertices, sacrum.faces, sacrum.corners)
        sacrum = replace(sacrum, outlines=outlines, marks=marks)
    return Anatomy(anatomy.name, vertebrae, sacrum, anatomy.pelvis)


__all__ = ["decimate", "load_anatomy", "parametric_bones", "read_ply"]
