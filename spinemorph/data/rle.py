"""Run-length masks of COCO: runs of 0 and 1 in turn, column by column, as a list or as text.

The text packs each number into characters from 48 upward, five bits each with a sign, the sixth
bit telling that more follow; from the fourth number on it is the difference to the one two before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spinemorph.data.raster import Mask, bounded
from spinemorph.types import Box


def decode(counts: Sequence[int] | str, size: tuple[int, int]) -> tuple[Mask, Box] | None:
    """The mask cropped to its box; None where it is empty. ValueError where the runs do not fit."""
    runs = np.array(unpack(counts) if isinstance(counts, str) else counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or int(runs.sum()) != size[0] * size[1]:
        raise ValueError(f"the runs do not add up to an image of {size[0]} x {size[1]}")
    values = np.arange(len(runs)) % 2 == 1
    mask = np.repeat(values, runs).reshape(size[1], size[0]).T
    return bounded(mask, Box(0, 0, *size))


def encode(mask: Mask, box: Box, size: tuple[int, int]) -> str:
    """The mask as text in an image of ``size`` (rows, columns)."""
    whole = np.zeros(size, bool)
    whole[box.slices] = mask
    flat = np.concatenate([[False], whole.T.ravel(), [False]])
    change = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(np.concatenate([[0], change, [whole.size]]))
    if runs[-1] == 0:
        runs = runs[:-1]
    return pack(runs)


def pack(runs: NDArray[np.int64]) -> str:
    """Runs as text."""
    delta = runs.copy()
    delta[3:] -= runs[1:-2]
    letters = []
    for value in delta.tolist():
        rest, more = value, True
        while more:
            bits = rest & 0x1F
            rest >>= 5
            more = rest != (-1 if bits & 0x10 else 0)
            letters.append(chr(48 + (bits | (0x20 if more else 0))))
    return "".join(letters)


def unpack(text: str) -> list[int]:
    """Text as runs; ValueError where it is cut or holds a character that cannot be."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"not a run-length text: character {letter!r}")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("not a run-length text: it is cut")
    return runs
