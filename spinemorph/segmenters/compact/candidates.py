"""From the finder's maps to candidates, and the column that they form."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.chain import Nodes, best_path
from spinemorph.segmenters.compact import layout, windows
from spinemorph.segmenters.compact.weights import Outputs
from spinemorph.types import FloatArray

#: Candidates weaker than this are not worth a second look.
WEAKEST = 0.08


@dataclass(frozen=True, eq=False)
class Candidate:
    """A body or S1 as the finder sees it: ``centre`` (2,), ``corners`` (4, 2) in one frame.

    ``levels``: (9,) probabilities of the level classes. S1's inferior corners are NaN.
    """

    sacrum: bool
    score: float
    centre: FloatArray
    corners: FloatArray
    levels: FloatArray

    def moved(self, affine: FloatArray) -> Candidate:
        return Candidate(
            self.sacrum,
            self.score,
            windows.apply(affine, self.centre),
            windows.apply(affine, self.corners),
            self.levels,
        )

    @property
    def size(self) -> float:
        """Height of a body, length of the endplate of S1."""
        if self.sacrum:
            return float(np.linalg.norm(self.corners[0] - self.corners[1]))
        down = (self.corners[2:] - self.corners[:2]).mean(axis=0)
        return float(np.linalg.norm(down))


def sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def decode(outputs: Outputs, index: int, to_film: FloatArray) -> list[Candidate]:
    """Candidates of window ``index``, brought into the film by the affine map ``to_film``."""
    found = []
    heat = sigmoid(outputs["centres"][index].astype(np.float64))
    logits = outputs["levels"][index].astype(np.float64)
    offsets = outputs["offsets"][index].astype(np.float64)
    for kind in (0, 1):
        for row, column in _peaks(heat[kind]):
            cell = layout.STRIDE * np.array([column, row]) + (layout.STRIDE - 1) / 2
            corners = cell + layout.OFFSET_UNIT * offsets[:, row, column].reshape(4, 2)
            if kind == 1:
                corners[2:] = np.nan
                facing_left = bool(corners[0, 0] < corners[1, 0])
                centre = windows.sacrum_centre(corners, facing_left)
            else:
                centre = corners.mean(axis=0)
            e = np.exp(logits[:, row, column] - logits[:, row, column].max())
            found.append(
                Candidate(bool(kind), float(heat[kind, row, column]), centre, corners, e / e.sum())
            )
    return _distinct([candidate.moved(to_film) for candidate in found])


def _peaks(heat: FloatArray) -> NDArray[np.int64]:
    top = cv2.dilate(heat.astype(np.float32), np.ones((3, 3), np.uint8))
    return np.argwhere((heat >= top - 1e-7) & (heat >= WEAKEST))


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Of candidates of one kind that sit on the same spot the strongest stays."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        near = (
            np.linalg.norm(candidate.centre - other.centre)
            < 0.5 * max(min(candidate.size, other.size), 1e-6)
            for other in kept
            if other.sacrum == candidate.sacrum
        )
        if candidate.size > 0 and not any(near):
            kept.append(candidate)
    return kept


def column(candidates: list[Candidate]) -> list[Candidate]:
    """The best column through the candidates, from above downward; S1, if any, last."""
    if not candidates:
        return []
    ups = np.array([[0.0, -1.0] if c.sacrum else _up(c.corners) for c in candidates])
    nodes = Nodes(
        np.array([c.centre for c in candidates]),
        ups,
        np.array([c.size for c in candidates]),
        np.array([c.score for c in candidates]),
        np.array([c.sacrum for c in candidates]),
    )
    path, _ = best_path(nodes)
    return [candidates[i] for i in reversed(path)]


def _up(corners: FloatArray) -> FloatArray:
    up = (corners[:2] - corners[2:]).mean(axis=0)
    return np.asarray(up / max(float(np.linalg.norm(up)), 1e-9))
