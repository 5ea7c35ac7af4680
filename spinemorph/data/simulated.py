"""Folders that ``spinemorph simulate`` wrote: a JSON file of truth a film, and a mask an instance."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from spinemorph.data.annotation import AnnotatedInstance, Annotation, Size
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection
from spinemorph.data.files import read_json
from spinemorph.data.masks import read_mask
from spinemorph.data.raster import bounded
from spinemorph.data.records import RecordError, corners_of
from spinemorph.errors import AnnotationError, UsageError
from spinemorph.types import Box, PixelSpacing


def is_truth(document: Any) -> bool:
    """Whether a parsed JSON file is the truth of a simulated film."""
    return isinstance(document, dict) and {"seed", "view", "facing", "instances"} <= set(document)


def open_simulated(path: Path, options: ReadOptions) -> Collection:
    """A folder of simulated films, or the truth of one of them."""
    del options
    files = sorted(path.glob("film_*.json")) if path.is_dir() else [path]
    if not files:
        raise AnnotationError(f"{path}: no truth of a simulated film (film_*.json) in it")
    found = [(f"{file.stem}.png", partial(_load, file)) for file in files]
    return collection(path, "simulated", found, [])


def write_simulated(annotations: Iterable[Annotation], path: Path) -> NoReturn:
    """UsageError: only the simulator writes this format."""
    del annotations
    raise UsageError(f"{path}: the format 'simulated' is only read; the simulator writes it")


def _load(file: Path, size: Size | None) -> Loaded:
    document = read_json(file)
    if not is_truth(document):
        raise AnnotationError(f"{file}: not the truth of a simulated film")
    try:
        size = int(document["rows"]), int(document["columns"])
        spacing = float(document["spacing_mm"])
        instances = [_instance(file, record, size) for record in document["instances"]]
        annotation = Annotation(
            f"{file.stem}.png",
            *size,
            tuple(each for each in instances if each is not None),
            spacing=PixelSpacing(spacing, spacing, "calibrated"),
        )
    except (KeyError, TypeError, ValueError, RecordError) as fault:
        raise AnnotationError(f"{file}: damaged truth of a simulated film: {fault}") from fault
    return Loaded(annotation)


def _instance(file: Path, record: Any, size: Size) -> AnnotatedInstance | None:
    """One body or implant; None where no pixel of it lies on the film."""
    mask = read_mask(file.parent / record["mask"]) > 0
    if mask.shape != size:
        raise AnnotationError(f"{file}: {record['mask']} has not the size of the film")
    part = bounded(mask, Box(0, 0, *size))
    if part is None:
        return None
    return AnnotatedInstance(
        str(record["category"]),
        record.get("level"),
        outline_mask=part[0],
        outline_box=part[1],
        corners=corners_of(record.get("corners")),
    )
