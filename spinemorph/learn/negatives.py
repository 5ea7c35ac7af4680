"""Pictures that are no film, for the finder to find nothing on."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.segmenters.compact import layout

FloatImage = NDArray[np.float32]


@lru_cache(maxsize=1)
def _photographs() -> tuple[NDArray[np.uint8], ...]:
    """Pictures that scikit-image ships inside its package: no films of spines among them."""
    from skimage import data

    names = (
        "astronaut",
        "brick",
        "camera",
        "cat",
        "coffee",
        "coins",
        "grass",
        "gravel",
        "horse",
        "moon",
        "page",
        "text",
        "clock",
        "checkerboard",
        "rocket",
        "hubble_deep_field",
    )
    found = []
    for name in names:
        try:
            picture = np.asarray(getattr(data, name)())
        except Exception:  # noqa: BLE001, S112  not in this release, or it would have to be fetched
            continue
        if picture.ndim == 3:
            picture = picture[..., :3].mean(axis=2)
        found.append(np.clip(picture * (255 if picture.max() <= 1 else 1), 0, 255).astype(np.uint8))
    return tuple(found)


def no_film(rng: Generator) -> FloatImage:
    """Noise, ramps, shapes or a photograph in place of a film, 0 to 255."""
    rows, columns = layout.FINDER_ROWS, layout.FINDER_COLUMNS
    kind = rng.random()
    if kind < 0.5 and _photographs():
        picture = _photographs()[int(rng.integers(0, len(_photographs())))]
        size = rng.uniform(0.3, 1.0)
        r, c = int(picture.shape[0] * size), int(picture.shape[1] * size)
        top, left = (
            int(rng.integers(0, picture.shape[0] - r + 1)),
            int(rng.integers(0, picture.shape[1] - c + 1)),
        )
        part = cv2.resize(picture[top : top + r, left : left + c], (columns, rows))
        turned = np.rot90(part, 2) if rng.random() < 0.3 else part
        return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned, np.float32)
    grain = int(2 ** rng.uniform(0, 6))
    coarse = rng.normal(128, 50, (rows // grain + 2, columns // grain + 2)).astype(np.float32)
    image = np.clip(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), 0, 255)
    for _ in range(int(rng.integers(0, 9)) if kind > 0.7 else 0):
        x, y = int(rng.uniform(0, columns)), int(rng.uniform(0, rows))
        w, h = (int(v) for v in rng.uniform(5, 120, 2))
        value = float(rng.uniform(0, 255))
        if rng.random() < 0.5:
            cv2.rectangle(image, (x, y), (x + w, y + h), value, -1 if rng.random() < 0.5 else 2)
        else:
            cv2.ellipse(
                image,
                (x, y),
                (w, h),
                rng.uniform(0, 180),
                0,
                360,
                value,
                -1 if rng.random() < 0.5 else 2,
            )
    if rng.random() < 0.15:
        image[:] = rng.uniform(0, 255)
    return image
