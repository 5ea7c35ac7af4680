"""The embedded segmenter: look at the whole film, zoom on the column, refine every body."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spinemorph.chain import another_beside
from spinemorph.segmenters.compact import layout, windows
from spinemorph.segmenters.compact.candidates import Candidate, column, decode, sigmoid
from spinemorph.segmenters.compact.refine import Refined, film_mask, refine, stretched
from spinemorph.segmenters.compact.weights import Outputs, load
from spinemorph.types import Box, FloatArray, Instance, Radiograph, Segmentation

#: Below this combined score a candidate is not reported at all.
LEAST = 0.10
#: A candidate so strong stands for a body even where it is none of the column.
STRONG = 0.35
#: Smallest implant in cells of the finer grid, and its least mean probability.
LEAST_IMPLANT = 12
LEAST_IMPLANT_SCORE = 0.92
#: A zoom that would move no corner of its window by so many window pixels is not looked at again.
STEADY = 8.0
_SACRUM, _LATERAL, _FACING, _INVERTED = range(4)


@dataclass(frozen=True, eq=False)
class Look:
    """One pass of the finder: its window, candidates in square film pixels, words on the film."""

    affine: FloatArray
    candidates: list[Candidate]
    film: FloatArray
    implants: NDArray[np.float32]


class CompactSegmenter:
    """``weights``: a file made by ``spinemorph.learn.export``, or None for the shipped one."""

    def __init__(self, weights: Path | None = None, device: str = "auto") -> None:
        self.networks = load(weights, device)
        self.weights_sha256 = self.networks.sha256
        self.device = self.networks.device

    def segment(self, radiograph: Radiograph) -> Segmentation:
        """Bodies, S1 and implants; without lateral lumbar spine no instance at all."""
        pixels, aspect = radiograph.pixels, radiograph.aspect
        first = self._look(pixels, aspect, self._frames(pixels, aspect))
        flags: list[str] = []
        if first.film[_INVERTED] > 0:
            turned = np.asarray(pixels.max() - pixels, np.float32)
            again = self._look(turned, aspect, self._frames(turned, aspect))
            # a white frame alone can look like an inverted film: the bodies decide
            if _seen(again) >= 0.9 * _seen(first) and again.film[_INVERTED] < 0:
                pixels, first = turned, again
                flags.append("polarity_inverted")
        path = column(first.candidates)
        lateral = first.film[_LATERAL]
        if len(path) < 2:
            return Segmentation(
                (), None, None, float(sigmoid(np.minimum(lateral, -1.0))), tuple(flags)
            )
        if _another(first.candidates, path):
            flags.append("second_column")
        facing_left = bool(first.film[_FACING] > 0)
        looks = [first]
        for _ in range(2):
            path = column(looks[-1].candidates)
            if len(path) < 2 or (len(looks) > 1 and _same(looks[-1], path, facing_left)):
                break
            look = self._zoom(pixels, aspect, path, facing_left)
            if look.film[_FACING] < -1.0:  # the upright window should face left
                facing_left = not facing_left
                look = self._zoom(pixels, aspect, path, facing_left)
            looks.append(look)
        return self._conclude(radiograph, pixels, looks, facing_left, flags)

    def _frames(self, pixels: NDArray[np.float32], aspect: float) -> list[FloatArray]:
        """Windows of the first look: the whole film, and its exposed part where that is smaller."""
        rows, columns = pixels.shape
        frames = [windows.whole_film(rows, columns, aspect)]
        box = _exposed(pixels)
        height, width = box.shape
        if height * width < 0.8 * rows * columns:
            inner = windows.whole_film(height, width, aspect)
            inner[:, 2] -= inner[:, :2] @ np.array([box.left, box.top])
            frames.append(inner)
        return frames

    def _look(self, pixels: NDArray[np.float32], aspect: float, frames: list[FloatArray]) -> Look:
        """The window that shows the column best; ``frames`` map film pixels."""
        images = np.stack([_window(pixels, frame) for frame in frames])
        outputs = self.networks.find(images)
        looks = [
            _read(outputs, i, frame / np.array([1.0, aspect, 1.0]))
            for i, frame in enumerate(frames)
        ]
        return max(looks, key=_seen)

    def _zoom(
        self,
        pixels: NDArray[np.float32],
        aspect: float,
        path: list[Candidate],
        facing_left: bool,
    ) -> Look:
        """``path`` from above downward."""
        affine = _upright(path, facing_left)
        outputs = self.networks.find(_window(pixels, stretched(affine, aspect))[None])
        return _read(outputs, 0, affine)

    def _conclude(
        self,
        radiograph: Radiograph,
        pixels: NDArray[np.float32],
        looks: list[Look],
        facing_left: bool,
        flags: list[str],
    ) -> Segmentation:
        last = looks[-1]
        aspect = radiograph.aspect
        refined = refine(pixels, aspect, last.candidates, facing_left, self.networks)
        shape = (radiograph.rows, radiograph.columns)
        instances = [_instance(item, shape, aspect) for item in refined]
        kept = [instance for instance in instances if instance is not None]
        kept += _implants(last, shape, aspect)
        film = np.mean([looks[0].film, last.film], axis=0)
        return Segmentation(
            tuple(kept),
            "left" if facing_left else "right",
            float(sigmoid(film[_SACRUM])),
            float(sigmoid(film[_LATERAL])),
            tuple(flags),
        )


def _same(look: Look, path: list[Candidate], facing_left: bool) -> bool:
    """Whether a zoom on ``path`` would show what ``look`` shows, to within :data:`STEADY`."""
    again = _upright(path, facing_left)
    rows, columns = layout.FINDER_ROWS, layout.FINDER_COLUMNS
    ends = np.array([[x, y] for x in (0, columns) for y in (0, rows)], float)
    moved = windows.apply(windows.after(again, windows.invert(look.affine)), ends) - ends
    return float(np.abs(moved).max()) < STEADY


def _upright(path: list[Candidate], facing_left: bool) -> FloatArray:
    centres = np.array([candidate.centre for candidate in path])
    return windows.zoom(centres, facing_left, path[-1].sacrum)


def _another(candidates: list[Candidate], path: list[Candidate]) -> bool:
    """Whether strong candidates stand as a second column beside the first."""
    chosen = {id(candidate) for candidate in path}
    others = [c.centre for c in candidates if c.score >= STRONG and id(c) not in chosen]
    centres = np.array([candidate.centre for candidate in path])
    return another_beside(centres, np.array(others).reshape(-1, 2))


def _seen(look: Look) -> float:
    return sum(candidate.score for candidate in column(look.candidates))


def _window(pixels: NDArray[np.float32], affine: FloatArray) -> NDArray[np.float32]:
    window = windows.cut(pixels, affine, layout.FINDER_ROWS, layout.FINDER_COLUMNS)
    return windows.channels(window, layout.FINDER_LOCAL)


def _read(outputs: Outputs, index: int, affine: FloatArray) -> Look:
    candidates = decode(outputs, index, windows.invert(affine))
    film = outputs["film"][index].astype(np.float64)
    return Look(affine, candidates, film, outputs["implants"][index])


def _exposed(pixels: NDArray[np.float32]) -> Box:
    """The part of the film that is not an even frame."""
    rows, columns = pixels.shape
    step = max(min(rows, columns) // 256, 1)
    small = pixels[::step, ::step]
    if min(small.shape) < 32:
        return Box(0, 0, rows, columns)
    texture = np.abs(np.diff(small, axis=0))[:, :-1] + np.abs(np.diff(small, axis=1))[:-1]
    lively = texture > 0.002
    r = np.flatnonzero(lively.mean(axis=1) > 0.1)
    c = np.flatnonzero(lively.mean(axis=0) > 0.1)
    if len(r) < 32 or len(c) < 32:
        return Box(0, 0, rows, columns)
    return Box(
        int(r[0]) * step,
        int(c[0]) * step,
        min((int(r[-1]) + 2) * step, rows),
        min((int(c[-1]) + 2) * step, columns),
    )


def _instance(item: Refined, shape: tuple[int, int], aspect: float) -> Instance | None:
    """A refined candidate in the film's own pixels; None where it is too weak or off the film."""
    candidate = item.candidate
    score = float(np.sqrt(candidate.score * item.validity))
    if score < LEAST:
        return None
    found = film_mask(item.mask_logits, stretched(item.affine, aspect), layout.CROP_STRIDE, shape)
    if found is None:
        return None
    mask, box = found
    to_film = np.array([1.0, 1.0 / aspect])
    names = layout.LEVEL_CLASSES
    return Instance(
        "sacrum" if candidate.sacrum else "lumbar",
        score,
        mask,
        box,
        candidate.corners * to_film,
        item.covariance * np.outer(to_film, to_film),
        {name: float(p) for name, p in zip(names, candidate.levels, strict=True)},
        item.middles * to_film,
        item.middle_covariance * np.outer(to_film, to_film),
    )


def _implants(look: Look, shape: tuple[int, int], aspect: float) -> list[Instance]:
    """Connected parts of every implant class in the zoomed window; a cell belongs to one class."""
    found = []
    affine = stretched(look.affine, aspect)
    strongest = look.implants.max(axis=0)
    for category, every in zip(layout.IMPLANTS, look.implants, strict=True):
        logits = np.where(every < strongest, np.float32(-8), every)
        count, parts, stats, _ = cv2.connectedComponentsWithStats((logits > 0).astype(np.uint8))
        for part in range(1, count):
            if stats[part, cv2.CC_STAT_AREA] < LEAST_IMPLANT:
                continue
            score = float(sigmoid(logits[parts == part].astype(np.float64)).mean())
            own = np.where(parts == part, logits, -8).astype(np.float32)
            placed = film_mask(own, affine, layout.IMPLANT_STRIDE, shape)
            if placed is not None and score >= LEAST_IMPLANT_SCORE:
                found.append(Instance(category, score, *placed))
    return found
