"""Ribs of T9 to T12 as swept tubes from the body backward, around and down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.texture import Range, draw
from spinemorph.simulate.tubes import tube

LENGTH_MM = {"T12": 110.0, "T11": 190.0, "T10": 260.0, "T9": 300.0}


@dataclass(frozen=True)
class RibSettings:
    """Radius in mm, attenuation in 1/mm, descent as a slope, probability that T12 has short ribs."""

    radius: Range = (3.0, 5.5)
    attenuation: Range = (0.004, 0.022)
    descent: Range = (0.25, 0.9)
    short_last: float = 0.3


def ribs(
    camera: Camera, placed: Sequence[Placed], rng: Generator, settings: RibSettings
) -> NDArray[np.float32]:
    """Attenuation integral (rows, columns) of both sides' ribs."""
    total = np.zeros((camera.rows, camera.columns), np.float32)
    radius, mu = draw(rng, settings.radius), draw(rng, settings.attenuation)
    descent = draw(rng, settings.descent)
    short = rng.random() < settings.short_last
    chest = rng.uniform(110, 150)
    for body in placed:
        if body.level not in LENGTH_MM:
            continue
        length = LENGTH_MM[body.level] * rng.uniform(0.8, 1.15)
        if body.level == "T12" and short:
            length = rng.uniform(20, 60)
        for side in (-1.0, 1.0):
            swing = np.linspace(0.0, length / chest, 10)
            depth = body.corners[1, 0]
            local = np.stack(
                [
                    depth
                    - 8
                    - 22 * np.sin(np.clip(swing * 2, 0, np.pi))
                    + chest * (1 - np.cos(swing)),
                    side * (18 + chest * np.sin(np.clip(swing, 0, 2.2)) * 1.0),
                    4 - descent * length * np.linspace(0, 1, 10) ** 1.1 * 0.55,
                ],
                axis=1,
            )
            patch = tube(camera, body.to_world(local), radius)
            if patch is not None:
                rows, columns, thickness = patch
                # a rib is a shell: its rims are brighter than its middle
                wall = np.minimum(thickness, 2.4) + 0.35 * np.maximum(thickness - 2.4, 0)
                total[rows, columns] += mu * wall
    return total
