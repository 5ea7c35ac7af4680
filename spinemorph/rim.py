"""Where the corners of a vertebral body are on its outline: one definition for truth and measurement."""

from __future__ import annotations

import numpy as np

from spinemorph.types import FloatArray


def rim_corners(points: FloatArray) -> FloatArray:
    """The four rim corners (4, 2) of a body's outline (n, 2) of x, z, upright, anterior at +x.

    Rims are rounded; a reader marks where the line of the endplate meets the tangent of the wall. Height:
    where the outline reaches farthest along the diagonal of the body's own box (mean of the
    farthest 1 %, so that no single vertex decides). Depth: the farthest that the outline reaches
    forward or backward within a quarter of the height of that endplate.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    unit = (points - (low + high) / 2) / ((high - low) / 2)
    corners = []
    for forward, upward in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        reach = unit @ np.array([forward, upward], dtype=float)
        height = points[reach >= reach.max() - 0.02, 1].mean()
        near = points[unit[:, 1] * upward > 0.5, 0]
        corners.append([forward * float(np.max(forward * near)), float(height)])
    return np.array(corners)
