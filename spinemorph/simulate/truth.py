"""What is known exactly of a simulated film; frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    ``middles``: (2, 2) middle of the superior and the inferior endplate of the mid-line section.
    ``osteophyte_mm2``: (4,) area of the silhouette that is osteophyte, by corner; NaN for S1.
    ``osteophytes``: bool, those pixels of ``mask``.
    ``loss_percent``: (3,) anterior, middle, posterior height that a fracture took; NaN for S1.
    """

    level: str
    mask: NDArray[np.bool_]
    box: Box
    corners: FloatArray
    visible: float
    deformity: str | None = None
    replaced: bool = False
    middles: FloatArray = field(default_factory=lambda: np.full((2, 2), np.nan))
    osteophyte_mm2: FloatArray = field(default_factory=lambda: np.full(4, np.nan))
    osteophytes: NDArray[np.bool_] | None = None
    loss_percent: FloatArray = field(default_factory=lambda: np.full(3, np.nan))

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", frozen_array(self.mask, bool, self.box.shape, "mask"))
        spurs = np.zeros(self.box.shape, bool) if self.osteophytes is None else self.osteophytes
        object.__setattr__(
            self, "osteophytes", frozen_array(spurs, bool, self.box.shape, "osteophytes")
        )
        for name, shape in (
            ("corners", (4, 2)),
            ("middles", (2, 2)),
            ("osteophyte_mm2", (4,)),
            ("loss_percent", (3,)),
        ):
            value = frozen_array(getattr(self, name), np.float64, shape, name)
            object.__setattr__(self, name, value)

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
