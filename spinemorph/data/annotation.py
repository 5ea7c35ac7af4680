"""One image's annotation, whatever format it came from; frozen values.

Coordinates are pixels of the image: x to the right, y down, the centre of the top left pixel is
(0, 0). Formats that count from the corner of that pixel (COCO, labelme, YOLO) are shifted by half a
pixel when they are read and written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.anatomy import BODY_CATEGORIES, CATEGORIES, LEVELS_UPWARD
from spinemorph.data.raster import bounded, rasterize
from spinemorph.types import Box, FloatArray, PixelSpacing, frozen_array

#: Labels of merged class masks.
CLASS_LABELS: Final[Mapping[str, int]] = {"lumbar": 1, "sacrum": 2}

Size = tuple[int, int]


@dataclass(frozen=True)
class Problem:
    """A record that was not read, or not as it stands: which file, which entry, why."""

    file: str
    entry: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.file}: {self.entry}: {self.message}"
            if self.entry
            else (f"{self.file}: {self.message}")
        )


@dataclass(frozen=True, eq=False)
class AnnotatedInstance:
    """A body or an implant, outlined by ``rings`` or by a ``mask`` cropped to ``box``, never both.

    ``rings``: polygons (n, 2) of x, y; the instance is their union, each filled by the non-zero
    rule. ``corners``: (4, 2) in the order of :data:`spinemorph.anatomy.CORNERS`, NaN where unknown.
    """

    category: str
    level: str | None = None
    score: float | None = None
    rings: tuple[FloatArray, ...] = ()
    outline_mask: NDArray[np.bool_] | None = None
    outline_box: Box | None = None
    corners: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"unknown category {self.category!r}; known: {', '.join(CATEGORIES)}")
        if self.level is not None and self.level not in LEVELS_UPWARD:
            raise ValueError(f"unknown level {self.level!r}")
        if self.level is not None and (
            self.category not in BODY_CATEGORIES
            or (self.level == "S1") != (self.category == "sacrum")
        ):
            raise ValueError(f"a {self.category} cannot have the level {self.level}")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ValueError(f"score must be in [0, 1], got {self.score}")
        if bool(self.rings) == (self.outline_mask is not None):
            raise ValueError("an instance needs either rings or a mask")
        rings = tuple(frozen_array(ring, np.float64, (None, 2), "ring") for ring in self.rings)
        if any(len(ring) < 3 or not np.isfinite(ring).all() for ring in rings):
            raise ValueError("a ring needs three points or more, all of them finite")
        object.__setattr__(self, "rings", rings)
        if self.outline_mask is not None:
            if self.outline_box is None:
                raise ValueError("a mask needs its box")
            mask = frozen_array(self.outline_mask, bool, self.outline_box.shape, "mask")
            if not mask.any():
                raise ValueError("mask: no pixel is set")
            object.__setattr__(self, "outline_mask", mask)
        if self.corners is not None:
            corners = frozen_array(self.corners, np.float64, (4, 2), "corners")
            object.__setattr__(self, "corners", corners)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask, read-only; ValueError where the instance is still an outline."""
        if self.outline_mask is None:
            raise ValueError("this instance is an outline: rasterize the annotation first")
        return self.outline_mask

    @property
    def box(self) -> Box:
        """The box of the mask."""
        if self.outline_box is None:
            raise ValueError("this instance is an outline: rasterize the annotation first")
        return self.outline_box

    def rasterized(self, size: Size | None) -> AnnotatedInstance | None:
        """The same instance as a mask inside an image of that size; None where no pixel is left."""
        if self.outline_mask is not None and self.outline_box is not None:
            part = bounded(self.outline_mask, self.outline_box, size)
        else:
            part = rasterize(self.rings, size)
        if part is None:
            return None
        return replace(self, rings=(), outline_mask=part[0], outline_box=part[1])


@dataclass(frozen=True, eq=False)
class Annotation:
    """What is drawn on one image.

    ``rows`` and ``columns`` are None where the format does not say. ``holds_overlaps``: the format
    that this came from can hold overlapping instances (a label mask cannot).
    """

    image: str
    rows: int | None
    columns: int | None
    instances: tuple[AnnotatedInstance, ...]
    aspect: float = 1.0
    spacing: PixelSpacing | None = None
    holds_overlaps: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "instances", tuple(self.instances))
        if (self.rows is None) != (self.columns is None):
            raise ValueError("rows and columns are both known or both unknown")
        if self.rows is not None and self.columns is not None and min(self.rows, self.columns) < 1:
            raise ValueError(f"not a size of an image: {self.rows} x {self.columns}")
        if self.spacing is not None:
            object.__setattr__(self, "aspect", self.spacing.row / self.spacing.column)

    @property
    def size(self) -> Size | None:
        """Rows and columns, or None."""
        if self.rows is None or self.columns is None:
            return None
        return self.rows, self.columns

    def rasterized(self, size: Size | None = None) -> Annotation:
        """Every instance as a mask; ``size`` is used where the annotation has none of its own.

        Instances without a pixel inside the image are left out.
        """
        size = self.size or size
        masked = (instance.rasterized(size) for instance in self.instances)
        return replace(
            self,
            rows=size[0] if size else None,
            columns=size[1] if size else None,
            instances=tuple(instance for instance in masked if instance is not None),
        )


def image_key(name: str) -> str:
    """What pairs the annotations of one image across formats: the file's name without suffix."""
    windows = "\\" in name
    path: PurePath = PureWindowsPath(name) if windows else PurePosixPath(name)
    return path.stem or name


def class_mask(annotation: Annotation) -> NDArray[np.uint8]:
    """Merged mask (rows, columns): 0 background, 1 lumbar, 2 sacrum, which wins where both are.

    The annotation must be rasterized and know its size (ValueError).
    """
    if annotation.size is None:
        raise ValueError(f"{annotation.image}: the size of the image is not known")
    labels = np.zeros(annotation.size, np.uint8)
    for category, label in CLASS_LABELS.items():
        for instance in annotation.instances:
            if instance.category == category:
                labels[instance.box.slices][instance.mask] = label
    return labels


def describe(value: Any, limit: int = 60) -> str:
    """A value as it may stand in a message: one line, not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
