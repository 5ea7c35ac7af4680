"""Areas of, and between, masks that are cropped to their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import Box, FloatArray


class Region(Protocol):
    """Anything with a category and a bool mask cropped to a half-open box."""

    @property
    def category(self) -> str: ...
    @property
    def mask(self) -> NDArray[np.bool_]: ...
    @property
    def box(self) -> Box: ...


def area(region: Region) -> int:
    """Pixels of the region."""
    return int(np.count_nonzero(region.mask))


def intersection(first: Region, second: Region) -> int:
    """Pixels that two regions share."""
    a, b = first.box, second.box
    top, bottom = max(a.top, b.top), min(a.bottom, b.bottom)
    left, right = max(a.left, b.left), min(a.right, b.right)
    if top >= bottom or left >= right:
        return 0
    part = first.mask[top - a.top : bottom - a.top, left - a.left : right - a.left]
    other = second.mask[top - b.top : bottom - b.top, left - b.left : right - b.left]
    return int(np.count_nonzero(part & other))


def iou_matrix(predicted: Sequence[Region], reference: Sequence[Region]) -> FloatArray:
    """Intersection over union, (predicted, reference); 0 between different categories."""
    matrix = np.zeros((len(predicted), len(reference)))
    areas = [area(region) for region in predicted], [area(region) for region in reference]
    for row, ours in enumerate(predicted):
        for column, theirs in enumerate(reference):
            if ours.category != theirs.category:
                continue
            shared = intersection(ours, theirs)
            if shared:
                union = areas[0][row] + areas[1][column] - shared
                matrix[row, column] = shared / union
    return matrix


def centroid(region: Region) -> FloatArray:
    """Centre of area (x, y) in pixels of the image."""
    rows, columns = np.nonzero(region.mask)
    return np.array([columns.mean() + region.box.left, rows.mean() + region.box.top])
