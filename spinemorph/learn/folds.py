"""Which films are trained on, watched and tested: by seed, the same for every model family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemorph.errors import UsageError

#: Share of the films that a single split keeps for validation.
VALIDATION_SHARE: Final = 0.2


@dataclass(frozen=True)
class Fold:
    """Names of the films of one training."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """``test``: films that no fold sees. The validation films of several folds are disjoint."""

    test: tuple[str, ...]
    folds: tuple[Fold, ...]


def split(names: Sequence[str], folds: int = 1, test: int = 0, seed: int = 1) -> Split:
    """Split films by their names, whatever order they come in.

    ``test`` films are set aside first; of the others, each of ``folds`` folds watches its own part
    and trains on the rest (5 folds: 80/20, Konya 2021). One fold watches a fifth. UsageError where
    there are too few films.
    """
    ordered = sorted(names)
    if len(set(ordered)) != len(ordered):
        raise UsageError("two films of the data set have the same name")
    parts = max(folds, round(1 / VALIDATION_SHARE))
    if len(ordered) - test < parts:
        raise UsageError(
            f"{len(ordered)} films are too few for {folds} folds and {test} test films: "
            f"at least {parts + test} are needed"
        )
    shuffled = [ordered[k] for k in np.random.default_rng(seed).permutation(len(ordered))]
    held, rest = shuffled[:test], shuffled[test:]
    pieces = [[rest[k] for k in part] for part in np.array_split(np.arange(len(rest)), parts)]
    made = []
    for number in range(folds):
        train = [name for other, piece in enumerate(pieces) if other != number for name in piece]
        made.append(Fold(tuple(sorted(train)), tuple(sorted(pieces[number]))))
    return Split(tuple(sorted(held)), tuple(made))
