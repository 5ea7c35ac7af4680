"""Masks as PNG: one label image a film, or one picture an instance.

Label masks hold 0 background, 1 lumbar, 2 sacrum; the instances are the connected components (pixels
that touch at a corner are connected), so overlaps, levels and implants cannot be held. Instance
masks lie in a folder for each film, ``03_lumbar_L3.png``: number, category, and level where known.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.data.annotation import (
    CLASS_LABELS,
    AnnotatedInstance,
    Annotation,
    Problem,
    Size,
    class_mask,
    describe,
    image_key,
)
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection
from spinemorph.data.files import write_bytes
from spinemorph.data.raster import bounded
from spinemorph.errors import AnnotationError
from spinemorph.types import Box

SUFFIX: Final = ".png"


def open_label_masks(path: Path, options: ReadOptions) -> Collection:
    """A folder of label masks, or one of them."""
    del options
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise AnnotationError(f"{path}: no PNG file in it")
    return collection(
        path, "label-masks", [(file.name, partial(_load_labels, file)) for file in files], []
    )


def open_instance_masks(path: Path, options: ReadOptions) -> Collection:
    """A folder with a folder of masks for each film, or one such folder."""
    if not path.is_dir():
        raise AnnotationError(f"{path}: instance masks are a folder")
    folders = sorted({file.parent for file in path.rglob(f"*{SUFFIX}")})
    if not folders:
        raise AnnotationError(f"{path}: no PNG file in it")
    found = [
        (f"{folder.name}{SUFFIX}", partial(_load_parts, folder, options)) for folder in folders
    ]
    return collection(path, "instance-masks", found, [])


def write_label_masks(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder of label masks; the sizes must be known (AnnotationError)."""
    path.mkdir(parents=True, exist_ok=True)
    for annotation in annotations:
        _need_size(annotation)
        labels = class_mask(annotation.rasterized())
        write_bytes(path / f"{image_key(annotation.image)}{SUFFIX}", png_bytes(labels))


def write_instance_masks(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder of masks for each film; the sizes must be known (AnnotationError)."""
    path.mkdir(parents=True, exist_ok=True)
    for annotation in annotations:
        size = _need_size(annotation)
        for index, instance in enumerate(annotation.rasterized().instances, start=1):
            whole = np.zeros(size, np.uint8)
            whole[instance.box.slices][instance.mask] = 255
            level = f"_{instance.level}" if instance.level else ""
            name = f"{index:02d}_{instance.category}{level}{SUFFIX}"
            write_bytes(path / image_key(annotation.image) / name, png_bytes(whole))


def components(labels: NDArray[Any], category: str) -> list[AnnotatedInstance]:
    """Connected components of a bool mask (rows, columns) as instances of one category."""
    import cv2

    count, marked, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(labels, dtype=np.uint8), connectivity=8
    )
    found = []
    for index in range(1, count):
        left, top, width, height = (int(value) for value in stats[index, :4])
        box = Box(top, left, top + height, left + width)
        found.append(
            AnnotatedInstance(category, outline_mask=marked[box.slices] == index, outline_box=box)
        )
    return found


def _load_labels(file: Path, size: Size | None) -> Loaded:
    del size
    labels = read_mask(file)
    known = np.isin(labels, (0, *CLASS_LABELS.values()))
    if not known.all():
        strange = np.unique(labels[~known])[:5].tolist()
        raise AnnotationError(
            f"{file}: a label mask holds 0 background, 1 lumbar, 2 sacrum; found {strange}"
        )
    instances = [
        instance
        for category, label in CLASS_LABELS.items()
        for instance in components(labels == label, category)
    ]
    rows, columns = labels.shape
    return Loaded(Annotation(file.name, rows, columns, tuple(instances), holds_overlaps=False))


def _load_parts(folder: Path, options: ReadOptions, size: Size | None) -> Loaded:
    instances: list[AnnotatedInstance] = []
    problems: list[Problem] = []
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        words = file.stem.split("_")
        words = words[1:] if words[0].isdigit() else words
        reading = options.classes.read("_".join(words))
        named = options.classes.read(words[-1]) if words else None
        level = None
        if reading is None and named is not None and named[1]:
            reading = options.classes.read("_".join(words[:-1]))
            level = named[1] if reading is not None and reading[0] == named[0] else None
        if reading is None:
            message = f"{describe(file.stem)!r} names no known class"
            problems.append(Problem(folder.name, file.name, message))
            continue
        try:
            mask = read_mask(file) > 0
        except AnnotationError as error:
            problems.append(Problem(folder.name, file.name, str(error).split(": ", 1)[-1]))
            continue
        if size is not None and mask.shape != size:
            message = f"its size {mask.shape} is not that of the film {size}"
            problems.append(Problem(folder.name, file.name, message))
            continue
        size = mask.shape[0], mask.shape[1]
        part = bounded(mask, Box(0, 0, *size))
        if part is None:
            problems.append(Problem(folder.name, file.name, "no pixel is set"))
            continue
        instances.append(
            AnnotatedInstance(
                reading[0], level or reading[1], outline_mask=part[0], outline_box=part[1]
            )
        )
    rows, columns = size or (None, None)
    image = f"{folder.name}{SUFFIX}"
    return Loaded(Annotation(image, rows, columns, tuple(instances)), tuple(problems))


def read_mask(file: Path) -> NDArray[Any]:
    """The grey values (rows, columns) of a mask; AnnotationError where it is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.mode not in {"1", "L", "P", "I", "I;16"}:
                raise AnnotationError(
                    f"{file}: a mask has one channel, this picture is {image.mode}"
                )
            return np.asarray(image)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise AnnotationError(f"{file}: not a picture") from error
    except (OSError, SyntaxError) as error:
        raise AnnotationError(f"{file}: cannot be read: {error}") from error


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _need_size(annotation: Annotation) -> Size:
    if annotation.size is None:
        raise AnnotationError(
            f"{annotation.image}: masks need the size of the image: give --images"
        )
    return annotation.size
