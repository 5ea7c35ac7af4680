"""What is known exactly of a simulated film; frozen values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import Box, Facing, FloatArray, frozen_array


@dataclass(frozen=True, eq=False)
class TrueBody:
    """A vertebral body (or S1) as projected, in pixels of the film.

    ``mask``: bool, the outer silhouette of the body cropped to ``box`` (clipped to the film).
    ``corners``: (4, 2) x, y in the order of :data:`spinemorph.anatomy.CORNERS`, rim corners of the
    mid-line without osteophytes; NaN for the inferior corners of S1; they may lie off the film.
    ``visible``: part of the silhouette that lies inside the exposed film, 0 to 1.
    """

    level: str
    mask: NDArray[np.bool_]
    box: Box
    corners: FloatArray
    visible: float
    deformity: str | None = None
    replaced: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", frozen_array(self.mask, bool, self.box.shape, "mask"))
        corners = frozen_array(self.corners, np.float64, (4, 2), "corners")
        object.__setattr__(self, "corners", corners)

    @property
    def category(self) -> str:
        return "sacrum" if self.level == "S1" else "lumbar"


@dataclass(frozen=True, eq=False)
class TrueImplant:
    """An implant as projected; ``levels`` from above downward (two for a cage)."""

    category: str
    mask: NDArray[np.bool_]
    box: Box
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", frozen_array(self.mask, bool, self.box.shape, "mask"))


@dataclass(frozen=True, eq=False)
class Truth:
    """Truth of one film. Bodies from above downward, S1 last; only those that the film shows.

    ``hidden``: bodies that lie on the film but of which less than half can be seen.
    """

    bodies: tuple[TrueBody, ...]
    implants: tuple[TrueImplant, ...]
    facing: Facing
    view: str  # "lateral" or "ap"
    spacing_mm: float
    inverted: bool
    #: degrees, mm, as (name, levels, value) by the definitions of the measurements
    measurements: tuple[tuple[str, tuple[str, ...], float], ...]
    hidden: tuple[TrueBody, ...] = ()

    def at(self, level: str) -> TrueBody | None:
        return next((body for body in self.bodies if body.level == level), None)


@dataclass(frozen=True, eq=False)
class SimulatedFilm:
    """``pixels``: float32 (rows, columns) 0 to 1 as a viewer shows them (dark bone if inverted)."""

    pixels: NDArray[np.float32]
    truth: Truth
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "pixels", frozen_array(self.pixels, np.float32, (None, None), "pixels")
        )
