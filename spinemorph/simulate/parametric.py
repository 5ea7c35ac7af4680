"""The anatomy that ships with the package: bones built from measures, so that no mesh is needed.

Sizes lie around the means of 87 patients over L2 to L5 (Clouthier et al., J Biomech 2023;146:111421:
body depth 35.0, height 27.8, width 46.7, wedge 3.7 degrees, canal depth 16.7, spinous process 51.6
behind the posterior wall and 23.5 high); how they run from L1 to L5 is our choice, not a normal
value. Frames as in :mod:`spinemorph.simulate.meshes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.implicit import Distance, Grid32, Solid
from spinemorph.simulate.meshes import Anatomy, BoneMesh
from spinemorph.simulate.parametric_pelvis import pelvis_mesh, sacrum_mesh
from spinemorph.types import FloatArray

VERTEBRA_TRIANGLES = 3_400


@dataclass(frozen=True)
class VertebraMeasures:
    """Size of one vertebra; mm.

    ``depth`` superior and inferior; ``anterior`` and ``posterior`` height; ``canal``: depth.
    ``facets``: distance between the joints of both sides; ``transverse``: between the tips.
    """

    depth: tuple[float, float]
    width: float
    anterior: float
    posterior: float
    canal: float = 16.7
    facets: float = 30.0
    pedicle: tuple[float, float] = (8.0, 14.5)  # width, height
    transverse: float = 86.0
    spinous_length: float = 24.0
    spinous_height: float = 23.5
    dish: float = 2.2
    waist: float = 0.10


MEASURES = {
    "L1": VertebraMeasures((33.4, 34.2), 43.0, 26.9, 28.3, 17.0, 25.0, (7.0, 15.5), 74.0, 22.0),
    "L2": VertebraMeasures((34.2, 34.8), 44.5, 27.7, 28.4, 16.8, 26.0, (7.6, 15.0), 82.0, 24.0),
    "L3": VertebraMeasures((34.9, 35.4), 46.6, 28.2, 28.0, 16.4, 28.0, (9.0, 14.6), 92.0, 25.0),
    "L4": VertebraMeasures((35.4, 35.4), 48.4, 28.3, 27.0, 16.6, 33.0, (11.0, 14.4), 90.0, 23.0),
    "L5": VertebraMeasures(
        (35.6, 34.4), 50.4, 28.6, 24.2, 17.2, 42.0, (15.0, 14.2), 94.0, 17.0, 19.0
    ),
}


@lru_cache(maxsize=4)
def parametric_anatomy(seed: int = 0) -> Anatomy:
    """Two shapes of every lumbar vertebra, a sacrum and a pelvis with the heads of the femora.

    The first shape has the measures of :data:`MEASURES`; the second varies them by ``seed``.
    """
    rng = np.random.default_rng(seed)
    vertebrae = {
        level: (vertebra_mesh(measures), vertebra_mesh(_varied(measures, rng)))
        for level, measures in MEASURES.items()
    }
    return Anatomy("parametric", vertebrae, sacrum_mesh(), pelvis_mesh())


def _varied(m: VertebraMeasures, rng: np.random.Generator) -> VertebraMeasures:
    """Measures with the spread between patients (4 % of a size; processes 10 %)."""

    def near(value: float, spread: float = 0.04) -> float:
        return float(value * np.clip(rng.normal(1, spread), 1 - 2.5 * spread, 1 + 2.5 * spread))

    return VertebraMeasures(
        (near(m.depth[0]), near(m.depth[1])),
        near(m.width),
        near(m.anterior, 0.03),
        near(m.posterior, 0.03),
        near(m.canal),
        near(m.facets, 0.06),
        (near(m.pedicle[0], 0.08), near(m.pedicle[1], 0.06)),
        near(m.transverse, 0.08),
        near(m.spinous_length, 0.10),
        near(m.spinous_height, 0.10),
        near(m.dish, 0.2),
        near(m.waist, 0.2),
    )


def vertebra_mesh(measures: VertebraMeasures, spacing: float = 1.1) -> BoneMesh:
    """One closed surface of body, arch and processes, at most 3,500 triangles."""
    m = measures
    back = max(m.depth) / 2
    tip = back + m.canal + 8 + m.spinous_length
    solid = Solid(
        (-tip - 6, -m.transverse / 2 - 8, -m.posterior / 2 - 24),
        (back + 4, m.transverse / 2 + 8, m.posterior / 2 + 12),
        spacing,
    )
    half = np.array([back + 2, m.width / 2 + 2, max(m.anterior, m.posterior) / 2 + 3])
    solid.join(_body(m), -half, half, 1.0)
    for side in (-1.0, 1.0):
        _half_arch(solid, m, side)
    _spinous_process(solid, m)
    vertices, faces = _decimated(solid.surface(), VERTEBRA_TRIANGLES)
    corners = np.array(
        [
            [m.depth[0] / 2, m.anterior / 2],
            [-m.depth[0] / 2, m.posterior / 2],
            [m.depth[1] / 2, -m.anterior / 2],
            [-m.depth[1] / 2, -m.posterior / 2],
        ]
    )
    return BoneMesh(vertices, faces, _is_body(vertices, m), corners)


def _is_body(vertices: FloatArray, m: VertebraMeasures) -> NDArray[np.bool_]:
    along = np.clip(vertices[:, 2] / m.posterior + 0.5, 0, 1)
    wall = -(m.depth[1] + (m.depth[0] - m.depth[1]) * along) / 2
    return np.asarray(vertices[:, 0] > wall - 1.0)


def _body(m: VertebraMeasures) -> Distance:
    """Kidney-shaped section, concave waist, dished endplates with a raised rim.

    The section is |x|^n + |y|^n = 1 with a flat back that a parabola hollows; the height runs
    linearly from the front to the back.
    """

    def distance(x: Grid32, y: Grid32, z: Grid32) -> Grid32:
        level = np.clip(z / np.float32(m.posterior) + 0.5, 0, 1)
        half_depth = (m.depth[1] + (m.depth[0] - m.depth[1]) * level) / 2
        # the waist is narrow in the middle and opens quickly at the rims
        up = np.clip(2 * np.abs(z) / np.float32((m.anterior + m.posterior) / 2), 0, 1)
        narrow = 1 - np.float32(m.waist) * (1 - up**2.4)
        u = x / (half_depth * narrow)
        v = y / (np.float32(m.width / 2) * narrow)
        # the posterior wall is hollow, less so at the rims
        hollow = np.float32(0.07) * (1 - np.float32(0.6) * up) * np.clip(1 - (v / 0.62) ** 2, 0, 1)
        front = np.clip(u, 0, None) ** 2.3
        rear = np.clip(-u + hollow, 0, None) ** 5.0
        radius = (front + rear + np.abs(v) ** 2.6) ** np.float32(1 / 2.5)
        side = (radius - 1) * np.float32(0.46 * min(m.depth))
        across = np.clip(x / np.float32(min(m.depth)) + 0.5, -0.1, 1.1)
        half = (m.posterior + (m.anterior - m.posterior) * across) / 2
        dish = np.float32(m.dish) * np.clip(1 - (radius / 0.86) ** 2, 0, 1)
        # the inferior dish lies farther back, as on films
        dish = np.where(z < 0, dish * (1.15 - 0.35 * across), dish * (0.85 + 0.2 * across))
        cap = np.abs(z) - (half - dish)
        h = np.maximum(1.6 - np.abs(side - cap), 0) / 1.6
        return np.asarray(np.maximum(side, cap) + h * h * 0.4, np.float32)

    return distance


def _half_arch(solid: Solid, m: VertebraMeasures, side: float) -> None:
    """Pedicle, both articular processes, lamina and transverse process of one side."""
    back, top = max(m.depth) / 2, m.posterior / 2
    pedicle_y = side * (m.facets / 2 + 1.5)
    wide, tall = m.pedicle
    flat = max(tall / wide, 1.0)
    joint_y, joint_x = side * m.facets / 2, -back - 13.0
    solid.bar(
        (-back + 3, side * min(abs(pedicle_y), m.width / 2 - 7), top - 8),
        (joint_x + 2, pedicle_y, top - 9),
        (wide / 2, wide / 2),
        stretch=(1, 1, flat),
        blend=4,
    )
    solid.bar(
        (joint_x, joint_y, top - 9),
        (joint_x - 1, joint_y * 1.12, top + 2.0),
        (6.5, 5.0),
        stretch=(1, 0.9, 1),
    )
    solid.bar(
        (joint_x - 1, joint_y, top - 9),
        (joint_x - 9, joint_y * 0.72, -top - 1),
        (5.5, 5.5),
        blend=4,
    )
    solid.bar(
        (joint_x - 9, joint_y * 0.75, -top),
        (joint_x - 7.5, joint_y * 0.85, -top - 12),
        (6.2, 4.6),
        stretch=(1.1, 0.85, 1),
    )
    lamina_x = -back - m.canal - 3
    solid.bar(
        (joint_x - 6, joint_y * 0.8, 0.0),
        (lamina_x - 5, side * 1.5, -3.0),
        (3.6, 3.6),
        stretch=(1, 1, 2.4),
        blend=3,
    )
    solid.bar(
        (joint_x + 2, joint_y * 1.1, top - 8.5),
        (joint_x - 4, side * (m.transverse / 2 - 4), top - 5),
        (5.4, 3.4),
        stretch=(0.75, 1, 1),
        blend=4,
    )


def _spinous_process(solid: Solid, m: VertebraMeasures) -> None:
    start = -max(m.depth) / 2 - m.canal - 6
    half = m.spinous_height / 2
    solid.bar(
        (start, 0, -4.0),
        (start - m.spinous_length + 0.5 * half, 0, -9.0),
        (0.75 * half, half),
        stretch=(1, 0.34, 1),
        blend=3,
    )


def _decimated(
    mesh: tuple[FloatArray, NDArray[np.int32]], triangles: int
) -> tuple[FloatArray, NDArray[np.int32]]:
    import fast_simplification

    vertices, faces = mesh
    points, cells = fast_simplification.simplify(
        vertices.astype(np.float32), faces, target_count=triangles
    )
    return points.astype(np.float64), cells.astype(np.int32)
