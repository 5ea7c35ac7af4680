"""Frozen values that flow through the stages. Valid once constructed; arrays are read-only copies.

Coordinates are pixels of the original image: x to the right, y down, the centre of the top left
pixel is (0, 0). Lengths in millimetres appear only where a :class:`PixelSpacing` exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spinemorph.anatomy import CATEGORIES, IMPLANT_CATEGORIES, LEVELS_UPWARD

Facing = Literal["left", "right"]
SpacingBasis = Literal["calibrated", "estimated", "detector", "unknown", "user"]
FloatArray = NDArray[np.float64]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def frozen_array(values: Any, dtype: Any, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """A read-only copy of ``values``; ValueError names what was expected and what came."""
    array = np.array(values, dtype=dtype)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = tuple("n" if want is None else want for want in shape)
        raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")
    array.setflags(write=False)
    return array


def femoral_head_centres(values: Any) -> FloatArray | None:
    """Centres of one or both femoral heads, (1 or 2, 2) finite x, y; None stays None."""
    if values is None:
        return None
    centres = frozen_array(values, np.float64, (None, 2), "femoral_heads")
    if len(centres) not in (1, 2) or not np.isfinite(centres).all():
        raise ValueError("femoral_heads: expected the finite x, y of one or two centres")
    return centres


@dataclass(frozen=True)
class PixelSpacing:
    """Size of a pixel in millimetres, and how far it can be trusted."""

    row: float
    column: float
    basis: SpacingBasis

    def __post_init__(self) -> None:
        for name in ("row", "column"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"pixel spacing ({name}) must be a positive number, got {value}")
        if self.basis not in get_args(SpacingBasis):
            raise ValueError(f"unknown spacing basis {self.basis!r}")


@dataclass(frozen=True)
class Source:
    """Where a film came from. Dates as written in the header (DICOM DA/DT) in ISO form."""

    file: str
    sha256: str
    patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    study_date: str | None = None
    acquired_at: str | None = None
    body_position: str | None = None
    patient_orientation: str | None = None
    view_position: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    institution: str | None = None
    study_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    description: str | None = None


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film: ``pixels`` read-only float32 (rows, columns), 0 to 1, bone bright.

    ``aspect`` is the height of a pixel over its width; it agrees with ``spacing`` where there is one.
    ``facing`` is the side of the image that the patient's front points to, where the header tells.
    """

    pixels: NDArray[np.float32]
    source: Source
    spacing: PixelSpacing | None = None
    aspect: float = 1.0
    facing: Facing | None = None
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels = frozen_array(self.pixels, np.float32, (None, None), "pixels")
        if pixels.size == 0:
            raise ValueError("pixels: the image is empty")
        low, high = float(pixels.min()), float(pixels.max())
        if not (math.isfinite(low) and math.isfinite(high)) or low < 0 or high > 1:
            raise ValueError(f"pixels: expected finite values in [0, 1], got [{low}, {high}]")
        if self.spacing is not None:
            object.__setattr__(self, "aspect", self.spacing.row / self.spacing.column)
        if not (math.isfinite(self.aspect) and self.aspect > 0):
            raise ValueError(f"aspect must be a positive number, got {self.aspect}")
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "flags", tuple(self.flags))

    @property
    def rows(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def columns(self) -> int:
        return int(self.pixels.shape[1])


@dataclass(frozen=True)
class Box:
    """Half-open integer box: rows ``top`` to ``bottom``, columns ``left`` to ``right``."""

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if not (0 <= self.top < self.bottom and 0 <= self.left < self.right):
            raise ValueError(f"not a half-open box inside an image: {self}")

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, eq=False)
class Instance:
    """One thing that a model found, in original pixels; instances may overlap.

    ``mask``: read-only bool, cropped to ``box``. ``corners``: (4, 2) of x, y in the order of
    :data:`spinemorph.anatomy.CORNERS`; a corner that is not known (the inferior ones of S1) is NaN.
    ``covariance``: (4, 2, 2) in square pixels. ``middles``: (2, 2) of the superior and inferior endplate
    where a model gives them (NaN: unknown), with ``middle_covariance`` (2, 2, 2).
    ``level_probabilities``: a model's own belief of the level's name; evidence for numbering, never a
    name by itself.
    """

    category: str
    score: float
    mask: NDArray[np.bool_]
    box: Box
    corners: FloatArray | None = None
    covariance: FloatArray | None = None
    level_probabilities: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    middles: FloatArray | None = None
    middle_covariance: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"unknown category {self.category!r}; known: {', '.join(CATEGORIES)}")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must be in [0, 1], got {self.score}")
        mask = frozen_array(self.mask, bool, self.box.shape, "mask")
        if not mask.any():
            raise ValueError("mask: no pixel is set")
        object.__setattr__(self, "mask", mask)
        if self.corners is not None:
            corners = frozen_array(self.corners, np.float64, (4, 2), "corners")
            object.__setattr__(self, "corners", corners)
        if self.covariance is not None:
            covariance = frozen_array(self.covariance, np.float64, (4, 2, 2), "covariance")
            object.__setattr__(self, "covariance", covariance)
        for name, shape in (("middles", (2, 2)), ("middle_covariance", (2, 2, 2))):
            if getattr(self, name) is not None:
                value = frozen_array(getattr(self, name), np.float64, shape, name)
                object.__setattr__(self, name, value)
        probabilities = MappingProxyType(dict(self.level_probabilities))
        object.__setattr__(self, "level_probabilities", probabilities)

    @property
    def is_implant(self) -> bool:
        return self.category in IMPLANT_CATEGORIES

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            Instance,
            (
                self.category,
                self.score,
                self.mask,
                self.box,
                self.corners,
                self.covariance,
                dict(self.level_probabilities),
                self.middles,
                self.middle_covariance,
            ),
        )


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a segmenter says of a film: instances, and what it believes of the film as a whole.

    Every probability is None where the model has no such output. ``sacrum_visible``: S1 is in the
    picture. ``lateral_lumbar``: this is a lateral film of the lumbar spine at all.
    ``femoral_heads``: (1 or 2, 2) x, y of the centres of the femoral heads, from models that find them.
    """

    instances: tuple[Instance, ...]
    facing: Facing | None = None
    sacrum_visible: float | None = None
    lateral_lumbar: float | None = None
    flags: tuple[str, ...] = ()
    femoral_heads: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "femoral_heads", femoral_head_centres(self.femoral_heads))
        object.__setattr__(self, "instances", tuple(self.instances))
        object.__setattr__(self, "flags", tuple(self.flags))

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.instances)

    def __len__(self) -> int:
        return len(self.instances)


@dataclass(frozen=True, eq=False)
class LabeledVertebra:
    """A body with its level (None where numbering is impossible)."""

    instance: Instance
    level: str | None
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level is not None and self.level not in LEVELS_UPWARD:
            raise ValueError(f"unknown level {self.level!r}")


@dataclass(frozen=True, eq=False)
class LabeledImplant:
    """An implant with the levels it touches, from above downward (two for a cage)."""

    id: str
    instance: Instance
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlternativeNumbering:
    """The next best numbering: every level moved ``shift`` steps upward (negative: downward)."""

    shift: int
    probability: float
    reason: str


@dataclass(frozen=True)
class Numbering:
    """How far the level names can be trusted; ``confidence`` is 0 where nothing was numbered."""

    confidence: float
    alternative: AlternativeNumbering | None = None


@dataclass(frozen=True, eq=False)
class LabeledSpine:
    """Bodies from above downward (S1 last), implants, and the trust in their numbers.

    ``femoral_heads``: (1 or 2, 2) x, y of their centres where a model or a user gave them.
    """

    vertebrae: tuple[LabeledVertebra, ...]
    implants: tuple[LabeledImplant, ...] = ()
    numbering: Numbering = Numbering(0.0)
    facing: Facing | None = None
    flags: tuple[str, ...] = ()
    femoral_heads: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "femoral_heads", femoral_head_centres(self.femoral_heads))

    def at(self, level: str) -> LabeledVertebra | None:
        """The body of that level, or None."""
        return next((body for body in self.vertebrae if body.level == level), None)


@dataclass(frozen=True)
class Measurement:
    """One number with its unit, or no number with its reason; never neither, never both."""

    name: str
    levels: tuple[str, ...]
    value: float | None
    unit: str
    definition: str
    site: str | None = None
    instance: str | None = None
    label: str | None = None
    interval95: tuple[float, float] | None = None
    flags: tuple[str, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.name}: value must be finite, got {self.value}")
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"{self.name}: needs either a value or a reason why there is none")
        if self.interval95 is not None:
            low, high = self.interval95
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(f"{self.name}: not an interval: {self.interval95}")


@dataclass(frozen=True, eq=False)
class Vertebra:
    """A body as a study keeps it: contour (n, 2), corners (4, 2) with NaN where unknown."""

    level: str | None
    category: str
    score: float
    contour: FloatArray
    corners: FloatArray
    corner_covariance: FloatArray | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Implant:
    """An implant as a study keeps it."""

    id: str
    category: str
    levels: tuple[str, ...]
    contour: FloatArray
    score: float


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the film that a postprocessor found, for drawing: ``contour`` (n, 2), closed, in pixels
    of the original image. ``name`` says what it is (``disc_space``, ``osteophyte``); ``site`` where on
    the body, where that matters.
    """

    name: str
    levels: tuple[str, ...]
    contour: FloatArray
    site: str | None = None

    def __post_init__(self) -> None:
        contour = frozen_array(self.contour, np.float64, (None, 2), f"contour of {self.name}")
        if len(contour) < 3 or not np.isfinite(contour).all():
            raise ValueError(f"{self.name}: a contour needs at least 3 finite points")
        object.__setattr__(self, "contour", contour)
        object.__setattr__(self, "levels", tuple(self.levels))


@dataclass(frozen=True)
class ImageInfo:
    """Geometry of the film."""

    rows: int
    columns: int
    facing: Facing | None
    spacing: PixelSpacing | None
    aspect: float = 1.0


@dataclass(frozen=True, eq=False)
class Study:
    """Everything known of one film: the value behind study.json (schema spinemorph/study/1)."""

    source: Source
    image: ImageInfo
    vertebrae: tuple[Vertebra, ...]
    implants: tuple[Implant, ...]
    measurements: tuple[Measurement, ...]
    numbering: Numbering
    flags: tuple[str, ...]
    manifest: Mapping[str, Any]
    regions: tuple[Region, ...] = ()
    femoral_heads: FloatArray | None = None

    def find(
        self, name: str, levels: tuple[str, ...] | None = None, site: str | None = None
    ) -> Measurement | None:
        """The first measurement of that name (and of those levels and site, where given)."""
        for measurement in self.measurements:
            if (
                measurement.name == name
                and (levels is None or measurement.levels == levels)
                and (site is None or measurement.site == site)
            ):
                return measurement
        return None
