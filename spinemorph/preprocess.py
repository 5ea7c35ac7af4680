"""Changes of grey values that never change geometry: contrast and polarity."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from spinemorph.errors import UsageError
from spinemorph.types import Radiograph

#: The names that :func:`prepare` knows.
CONTRASTS: Final = ("none", "equalize")

_GREYS: Final = 4096
_INVERTED: Final = "polarity_inverted"


def prepare(radiograph: Radiograph, *, contrast: str = "none") -> Radiograph:
    """The film with its contrast prepared; same size, spacing, facing and source.

    ``none`` leaves it as it is. ``equalize`` spreads the grey values evenly, as the films of the
    published comparison were prepared (Konya 2021). UsageError for any other name.
    """
    if contrast not in CONTRASTS:
        names = ", ".join(CONTRASTS)
        raise UsageError(f"unknown contrast {contrast!r}; known: {names}")
    return equalized(radiograph) if contrast == "equalize" else radiograph


def equalized(radiograph: Radiograph) -> Radiograph:
    """Histogram equalisation over the whole film, with 4096 grey values (12 bits).

    A pixel becomes the share of the pixels above the darkest grey value that are as dark as it or
    darker: the darkest grey becomes 0, the brightest 1, and order is kept. A film of one grey
    value has no contrast to spread and is returned unchanged.
    """
    greys = np.rint(radiograph.pixels * (_GREYS - 1)).astype(np.uint16)
    counts = np.bincount(greys.ravel(), minlength=_GREYS)
    below = np.cumsum(counts)
    darkest = counts[greys.min()]
    if darkest == greys.size:
        return radiograph
    table = np.clip((below - darkest) / (greys.size - darkest), 0, 1).astype(np.float32)
    return replace(radiograph, pixels=table[greys])


def inverted(radiograph: Radiograph) -> Radiograph:
    """The film with black and white exchanged, and the flag ``polarity_inverted`` set.

    Twice is once too often: inverting an inverted film takes the flag away again.
    """
    flags = tuple(flag for flag in radiograph.flags if flag != _INVERTED)
    if len(flags) == len(radiograph.flags):
        flags = (*flags, _INVERTED)
    return replace(radiograph, pixels=1 - radiograph.pixels, flags=flags)
