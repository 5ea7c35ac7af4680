"""Framing: how the patient stands between focus and detector, and what part of it the film shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.types import FloatArray


@dataclass(frozen=True)
class FramingSettings:
    """Lengths in mm or pixels; parts of the film's height or width; degrees; probabilities 0 to 1."""

    rows: int = 832
    width_over_height: tuple[float, float] = (0.40, 0.85)
    columns_multiple: int = 1
    chain_over_height: tuple[float, float] = (0.33, 0.60)
    wide_view: float = 0.5  # as on most full-size films: chain 0.33 to 0.43 of the height
    middle_x: tuple[float, float] = (0.47, 0.09)
    middle_y: tuple[float, float] = (0.41, 0.07)
    source_to_object: tuple[float, float] = (800.0, 1600.0)
    beam_centre_sd: tuple[float, float] = (40.0, 60.0)
    facing_right: float = 0.25
    tilt_sd: float = 3.0
    tilted: float = 0.08
    tilted_sd: float = 10.0
    above_sacrum: float = 0.06
    ap_view: float = 0.02


def frame(
    rng: Generator,
    settings: FramingSettings,
    placed: dict[str, Placed],
    size: tuple[int, int] | None = None,
) -> tuple[Camera, str]:
    """A camera for these bones and the name of the view, ``lateral`` or ``ap``.

    ``size``: rows and columns, where the caller wants them fixed.
    """
    rows = settings.rows if size is None else size[0]
    ratio = rng.uniform(*settings.width_over_height)
    columns = round(rows * ratio) if size is None else size[1]
    low, high = settings.chain_over_height
    share = (
        rng.uniform(low, min(low + 0.10, high))
        if rng.random() < settings.wide_view
        else rng.uniform(low, high)
    )
    levels = ["L1", "L2", "L3", "L4", "L5"]
    origins = np.array([placed[level].origin for level in levels])
    chain = float(np.linalg.norm(np.diff(origins, axis=0), axis=1).sum())
    pixel = chain / (share * rows)
    if columns * pixel < 150:  # a strip narrower than the spine shows nothing
        columns = round(150 / pixel) if size is None else columns
    middle = np.array([rng.normal(*settings.middle_x), rng.normal(*settings.middle_y)])
    view = "ap" if rng.random() < settings.ap_view else "lateral"
    facing_left = bool(rng.random() >= settings.facing_right)
    tilt_sd = settings.tilted_sd if rng.random() < settings.tilted else settings.tilt_sd
    turn = np.eye(3) if view == "lateral" else np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    seen = origins @ turn.T
    pose = {
        "rows": rows,
        "columns": columns,
        "pixel_mm": pixel,
        "source_to_object": float(rng.uniform(*settings.source_to_object)),
        "centre": tuple(seen[2, [0, 2]] + rng.normal(0, settings.beam_centre_sd)),
        "facing_left": facing_left,
        "tilt": float(np.deg2rad(rng.normal(0, tilt_sd))),
        "view": turn,
    }
    here = Camera(offset=(0.0, 0.0), **pose)
    points = here.project(np.concatenate([origins, placed["S1"].corner_points()[:2]]))[:, :2]
    offset = np.clip(middle, [0.25, 0.2], [0.75, 0.7]) * [columns, rows] - points[2]
    offset[0] = _keep_inside(points[:, 0], offset[0], columns, 0.06 * rows)
    if rng.random() < settings.above_sacrum:
        end = points[int(rng.integers(3, 6)), 1] + rng.uniform(-0.02, 0.055) * rows
        offset[1] = rows - end
    elif rng.random() < 0.93:  # the sacral endplate is in the film
        offset[1] = min(offset[1], rows * rng.uniform(0.80, 0.97) - points[5:, 1].max())
    return Camera(offset=(float(offset[0]), float(offset[1])), **pose), view


def _keep_inside(x: FloatArray, offset: float, columns: int, margin: float) -> float:
    low, high = margin - x.min(), columns - margin - x.max()
    return float(np.clip(offset, low, high)) if low < high else float((low + high) / 2)
