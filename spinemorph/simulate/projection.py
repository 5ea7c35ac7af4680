"""Projection: path lengths through closed surfaces by adding signed depths of their triangles."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.shape import ShapedBone
from spinemorph.types import FloatArray


@numba.njit(cache=True, fastmath=False, boundscheck=False)
def _accumulate(  # noqa: C901  compiled, where a call of a helper would copy
    points: FloatArray,
    faces: NDArray[np.int32],
    out_a: NDArray[Any],
    weight_a: NDArray[Any],
    out_b: NDArray[Any],
    weight_b: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    """Add sign x depth of every triangle to two buffers at the pixel centres it covers.

    An edge is always walked from its upper to its lower end, so two triangles that share it agree
    on every pixel: a closed surface leaves no streaks.
    """
    rows, columns = out_a.shape
    x = np.empty(3)
    y = np.empty(3)
    d = np.empty(3)
    for f in range(faces.shape[0]):
        for k in range(3):
            x[k] = points[faces[f, k], 0]
            y[k] = points[faces[f, k], 1]
            d[k] = points[faces[f, k], 2]
        cross = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
        if cross == 0:
            continue
        sign = 1.0 if cross > 0 else -1.0
        top = max(math.ceil(min(y[0], y[1], y[2])), 0)
        bottom = min(math.ceil(max(y[0], y[1], y[2])), rows)
        if max(x[0], x[1], x[2]) < 0 or min(x[0], x[1], x[2]) > columns:
            continue
        for row in range(top, bottom):
            count = 0
            xl = 0.0
            dl = 0.0
            xr = 0.0
            dr = 0.0
            for k in range(3):
                i = k
                j = (k + 1) % 3
                if y[j] < y[i] or (y[j] == y[i] and x[j] < x[i]):
                    i, j = j, i
                if y[i] <= row < y[j]:
                    t = (row - y[i]) / (y[j] - y[i])
                    px = x[i] + t * (x[j] - x[i])
                    pd = d[i] + t * (d[j] - d[i])
                    if count == 0:
                        xl = px
                        dl = pd
                    else:
                        xr = px
                        dr = pd
                    count += 1
            if count != 2:
                continue
            if xr < xl:
                xl, xr = xr, xl
                dl, dr = dr, dl
            first = math.ceil(xl)
            last = math.ceil(xr)
            if last <= first or last <= 0 or first >= columns:
                continue
            slope = (dr - dl) / (xr - xl)
            start = max(first, 0)
            value = sign * (dl + slope * (start - xl))
            step = sign * slope
            for column in range(start, min(last, columns)):
                out_a[row, column] += weight_a * value
                out_b[row, column] += weight_b * value
                value += step


def add_bone(
    camera: Camera,
    place: Placed,
    outer: FloatArray,
    inner: FloatArray,
    faces: NDArray[np.int32],
    cortical: NDArray[np.float32],
    spongy: NDArray[np.float32],
    density: float,
    attenuation: tuple[float, float],
) -> None:
    """Add the line integrals of one bone to ``cortical`` and ``spongy`` (rows, columns) in place.

    ``attenuation``: of cortex and spongiosa in 1/mm. The arrays are accumulators of the film being
    made; nothing else holds them.
    """
    mu_cortex, mu_spongy = (density * mu for mu in attenuation)
    # outward faces at the far side turn one way on the film, unless the film is mirrored
    mirrored = -1.0 if camera.facing_left else 1.0
    depth = float(camera.project(place.origin[None])[0, 2])
    for surface, sign in ((outer, 1.0), (inner, -1.0)):
        points = camera.project(place.to_world(surface))
        points[:, 2] -= depth
        weight = sign * mirrored
        _accumulate(
            points,
            faces,
            cortical,
            weight * mu_cortex,
            spongy,
            0.0 if sign > 0 else -weight * mu_spongy,
        )


def silhouette(
    camera: Camera, place: Placed, bone: ShapedBone, oversample: int = 2
) -> tuple[NDArray[np.bool_], int, int] | None:
    """The mask of a body's outer silhouette with its top row and left column; None if off the film.

    The mask may reach beyond the film; the caller clips it.
    """
    polygons = [camera.project(place.to_world(outline))[:, :2] for outline in bone.outlines]
    everything = np.concatenate(polygons)
    left, top = np.floor(everything.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(everything.max(axis=0)).astype(int) + 2
    if right <= 0 or bottom <= 0 or left >= camera.columns or top >= camera.rows:
        return None
    size = ((right - left) * oversample, (bottom - top) * oversample)
    canvas = np.zeros(size[::-1], np.uint8)
    offset = np.array([left, top])
    for polygon in polygons:
        # pixel centres of the fine grid lie at (i + 0.5) / oversample - 0.5
        fine = (polygon - offset + 0.5) * oversample - 0.5
        cv2.fillPoly(canvas, [np.round(fine * 16).astype(np.int32)], 1, shift=4)
    # slices are a few mm apart: close what shows between them
    canvas = cv2.morphologyEx(canvas, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    share = canvas.reshape(bottom - top, oversample, right - left, oversample).mean(axis=(1, 3))
    return share >= 0.5, int(top), int(left)
