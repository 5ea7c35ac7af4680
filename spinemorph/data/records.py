"""What the readers share: fields of a record, and the attributes that our writers add."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from spinemorph.anatomy import CORNERS
from spinemorph.data.annotation import AnnotatedInstance, describe
from spinemorph.data.files import number
from spinemorph.data.raster import outline, single_ring
from spinemorph.types import FloatArray, PixelSpacing, SpacingBasis


class RecordError(ValueError):
    """Why one record cannot be read."""


def ring_of(values: Any, shift: float = 0.0) -> FloatArray:
    """Points [[x, y], ...] as (n, 2); RecordError unless there are three finite ones."""
    try:
        ring = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecordError(f"points are not numbers: {describe(values)}") from error
    if ring.ndim != 2 or ring.shape[1] != 2:
        raise RecordError(f"expected points [x, y], got an array of shape {ring.shape}")
    if len(ring) < 3:
        raise RecordError(f"a polygon needs three points, got {len(ring)}")
    if not np.isfinite(ring).all() or np.abs(ring).max() > 1e6:
        raise RecordError("a coordinate is not a finite number of pixels")
    return ring + shift


def ellipse_ring(x: float, y: float, rx: float, ry: float, theta: float = 0.0) -> FloatArray:
    """A polygon of 64 points round an ellipse."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    along, across = rx * np.cos(turn), ry * np.sin(turn)
    cos, sin = math.cos(theta), math.sin(theta)
    ring = np.column_stack([x + along * cos - across * sin, y + along * sin + across * cos])
    return ring_of(ring)


def one_ring(instance: AnnotatedInstance) -> FloatArray:
    """The instance as one polygon (n, 2)."""
    if instance.outline_mask is not None:
        return outline(instance.mask, instance.box)
    return single_ring(instance.rings)


def corners_of(value: Any) -> FloatArray | None:
    """Corners (4, 2) with NaN where unknown, of a list or of a mapping by name."""
    if value in (None, ""):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise RecordError(f"corners are not readable: {describe(value)}") from error
    if isinstance(value, Mapping):
        value = [value.get(name) for name in CORNERS]
    try:
        corners = np.array(
            [[math.nan, math.nan] if point is None else point for point in value], dtype=np.float64
        )
    except (TypeError, ValueError) as error:
        raise RecordError(f"corners are not points: {describe(value)}") from error
    if corners.shape != (4, 2):
        raise RecordError(f"expected four corners, got an array of shape {corners.shape}")
    return None if np.isnan(corners).all() else corners


def corners_list(corners: FloatArray | None) -> list[list[int | float] | None] | None:
    """Corners as plain values, None where unknown."""
    if corners is None:
        return None
    return [
        [number(x), number(y)] if math.isfinite(x) and math.isfinite(y) else None
        for x, y in corners.tolist()
    ]


def score_of(value: Any) -> float | None:
    """A score in [0, 1], or None."""
    if value in (None, ""):
        return None
    try:
        score = float(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"score is not a number: {describe(value)}") from error
    if not 0 <= score <= 1:
        raise RecordError(f"score must be in [0, 1], got {score}")
    return score


def size_of_record(record: Mapping[str, Any], rows: str, columns: str) -> tuple[int, int] | None:
    """Rows and columns under these names; None where absent or nonsense."""
    try:
        size = int(record[rows]), int(record[columns])
    except (KeyError, TypeError, ValueError):
        return None
    return size if min(size) > 0 else None


def spacing_of(values: Any, basis: Any) -> PixelSpacing | None:
    """A spacing [row, column] with its basis; None where absent or nonsense."""
    if isinstance(values, str):
        values = values.split(",")
    if not isinstance(values, Sequence) or len(values) != 2:
        return None
    try:
        return PixelSpacing(
            float(values[0]), float(values[1]), basis if basis in get_args(SpacingBasis) else "user"
        )
    except (TypeError, ValueError):
        return None


def aspect_of(value: Any) -> float:
    """Height over width of a pixel; 1 where absent or nonsense."""
    try:
        aspect = float(value)
    except (TypeError, ValueError):
        return 1.0
    return aspect if math.isfinite(aspect) and aspect > 0 else 1.0
