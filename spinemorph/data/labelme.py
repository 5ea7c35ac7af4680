"""labelme: one JSON an image; polygon, rectangle, circle and mask shapes.

A body with a level is labelled by it (``L3``, ``S1``), everything else by its category. Shapes with
the same label and ``group_id`` are parts of one instance. Points count from the corner of the
first pixel.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemorph.data.annotation import (
    AnnotatedInstance,
    Annotation,
    Problem,
    Size,
    describe,
    image_key,
)
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection, size_of
from spinemorph.data.files import points, read_json, write_json
from spinemorph.data.raster import bounded, outline
from spinemorph.data.records import (
    RecordError,
    aspect_of,
    corners_list,
    corners_of,
    ellipse_ring,
    one_ring,
    ring_of,
    score_of,
    size_of_record,
    spacing_of,
)
from spinemorph.errors import AnnotationError
from spinemorph.types import Box, FloatArray

HALF: Final = 0.5
VERSION: Final = "5.5.0"


def open_labelme(path: Path, options: ReadOptions) -> Collection:
    """A folder of labelme files, or one of them; files that are something else are problems."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    found, problems = [], []
    for file in files:
        try:
            document = read_json(file)
        except AnnotationError as error:
            if not path.is_dir():
                raise
            problems.append(Problem(file.name, "", str(error).removeprefix(f"{file}: ")))
            continue
        if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
            problems.append(Problem(file.name, "", "not labelme: it has no list of shapes"))
            continue
        name = document.get("imagePath")
        image = name if isinstance(name, str) and name else file.name
        found.append((image, partial(_load, file, image, options)))
    if not found:
        why = problems[0].message if problems else "no JSON file in it"
        raise AnnotationError(f"{path}: not labelme: {why.removeprefix('not labelme: ')}")
    return collection(path, "labelme", found, problems)


def write_labelme(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder with one JSON an image."""
    path.mkdir(parents=True, exist_ok=True)
    for annotation in annotations:
        document: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": [_shape(instance) for instance in annotation.instances],
            "imagePath": annotation.image,
            "imageData": None,
            "imageHeight": annotation.rows,
            "imageWidth": annotation.columns,
        }
        if annotation.spacing is not None:
            spacing = annotation.spacing
            document["pixel_spacing_mm"] = [spacing.row, spacing.column]
            document["spacing_basis"] = spacing.basis
        elif annotation.aspect != 1:
            document["aspect"] = annotation.aspect
        write_json(path / f"{image_key(annotation.image)}.json", document)


def _load(file: Path, image: str, options: ReadOptions, size: Size | None) -> Loaded:
    document = read_json(file)
    size = size_of_record(document, "imageHeight", "imageWidth") or (
        size_of(options.images, image) or size
    )
    groups: dict[tuple[Any, ...], AnnotatedInstance] = {}
    problems: list[Problem] = []
    for index, shape in enumerate(document["shapes"]):
        try:
            part = _instance(shape, options)
        except RecordError as error:
            problems.append(Problem(file.name, f"shape {index}", str(error)))
            continue
        group = shape.get("group_id")
        key = ("shape", index) if group is None else ("group", str(group), shape.get("label"))
        earlier = groups.get(key)
        groups[key] = part if earlier is None else _united(earlier, part)
    annotation = Annotation(
        image=image,
        rows=size[0] if size else None,
        columns=size[1] if size else None,
        instances=tuple(groups.values()),
        aspect=aspect_of(document.get("aspect")),
        spacing=spacing_of(document.get("pixel_spacing_mm"), document.get("spacing_basis")),
    )
    return Loaded(annotation, tuple(problems))


def _united(first: AnnotatedInstance, second: AnnotatedInstance) -> AnnotatedInstance:
    return AnnotatedInstance(
        category=first.category,
        level=first.level,
        score=first.score,
        rings=tuple(
            ring
            for part in (first, second)
            for ring in (part.rings or (outline(part.mask, part.box),))
        ),
        corners=first.corners,
    )


def _instance(shape: Any, options: ReadOptions) -> AnnotatedInstance:
    if not isinstance(shape, Mapping):
        raise RecordError("not a shape")
    reading = options.classes.read(str(shape.get("label")))
    if reading is None:
        raise RecordError(f"label {describe(shape.get('label'))!r} is not a known class")
    about: dict[str, Any] = {
        "category": reading[0],
        "level": reading[1],
        "score": score_of(shape.get("score")),
        "corners": corners_of(shape.get("corners")),
    }
    if shape.get("shape_type") == "mask":
        mask, box = _mask(shape)
        return AnnotatedInstance(outline_mask=mask, outline_box=box, **about)
    return AnnotatedInstance(rings=(_ring(shape),), **about)


def _ring(shape: Mapping[str, Any]) -> FloatArray:
    kind, values = shape.get("shape_type") or "polygon", shape.get("points")
    if kind in {"polygon", "linestrip"}:
        return ring_of(values, -HALF)
    if kind in {"rectangle", "circle"}:
        (x0, y0), (x1, y1) = _two(values)
        if kind == "circle":
            radius = float(np.hypot(x1 - x0, y1 - y0))
            return ellipse_ring(x0, y0, radius, radius) - HALF
        return ring_of([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], -HALF)
    raise RecordError(f"the shape {describe(kind)!r} has no area")


def _two(values: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    try:
        (x0, y0), (x1, y1) = values
        return (float(x0), float(y0)), (float(x1), float(y1))
    except (TypeError, ValueError) as error:
        raise RecordError(f"expected two points, got {describe(values)}") from error


def _mask(shape: Mapping[str, Any]) -> tuple[Any, Box]:
    from PIL import Image, UnidentifiedImageError

    (left, top), _ = _two(shape.get("points"))
    try:
        content = base64.b64decode(str(shape.get("mask")), validate=True)
        with Image.open(io.BytesIO(content)) as image:
            mask = np.asarray(image) > 0
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError) as error:
        raise RecordError("a mask that is not a PNG in base 64") from error
    if mask.ndim != 2 or not mask.any() or min(left, top) < 0:
        raise RecordError("a mask without a pixel in the image")
    row, column = round(top), round(left)
    part = bounded(mask, Box(row, column, row + mask.shape[0], column + mask.shape[1]))
    if part is None:
        raise RecordError("a mask without a pixel")
    return part


def _shape(instance: AnnotatedInstance) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "label": instance.level or instance.category,
        "points": points(one_ring(instance), HALF),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }
    if instance.score is not None:
        shape["score"] = float(instance.score)
    corners = corners_list(instance.corners)
    if corners:
        shape["corners"] = corners
    return shape
