"""From stored values to grey values as displayed: modality, VOI, polarity (PS3.3 C.11).

Everything works on the table of distinct stored values and their histogram, never on the pixels,
so that a film of any size costs one count and one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

#: A window may send this part of the exposed pixels to pure white, or of the pixels that are
#: brighter than the background to pure black; one that sends more would hide bone.
TOLERATED_CLIPPING: Final = 0.04
#: Without a usable window the exposed pixels between these percentiles span black to white.
ROBUST_PERCENTILES: Final = (0.1, 99.9)


@dataclass(frozen=True, eq=False)
class LookUpTable:
    """A modality or VOI look-up table: ``first`` is the input that maps to the first entry."""

    first: int
    entries: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.intp)])


@dataclass(frozen=True)
class Window:
    """One VOI window in units after the modality step."""

    centre: float
    width: float
    function: WindowFunction = "LINEAR"

    def __call__(self, values: FloatArray) -> FloatArray:
        """Grey values 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.centre) / self.width, -700, 700)
            return np.asarray(1 / (1 + np.exp(exponent)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.centre) / self.width + 0.5, 0, 1)
        # LINEAR: the shifts of one half and one make an integer window hit its ends exactly
        width = max(self.width - 1, 1e-6)
        return np.clip((values - (self.centre - 0.5)) / width + 0.5, 0, 1)


@dataclass(frozen=True, eq=False)
class DisplayHeader:
    """How a header wants its stored values shown. ``inverted``: low values are to be bright."""

    slope: float = 1.0
    intercept: float = 0.0
    modality_table: LookUpTable | None = None
    voi_tables: tuple[LookUpTable, ...] = ()
    windows: tuple[Window, ...] = ()
    inverted: bool = False
    padding: tuple[int, int] | None = None


def grey_table(
    first: int, histogram: NDArray[np.integer], header: DisplayHeader
) -> NDArray[np.float32]:
    """The grey value (0 to 1, bone bright) of every stored value.

    ``histogram``: (n,) how often the stored values ``first`` to ``first + n - 1`` occur.
    Pixel padding becomes black. The first VOI table or window that does not hide bone is used;
    if there is none, the robust range of the exposed pixels.
    """
    stored = np.arange(first, first + len(histogram), dtype=np.float64)
    exposed = np.array(histogram, dtype=np.float64)
    padded = np.zeros(len(stored), dtype=bool)
    if header.padding is not None:
        padded = (stored >= min(header.padding)) & (stored <= max(header.padding))
        exposed[padded] = 0
    exposed = _without_shutters(exposed)

    if header.modality_table is not None:
        values = header.modality_table(stored)
    else:
        values = stored * header.slope + header.intercept

    candidates: tuple[LookUpTable | Window, ...] = (*header.voi_tables, *header.windows)
    for candidate in candidates:
        grey = candidate(values)
        if isinstance(candidate, LookUpTable):
            grey = _stretched(grey, candidate.entries.min(), candidate.entries.max())
        grey = 1 - grey if header.inverted else grey
        if not _hides_bone(grey, values, exposed, header.inverted):
            break
    else:
        low, high = _robust_range(values, exposed)
        grey = _stretched(values, low, high)
        grey = 1 - grey if header.inverted else grey
    grey[padded] = 0
    return np.asarray(grey, dtype=np.float32)


def _without_shutters(histogram: FloatArray) -> FloatArray:
    """The histogram without its lowest and highest value: shutters, burned text, saturation.

    Nothing is taken away where that would leave fewer than three distinct values.
    """
    occupied = np.flatnonzero(histogram)
    if len(occupied) < 5:
        return histogram
    inner = histogram.copy()
    inner[[occupied[0], occupied[-1]]] = 0
    return inner


def _hides_bone(grey: FloatArray, values: FloatArray, exposed: FloatArray, inverted: bool) -> bool:
    """Whether this display turns more than a little of what may be bone into white or black."""
    total = exposed.sum()
    if total == 0:
        return False
    if not np.isfinite(grey).all():
        return True
    nearly = 0.5 / 255
    if exposed[grey >= 1 - nearly].sum() > TOLERATED_CLIPPING * total:
        return True
    threshold = _otsu(values, exposed)
    above = values < threshold if inverted else values > threshold
    foreground = exposed[above].sum()
    dark = exposed[above & (grey <= nearly)].sum()
    return bool(dark > TOLERATED_CLIPPING * max(foreground, 1))


def _robust_range(values: FloatArray, exposed: FloatArray) -> tuple[float, float]:
    total = exposed.sum()
    if total == 0:
        return float(values.min()), float(values.max())
    order = np.argsort(values, kind="stable")
    share = np.cumsum(exposed[order]) / total
    ends = np.searchsorted(share, np.array(ROBUST_PERCENTILES) / 100)
    low, high = values[order][np.minimum(ends, len(values) - 1)]
    if not high > low:
        seen = values[exposed > 0]
        low, high = seen.min(), seen.max()
    return float(low), float(high)


def _stretched(values: FloatArray, low: float, high: float) -> FloatArray:
    if not high > low:
        return np.clip(values - low, 0, 1) if np.isfinite(low) else np.zeros_like(values)
    return np.clip((values - low) / (high - low), 0, 1)


def _otsu(values: FloatArray, weights: FloatArray) -> float:
    """The value that best parts dark background from the rest (Otsu 1979)."""
    order = np.argsort(values, kind="stable")
    value, weight = values[order], weights[order]
    below = np.cumsum(weight)
    sums = np.cumsum(weight * value)
    above = below[-1] - below
    valid = (below > 0) & (above > 0)
    if not valid.any():
        return float(value[0]) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below - sums * below[-1]) ** 2 / (below * above)
    return float(value[np.argmax(np.where(valid, between, -1))])
