"""What a user asks of a training; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Preset = Literal["light", "full"]


@dataclass(frozen=True)
class TrainOptions:
    """``folds``: how many parts the films are split into; ``fold``: train this one alone, from 1.

    ``test``: films that no fold sees. ``settings``: a TOML file instead of the ``preset``; ``epochs``
    overrides what it says. ``quiet``: no progress on stderr.
    """

    output: Path
    folds: int = 1
    fold: int | None = None
    test: int = 0
    seed: int = 1
    device: str = "auto"
    preset: Preset = "light"
    settings: Path | None = None
    epochs: int | None = None
    quiet: bool = False


@dataclass(frozen=True)
class FoldResult:
    """What became of one fold."""

    number: int
    weights: Path
    sha256: str
    epochs: int
    best_epoch: int
    mean_iou: float
    films: int
    seconds: float
