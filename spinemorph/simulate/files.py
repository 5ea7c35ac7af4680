"""Write simulated films: picture, instance masks and truth."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spinemorph.anatomy import CORNERS
from spinemorph.errors import SpinemorphError
from spinemorph.simulate.truth import SimulatedFilm, TrueBody, TrueImplant
from spinemorph.types import FloatArray


def write_film(film: SimulatedFilm, folder: Path, *, dicom: bool = False) -> None:
    """``film_<seed>.png`` (16 bit), ``film_<seed>.json`` and ``masks/film_<seed>_<what>.png``."""
    stem = f"film_{film.seed:07d}"
    _write_png(folder / f"{stem}.png", np.round(film.pixels * 65535).astype(np.uint16))
    masks = folder / "masks"
    masks.mkdir(exist_ok=True)
    names: list[str] = []
    things: tuple[TrueBody | TrueImplant, ...] = (*film.truth.bodies, *film.truth.implants)
    for index, thing in enumerate(things):
        what = thing.level if isinstance(thing, TrueBody) else f"{thing.category}_{index}"
        names.append(f"masks/{stem}_{what}.png")
        whole = np.zeros(film.pixels.shape, np.uint8)
        whole[thing.box.slices] = thing.mask * np.uint8(255)
        _write_png(folder / names[-1], whole)
    truth = truth_to_dict(film, names)
    (folder / f"{stem}.json").write_text(
        json.dumps(truth, allow_nan=False, indent=1) + "\n", "utf-8"
    )
    if dicom:
        from spinemorph.simulate.dicom import write_dicom

        write_dicom(film, folder / f"{stem}.dcm")


def truth_to_dict(film: SimulatedFilm, masks: list[str]) -> dict[str, Any]:
    """The truth of a film as plain values; a corner that a bone has not is null."""
    truth = film.truth
    things: tuple[TrueBody | TrueImplant, ...] = (*truth.bodies, *truth.implants)
    return {
        "seed": film.seed,
        "rows": film.pixels.shape[0],
        "columns": film.pixels.shape[1],
        "view": truth.view,
        "facing": truth.facing,
        "inverted": truth.inverted,
        "spacing_mm": truth.spacing_mm,
        "instances": [
            {"category": thing.category, "mask": mask, **_facts(thing)}
            for thing, mask in zip(things, masks, strict=True)
        ],
        "measurements": [
            {"name": name, "levels": list(levels), "value": value}
            for name, levels, value in truth.measurements
        ],
    }


def _facts(thing: TrueBody | TrueImplant) -> dict[str, Any]:
    if isinstance(thing, TrueImplant):
        return {"levels": list(thing.levels)}
    return {
        "level": thing.level,
        "visible": round(thing.visible, 4),
        "deformity": thing.deformity,
        "replaced": thing.replaced,
        "corners": {
            name: _point(point) for name, point in zip(CORNERS, thing.corners, strict=True)
        },
    }


def _point(point: FloatArray) -> list[float] | None:
    return None if math.isnan(point[0]) else [round(float(v), 3) for v in point]


def _write_png(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    done, code = cv2.imencode(".png", pixels)
    if not done:
        raise SpinemorphError(f"{path}: the picture could not be encoded")
    path.write_bytes(code.tobytes())
