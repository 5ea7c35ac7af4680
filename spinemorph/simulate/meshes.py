"""Bones as triangle meshes in their own frames, and where they stand; frozen values.

World and local frames: millimetres, x anterior, y to the patient's left, z up. The frame of a
vertebra has its origin in the middle of the body; that of the sacrum (and pelvis) has its origin
in the middle of the S1 endplate, x along the endplate, z its normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray, frozen_array


@dataclass(frozen=True, eq=False)
class BoneMesh:
    """A watertight mesh: ``vertices`` (n, 3), ``faces`` (m, 3) wound outward.

    ``body``: (n,) True where the vertex belongs to the vertebral body (S1: the first segment).
    ``corners``: (4, 2) of local x, z at y = 0 in the order of :data:`spinemorph.anatomy.CORNERS`,
    on the outer silhouette; NaN for what a bone has not. ``outlines``: (k, n, 3) closed contours
    of the body on sagittal slices of the outer surface; their union in projection is its silhouette.
    ``marks``: (4, 2) where a reader puts the corners, where that is not told by ``corners``.
    """

    vertices: FloatArray
    faces: NDArray[np.int32]
    body: NDArray[np.bool_]
    corners: FloatArray
    outlines: FloatArray | None = None
    marks: FloatArray | None = None

    def __post_init__(self) -> None:
        n = len(self.vertices)
        object.__setattr__(
            self, "vertices", frozen_array(self.vertices, np.float64, (None, 3), "vertices")
        )
        object.__setattr__(self, "faces", frozen_array(self.faces, np.int32, (None, 3), "faces"))
        object.__setattr__(self, "body", frozen_array(self.body, bool, (n,), "body"))
        object.__setattr__(
            self, "corners", frozen_array(self.corners, np.float64, (4, 2), "corners")
        )
        if self.outlines is not None:
            outlines = frozen_array(self.outlines, np.float64, (None, None, 3), "outlines")
            object.__setattr__(self, "outlines", outlines)


@dataclass(frozen=True, eq=False)
class CurveModel:
    """Point distribution of sagittal curves: ``mean`` (16, 2), ``modes`` (k, 16, 2), ``sd`` (k,).

    Points: centroids of L1-L5, superior and inferior anterior corner of L1-L5, promontory. Anterior
    at -x, y down, origin at L3, unit the length of the chain of centroids L1 to L5.
    """

    mean: FloatArray
    modes: FloatArray
    sd: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", frozen_array(self.mean, np.float64, (16, 2), "mean"))
        object.__setattr__(
            self, "modes", frozen_array(self.modes, np.float64, (None, 16, 2), "modes")
        )
        object.__setattr__(self, "sd", frozen_array(self.sd, np.float64, (len(self.modes),), "sd"))


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The bones that films are made of; several shapes of a vertebra are alternatives.

    ``curves``: statistics of real curves, or None to draw curves from published segment angles.
    """

    name: str
    vertebrae: Mapping[str, tuple[BoneMesh, ...]]
    sacrum: BoneMesh
    pelvis: BoneMesh
    curves: CurveModel | None = None


#: Half the thickness of the dense line at the rim of a body as a film shows it, in mm.
CORTEX_MIDDLE = 0.4


@dataclass(frozen=True, eq=False)
class Placed:
    """A bone in the world: ``world = origin + rotation @ local``. S1 stands for sacrum and pelvis.

    ``corners``: (4, 2) local x, z after all changes of shape; ``width``: lateral, mm; ``marks``:
    (4, 2) where a reader puts the corners, where that is not told by ``corners``.
    """

    level: str
    rotation: FloatArray
    origin: FloatArray
    corners: FloatArray
    width: float
    marks: FloatArray | None = None

    def to_world(self, local: FloatArray) -> FloatArray:
        return self.origin + local @ self.rotation.T

    def corner_points(self) -> FloatArray:
        """The four corners of the outer surface in the world, (4, 3)."""
        return self._in_world(self.corners)

    def read_points(self) -> FloatArray:
        """The four corners as a reader marks them, in the world, (4, 3).

        A reader marks where the bright lines of endplate and wall meet, and they run through the middle
        of the cortex: :data:`CORTEX_MIDDLE` mm inside the outer surface of a body, along both lines.
        """
        if self.marks is not None:
            return self._in_world(self.marks)
        if not np.isfinite(self.corners).all():
            return self.corner_points()
        moved = self.corners.copy()
        for pairs in (((0, 1), (2, 3)), ((0, 2), (1, 3))):
            for one, other in pairs:
                along = self.corners[other] - self.corners[one]
                step = CORTEX_MIDDLE * along / np.linalg.norm(along)
                moved[one] += step
                moved[other] -= step
        return self._in_world(moved)

    def _in_world(self, corners: FloatArray) -> FloatArray:
        local = np.stack([corners[:, 0], np.zeros(4), corners[:, 1]], axis=1)
        return self.to_world(local)


@dataclass(frozen=True, eq=False)
class Camera:
    """A cone beam on a flat detector, and the film's frame on it.

    The beam runs along +y of the *viewing* frame (``view`` (3, 3) rotates world into it; identity
    for a lateral film). ``source_to_object`` mm from the focus to the plane y = 0; ``centre``: x, z of
    the central ray in that plane. Pixels have ``pixel_mm`` at that plane; ``offset``: pixel x, y of
    the plane's point (0, 0). ``facing_left``: anterior to the left of the film. ``tilt`` radians.
    """

    rows: int
    columns: int
    pixel_mm: float
    source_to_object: float
    centre: tuple[float, float]
    offset: tuple[float, float]
    facing_left: bool
    tilt: float
    view: FloatArray

    def project(self, points: FloatArray) -> FloatArray:
        """World points (n, 3) -> film x, y and depth along the beam in mm, (n, 3)."""
        seen = points @ self.view.T
        scale = self.source_to_object / (self.source_to_object + seen[:, 1])
        x = self.centre[0] + (seen[:, 0] - self.centre[0]) * scale
        z = self.centre[1] + (seen[:, 2] - self.centre[1]) * scale
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        right = (-x if self.facing_left else x) / self.pixel_mm
        down = -z / self.pixel_mm
        return np.stack(
            [
                self.offset[0] + cos * right - sin * down,
                self.offset[1] + sin * right + cos * down,
                seen[:, 1],
            ],
            axis=1,
        )

    def plane_points(self) -> tuple[FloatArray, FloatArray]:
        """x and z in mm (viewing frame, plane y = 0) of every pixel centre, each (rows, columns)."""
        columns, rows = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        dx, dy = columns - self.offset[0], rows - self.offset[1]
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        right, down = cos * dx + sin * dy, -sin * dx + cos * dy
        return (-right if self.facing_left else right) * self.pixel_mm, -down * self.pixel_mm
