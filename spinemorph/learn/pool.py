"""A pool of simulated films on disk, which training draws from while it still grows.

``python -m spinemorph.learn.pool DIR --anatomy DIR --first SEED --films N [--settings FILE] [--depths]``

``--depths`` also keeps how deep endplates lie across their bodies, of films that are there already too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinemorph.anatomy import IMPLANT_CATEGORIES, LEVELS_UPWARD
from spinemorph.simulate.midline import DEPTH_PARTS, DEPTH_POINTS
from spinemorph.simulate.truth import SimulatedFilm
from spinemorph.types import FloatArray

#: Of both endplates of a body.
DEPTHS = (2, len(DEPTH_POINTS), DEPTH_PARTS)


@dataclass(frozen=True, eq=False)
class PooledFilm:
    """A film as training needs it: ``image`` uint8, levels, corners (n, 4, 2), layers of masks.

    ``middles`` (n, 2, 2) of the superior and inferior endplate, NaN where unknown.
    ``lumbar``, ``sacrum`` uint8 (rows, columns); ``implants``: class index + 1 per pixel, 0 none.
    ``masks``: per body (top, left, bool crop). ``replaced``: per body, whether an implant stands for it.
    ``pixel_mm``: height and width of a pixel, NaN in pools of earlier versions. ``depths`` (n, 2, 5, 11):
    :func:`spinemorph.simulate.midline.depths`, NaN where they were not asked for.
    """

    image: NDArray[np.uint8]
    levels: tuple[str, ...]
    corners: FloatArray
    middles: FloatArray
    visible: FloatArray
    masks: tuple[tuple[int, int, NDArray[np.bool_]], ...]
    implants: tuple[tuple[str, int, int, NDArray[np.bool_]], ...]
    facing_left: bool
    lateral: bool
    replaced: tuple[bool, ...]
    pixel_mm: float
    depths: FloatArray


def save(film: SimulatedFilm, path: Path) -> None:
    """Write one film; the file appears whole or not at all."""
    truth = film.truth
    pixels = 1 - film.pixels if truth.inverted else film.pixels
    facts = {
        "levels": [body.level for body in truth.bodies],
        "implants": [implant.category for implant in truth.implants],
        "facing_left": truth.facing == "left",
        "lateral": truth.view == "lateral",
        "replaced": [body.replaced for body in truth.bodies],
        "pixel_mm": truth.spacing_mm,
        "seed": film.seed,
    }
    arrays: dict[str, NDArray[np.generic]] = {
        "image": np.round(pixels * 255).astype(np.uint8),
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "corners": np.array([body.corners for body in truth.bodies]).reshape(-1, 4, 2),
        "middles": np.array([body.middles for body in truth.bodies]).reshape(-1, 2, 2),
        "visible": np.array([body.visible for body in truth.bodies]),
    }
    for name, things in (("body", truth.bodies), ("implant", truth.implants)):
        boxes = [(t.box.top, t.box.left, *t.box.shape) for t in things]
        arrays[f"{name}_boxes"] = np.array(boxes, np.int32).reshape(-1, 4)
        bits = [np.packbits(t.mask.ravel()) for t in things]
        arrays[f"{name}_bits"] = np.concatenate(bits) if bits else np.zeros(0, np.uint8)
    _write(path, arrays)


def load(path: Path) -> PooledFilm:
    with np.load(path, allow_pickle=False) as stored:
        facts = json.loads(bytes(stored["facts"]).decode())
        bodies = _unpack(stored["body_boxes"], stored["body_bits"])
        implants = _unpack(stored["implant_boxes"], stored["implant_bits"])
        return PooledFilm(
            stored["image"],
            tuple(facts["levels"]),
            stored["corners"],
            # pools of earlier versions have none
            stored["middles"]
            if "middles" in stored.files
            else np.full((len(bodies), 2, 2), np.nan),
            stored["visible"],
            tuple(bodies),
            tuple((name, *rest) for name, rest in zip(facts["implants"], implants, strict=True)),
            facts["facing_left"],
            facts["lateral"],
            tuple(facts.get("replaced", [False] * len(bodies))),
            facts.get("pixel_mm", float("nan")),
            stored["depths"]
            if "depths" in stored.files
            else np.full((len(bodies), *DEPTHS), np.nan),
        )


def add_depths(path: Path, found: Mapping[str, FloatArray]) -> None:
    """Keep the depths of its bodies, by level, with a film."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    levels = json.loads(bytes(arrays["facts"]).decode())["levels"]
    arrays["depths"] = np.array([found[level] for level in levels]).reshape(-1, *DEPTHS)
    _write(path, arrays)


def _has_depths(path: Path) -> bool:
    with np.load(path, allow_pickle=False) as stored:
        return "depths" in stored.files


def _write(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def _unpack(
    boxes: NDArray[np.int32], bits: NDArray[np.uint8]
) -> list[tuple[int, int, NDArray[np.bool_]]]:
    found, start = [], 0
    for top, left, rows, columns in boxes.tolist():
        size = (rows * columns + 7) // 8
        mask = np.unpackbits(bits[start : start + size], count=rows * columns)
        found.append((top, left, mask.reshape(rows, columns).astype(bool)))
        start += size
    return found


def films_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def main(arguments: list[str] | None = None) -> int:
    from spinemorph.simulate.anatomy_source import load_anatomy
    from spinemorph.simulate.film import film_depths, simulate_film
    from spinemorph.simulate.settings import Settings

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--depths", action="store_true")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    anatomy = load_anatomy(options.anatomy)
    settings = Settings.load(options.settings) if options.settings else Settings()
    for seed in range(options.first, options.first + options.films):
        path = options.folder / f"{seed:08d}.npz"
        if not path.exists():
            save(simulate_film(anatomy, settings, seed), path)
            if seed % 100 == 0:
                sys.stderr.write(f"film {seed}\n")
        if options.depths and not _has_depths(path):
            add_depths(path, film_depths(anatomy, settings, seed))
    return 0


LEVEL_INDEX = {level: index for index, level in enumerate(LEVELS_UPWARD)}
IMPLANT_INDEX = {category: index for index, category in enumerate(IMPLANT_CATEGORIES)}

if __name__ == "__main__":
    raise SystemExit(main())
