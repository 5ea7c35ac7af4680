"""The millimetre rule: which pixel size of a header can be trusted, and how far.

A projection radiograph seldom has a true scale, and a wrong one harms. The rule is one pure
function, :func:`resolve_scale`; the order of its branches is the order of trust.
Attribute names and meanings: DICOM PS3.3, C.8.7.10, 10.7.1.3 (Basic Pixel Spacing Calibration).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from spinemorph.errors import UsageError
from spinemorph.types import PixelSpacing

#: Bounds of a plausible pixel on a radiograph, mm: micro-focus detectors to thumbnails.
SMALLEST_PIXEL_MM: Final = 0.01
LARGEST_PIXEL_MM: Final = 5.0
#: A pixel is never more oblong than this (scan lines of old digitisers reach 2).
LARGEST_ASPECT: Final = 5.0
#: A spine is never nearer to the tube than to a third of the way to the detector.
LARGEST_MAGNIFICATION: Final = 3.0
#: Two pixel sizes that differ less than this (relative) were written as the same.
SAME_SIZE: Final = 1e-3

_CALIBRATED: Final = ("FIDUCIAL", "GEOMETRY")

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class SpacingHeader:
    """The attributes that bear on the scale, as they stand in the header (None: absent or empty).

    Lengths in mm as (row, column); a value that was not a number is NaN.
    """

    pixel_spacing: Numbers | None = None
    calibration_type: str | None = None
    imager_pixel_spacing: Numbers | None = None
    magnification: Numbers | None = None
    source_to_detector: Numbers | None = None
    source_to_patient: Numbers | None = None
    pixel_aspect_ratio: Numbers | None = None


@dataclass(frozen=True)
class Scale:
    """``aspect`` is the height of a pixel over its width; it holds with or without a spacing."""

    spacing: PixelSpacing | None
    aspect: float
    flags: tuple[str, ...]


def resolve_scale(header: SpacingHeader, user: tuple[float, float] | None = None) -> Scale:
    """The pixel size of a film, its basis, and the flags that say how far it can be trusted.

    ``user``: (row, column) in mm, as given by the user; it wins over every header.
    A nonsensical value of the header counts as absent and leaves the flag
    ``invalid_pixel_spacing``. UsageError if ``user`` itself is nonsense.
    """
    if user is not None:
        given = user_spacing(user)
        return Scale(given, given.row / given.column, ())

    values = (
        header.pixel_spacing,
        header.imager_pixel_spacing,
        header.magnification,
        header.source_to_detector,
        header.source_to_patient,
        header.pixel_aspect_ratio,
    )
    pixel = _size(header.pixel_spacing)
    imager = _size(header.imager_pixel_spacing)
    factor = _magnification(header.magnification)
    distances = _magnification_of_distances(header.source_to_detector, header.source_to_patient)
    ratio = _ratio(header.pixel_aspect_ratio)
    understood = (
        pixel,
        imager,
        factor,
        # one distance without the other means nothing, and is no fault
        distances if header.source_to_patient else _positive(header.source_to_detector),
        distances if header.source_to_detector else _positive(header.source_to_patient),
        ratio,
    )
    nonsense = any(
        value is not None and meant is None for value, meant in zip(values, understood, strict=True)
    )
    invalid = ("invalid_pixel_spacing",) if nonsense else ()

    spacing, flags = _by_trust(header.calibration_type, pixel, imager, factor, distances)
    aspect = spacing.row / spacing.column if spacing else (ratio or 1.0)
    return Scale(spacing, aspect, flags + invalid)


def _by_trust(
    calibration_type: str | None,
    pixel: tuple[float, float] | None,
    imager: tuple[float, float] | None,
    factor: float | None,
    factor_of_distances: float | None,
) -> tuple[PixelSpacing | None, tuple[str, ...]]:
    """The branches of the rule, most trusted first; every argument is sound or None."""
    if pixel and calibration_type in _CALIBRATED:
        return PixelSpacing(*pixel, "calibrated"), ()
    if imager and factor:
        return _demagnified(imager, factor), ("estimated_scale",)
    if imager and factor_of_distances:
        flags = ("estimated_scale", "magnification_underestimated")
        return _demagnified(imager, factor_of_distances), flags
    if imager and (pixel is None or _same(pixel, imager)):
        return PixelSpacing(*imager, "detector"), ("detector_scale",)
    if pixel:
        return PixelSpacing(*pixel, "unknown"), ("unknown_scale",)
    return None, ("no_pixel_spacing",)


def user_spacing(values: tuple[float, float]) -> PixelSpacing:
    """The spacing that a user gave, (row, column) in mm; UsageError if it cannot be true."""
    size = _size(tuple(values))
    if size is None:
        raise UsageError(
            f"spacing: expected two numbers of {SMALLEST_PIXEL_MM:g} to {LARGEST_PIXEL_MM:g} mm "
            f"(row, column), got {tuple(values)}"
        )
    return PixelSpacing(*size, "user")


def _demagnified(imager: tuple[float, float], factor: float) -> PixelSpacing:
    return PixelSpacing(imager[0] / factor, imager[1] / factor, "estimated")


def _same(one: Iterable[float], other: Iterable[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=SAME_SIZE) for a, b in zip(one, other, strict=True))


def _size(values: Numbers | None) -> tuple[float, float] | None:
    if values is None or len(values) != 2:
        return None
    row, column = values
    if not all(SMALLEST_PIXEL_MM <= value <= LARGEST_PIXEL_MM for value in (row, column)):
        return None
    return (row, column) if _plausible_aspect(row / column) else None


def _positive(values: Numbers | None) -> float | None:
    if values is None or len(values) != 1:
        return None
    return values[0] if math.isfinite(values[0]) and values[0] > 0 else None


def _magnification(values: Numbers | None) -> float | None:
    """A factor between the detector and the patient; a true one is never below 1."""
    factor = _positive(values)
    return factor if factor is not None and 1 <= factor <= LARGEST_MAGNIFICATION else None


def _magnification_of_distances(
    to_detector: Numbers | None, to_patient: Numbers | None
) -> float | None:
    detector, patient = _positive(to_detector), _positive(to_patient)
    return _magnification((detector / patient,)) if detector and patient else None


def _ratio(values: Numbers | None) -> float | None:
    """PixelAspectRatio is vertical size over horizontal size (PS3.3 C.7.6.3.1.7)."""
    if values is None or len(values) != 2:
        return None
    vertical, horizontal = _positive(values[:1]), _positive(values[1:])
    if vertical is None or horizontal is None:
        return None
    ratio = vertical / horizontal
    return ratio if _plausible_aspect(ratio) else None


def _plausible_aspect(ratio: float) -> bool:
    return 1 / LARGEST_ASPECT <= ratio <= LARGEST_ASPECT
