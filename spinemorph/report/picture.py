"""The film as a picture that is easy to look at; the data are not touched."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.types import Radiograph

#: Larger side of the picture in pixels.
LARGEST = 1600


def picture_of(radiograph: Radiograph, largest: int = LARGEST) -> NDArray[np.uint8]:
    """Grey picture (rows, columns) with square pixels, windowed, local contrast a little raised."""
    rows, columns = radiograph.rows * radiograph.aspect, float(radiograph.columns)
    scale = min(largest / max(rows, columns), 1.0 if radiograph.aspect <= 1 else 2.0)
    size = (max(round(columns * scale), 1), max(round(rows * scale), 1))
    small = cv2.resize(radiograph.pixels, size, interpolation=cv2.INTER_AREA)
    inside = small[(small > 0.01) & (small < 0.99)]
    low, high = np.percentile(inside, (0.5, 99.7)) if inside.size > 100 else (0.0, 1.0)
    unit = np.clip((small - low) / max(float(high - low), 1e-6), 0, 1)
    grey = np.round(unit * 255).astype(np.uint8)
    return np.asarray(cv2.createCLAHE(1.6, (6, 6)).apply(grey), np.uint8)
