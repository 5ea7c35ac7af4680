"""What strip_samples.py has made, as the scripts learn from it that fit the network of strips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from strip_reader import REST
from strip_samples import PARTS_OF_ONE
from torch import Tensor

from spinemorph.measure.strips import COLUMNS, KINDS, ROWS
from spinemorph.types import FloatArray

#: Of how many films one is left out, by its seed.
HELD = 16
#: There is one S1 to some seven bodies, and lordosis hangs on it.
WORTH_OF_S1 = 3.0
#: Spread of contrast.
CONTRAST = 0.2


class Samples:
    """All strips of some folders.

    ``true`` (n, 5): how far the corners lie from where the mask puts them, and how deep the middle lies
    inside the line between them, in lengths of the endplate; ``by_mask`` (n, 5): what the mask alone tells
    of that. ``films``: the rows of each film and outline, ``film_of``: which of them a row belongs to,
    ``folder``: the index of its folder, ``held``: which are left out, ``plain``: which are outlined by true
    masks on films with the settings of the tests.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        found = [_files(folder) for folder in folders]
        files = [path for own in found for path in own]
        parts = [_all_but_pictures(path) for path in files]
        every = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self.seen = torch.empty((len(every["kind"]), 4, ROWS, COLUMNS), dtype=torch.int8)
        first = 0
        for path in files:
            with np.load(path, allow_pickle=False) as stored:
                own = torch.from_numpy(stored["seen"])
            self.seen[first : first + len(own)] = own
            first += len(own)
        self.by_mask = np.pad(every["sunk"][:, None], ((0, 0), (4, 0)))
        self.true = every["away"] + self.by_mask
        self.depths = every["depths"]
        self.points = torch.from_numpy(_points(self.true).astype(np.float32))
        self.length_mm, self.kind, self.whole = every["length_mm"], every["kind"], every["whole"]
        self.kinds = torch.from_numpy(np.eye(KINDS, dtype=np.float32)[self.kind])
        both = every["film"] * 2 + every["again"]
        starts = np.flatnonzero(np.concatenate([[True], both[1:] != both[:-1]]))
        self.films = np.stack([starts, np.append(starts[1:], len(both))], axis=1)
        self.film_of = np.repeat(np.arange(len(starts)), np.diff(self.films)[:, 0])
        seeds, again = every["film"][starts], every["again"][starts]
        folder = [i for i, own in enumerate(found) for _ in own]
        self.folder = np.repeat(folder, [len(part["kind"]) for part in parts])[starts]
        self.held = (seeds // 2) % HELD == 3
        self.plain = ~again & (seeds % 1000 < 250)
        self.scale = np.nanstd(np.clip(every["away"][self.kind == 0], -0.1, 0.1), axis=0)

    def strips(self, rows: np.ndarray, columns: slice = slice(None)) -> Tensor:
        """As the network sees them (n, 4, ROWS, COLUMNS), or these columns of them."""
        return self.seen[rows][..., columns].float() / PARTS_OF_ONE

    def batch(self, films: np.ndarray) -> tuple[np.ndarray, Tensor, Tensor]:
        """Rows of these films; which of them each film has, and where it has one."""
        spans = self.films[films]
        rows = np.concatenate([np.arange(first, last) for first, last in spans])
        counts = spans[:, 1] - spans[:, 0]
        there = np.arange(counts.max())[None] < counts[:, None]
        place = np.zeros(there.shape, np.int64)
        place[there] = np.arange(len(rows))
        return rows, torch.from_numpy(place), torch.from_numpy(there.astype(np.float32))


def _files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.glob("*.npz") if ".part" not in path.name)
    if not files:
        raise SystemExit(f"{folder}: holds no samples; make them with strip_samples.py")
    return files


def _all_but_pictures(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if name != "seen"}


def _points(away: FloatArray) -> FloatArray:
    """True corners, less where the mask puts them, and middle (n, 3, 2) in the frame of the strip."""
    anterior, posterior = away[:, :2] + REST[0], away[:, 2:4] + REST[1]
    across = anterior - posterior
    normal = np.stack([-across[:, 1], across[:, 0]], axis=1)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    middle = (anterior + posterior) / 2 + normal * away[:, 4:]
    return np.stack([away[:, :2], away[:, 2:4], middle], axis=1)
