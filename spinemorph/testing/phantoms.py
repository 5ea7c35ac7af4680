"""Drawn films with known masks, corners and lordosis, and a segmenter that finds them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import WeightsError
from spinemorph.types import (
    Box,
    Facing,
    FloatArray,
    Instance,
    PixelSpacing,
    Radiograph,
    Segmentation,
    Source,
)

#: Grey values of a phantom: bodies lie above, the sacrum above them, soft tissue below.
TISSUE: Final = 0.30
BODY: Final = 0.60
SACRUM: Final = 0.90
_LEVELS: Final = ("L5", "L4", "L3", "L2", "L1", "T12")


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn lateral film and what is known of it.

    ``instances``: from above downward, S1 last, with exact masks and corners; ``levels``: their
    names in the same order; ``lordosis``: superior L1 to superior S1 in degrees.
    """

    radiograph: Radiograph
    instances: tuple[Instance, ...]
    levels: tuple[str, ...]
    lordosis: float
    facing: Facing


def draw_phantom(
    rows: int = 900,
    columns: int = 600,
    *,
    facing: Facing = "left",
    lordosis: float = 50.0,
    sacral_slope: float = 38.0,
    bodies: int = 6,
    sacrum: bool = True,
    spacing: float | None = 0.25,
) -> Phantom:
    """A film of ``bodies`` bodies above S1 (5: up to L1), each body and disc an equal wedge.

    ``lordosis`` and ``sacral_slope`` in degrees, ``spacing`` in mm a pixel (None: no scale).
    The film holds no noise: equal arguments give equal pixels.
    """
    if not 1 <= bodies <= len(_LEVELS):
        raise ValueError(f"bodies must be 1 to {len(_LEVELS)}, got {bodies}")
    quads = _column(bodies, math.radians(sacral_slope), math.radians(lordosis) / 10)
    if not sacrum:
        quads = quads[1:]
    quads = _fitted(quads, rows, columns, facing)
    pixels = np.full((rows, columns), TISSUE, np.float32)
    pixels *= np.linspace(0.6, 1.0, columns, dtype=np.float32)
    instances = []
    for index, quad in enumerate(quads):
        is_sacrum = sacrum and index == 0
        instance = _instance(quad, (rows, columns), is_sacrum)
        pixels[instance.box.slices][instance.mask] = SACRUM if is_sacrum else BODY
        instances.append(instance)
    levels = (("S1",) if sacrum else ()) + _LEVELS[:bodies]
    size = None if spacing is None else PixelSpacing(spacing, spacing, "user")
    film = Radiograph(pixels, Source(file="phantom.png", sha256="0" * 64), spacing=size)
    return Phantom(film, tuple(reversed(instances)), tuple(reversed(levels)), lordosis, facing)


class PhantomSegmenter:
    """Finds what :func:`draw_phantom` drew, by its grey values: the smallest honest segmenter."""

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        """WeightsError if weights are given: grey values need none."""
        if weights is not None:
            raise WeightsError(f"{weights}: the phantom segmenter takes no weights")
        del device  # a threshold runs anywhere
        self.device = "cpu"

    def segment(self, radiograph: Radiograph) -> Segmentation:
        """Connected regions as bright as a body or a sacrum, without corners."""
        from scipy import ndimage

        found = []
        bounds = {
            "lumbar": ((TISSUE + BODY) / 2, (BODY + SACRUM) / 2),
            "sacrum": ((BODY + SACRUM) / 2, 1.0),
        }
        for category, (low, high) in bounds.items():
            bright = (radiograph.pixels > low) & (radiograph.pixels <= high)
            regions, _ = ndimage.label(bright)
            for number, (down, across) in enumerate(ndimage.find_objects(regions), start=1):
                mask = regions[down, across] == number
                if mask.sum() < 16:
                    continue
                box = Box(down.start, across.start, down.stop, across.stop)
                found.append(Instance(category, 0.99, mask, box))
        return Segmentation(tuple(found))


def write_png(pixels: NDArray[np.float32], path: Path) -> Path:
    """Write pixels (rows, columns) in 0 to 1 as a 16-bit PNG and give the path back."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", np.rint(pixels * 65535).astype(np.uint16))
    path.write_bytes(data.tobytes())
    return path


def _column(bodies: int, slope: float, step: float) -> FloatArray:
    """Corners (1 + bodies, 4, 2) of S1 and the bodies above, facing right, y down, depth 1.

    The endplate at angle t runs from posterior to anterior along (cos t, sin t).
    """

    def along(angle: float) -> FloatArray:
        return np.array([math.cos(angle), math.sin(angle)])

    def upward(angle: float) -> FloatArray:
        return np.array([math.sin(angle), -math.cos(angle)])

    def ends(middle: FloatArray, angle: float) -> list[FloatArray]:
        return [middle + along(angle) / 2, middle - along(angle) / 2]

    middle, angle = np.zeros(2), slope
    below = middle - 0.9 * upward(slope)
    taper = [below + 0.35 * along(slope), below - 0.35 * along(slope)]
    quads: list[list[FloatArray]] = [[*ends(middle, angle), *taper]]
    for _ in range(bodies):
        middle = middle + 0.28 * upward(angle - step / 2)
        angle -= step
        inferior = ends(middle, angle)
        middle = middle + 0.78 * upward(angle - step / 2)
        angle -= step
        quads.append([*ends(middle, angle), *inferior])
    return np.array(quads)


def _fitted(quads: FloatArray, rows: int, columns: int, facing: Facing) -> FloatArray:
    """The column scaled into a film with a margin, and mirrored where it faces left."""
    low, high = quads.min(axis=(0, 1)), quads.max(axis=(0, 1))
    size = np.array([columns, rows], float)
    scale = 0.86 * float((size / (high - low)).min())
    placed: FloatArray = (quads - (low + high) / 2) * scale + (size - 1) / 2
    if facing == "left":
        placed[..., 0] = columns - 1 - placed[..., 0]
    return placed


def _instance(quad: FloatArray, shape: tuple[int, int], is_sacrum: bool) -> Instance:
    """An exact instance of the quadrilateral; S1's inferior corners are NaN, as the contract is."""
    from skimage.draw import polygon

    down, across = polygon(*quad[[0, 1, 3, 2]].T[::-1], shape=shape)
    box = Box(int(down.min()), int(across.min()), int(down.max()) + 1, int(across.max()) + 1)
    mask = np.zeros(box.shape, bool)
    mask[down - box.top, across - box.left] = True
    corners = quad.copy()
    if is_sacrum:
        corners[2:] = np.nan
    covariance = np.tile(np.eye(2) * 0.25, (4, 1, 1))
    return Instance("sacrum" if is_sacrum else "lumbar", 1.0, mask, box, corners, covariance)
