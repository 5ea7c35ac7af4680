"""COCO instance JSON: polygons (their union) and run-length masks, both kinds of text or list.

Polygons count from the corner of the first pixel. What COCO has no place for stands under
``attributes`` of an annotation (level, corners) and in extra fields of an image (spacing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemorph.anatomy import CATEGORIES
from spinemorph.data.annotation import AnnotatedInstance, Annotation, Problem, Size, describe
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection, size_of
from spinemorph.data.files import number, read_json, write_json
from spinemorph.data.records import (
    RecordError,
    aspect_of,
    corners_list,
    corners_of,
    ring_of,
    score_of,
    size_of_record,
    spacing_of,
)
from spinemorph.data.rle import decode, encode
from spinemorph.errors import AnnotationError

HALF: Final = 0.5


def open_coco(path: Path, options: ReadOptions) -> Collection:
    """A COCO file with its images and categories; AnnotationError where one of them is missing."""
    document = read_json(path)
    if isinstance(document, list):
        raise AnnotationError(
            f"{path}: a bare list of COCO results has no table of images: give the full file with "
            "images, annotations and categories"
        )
    parts = ("images", "annotations", "categories")
    if not isinstance(document, dict) or not all(isinstance(document.get(p), list) for p in parts):
        raise AnnotationError(f"{path}: not COCO: needs the lists {', '.join(parts)}")
    problems: list[Problem] = []
    names = {
        category.get("id"): str(category.get("name"))
        for category in document["categories"]
        if isinstance(category, dict)
    }
    images: dict[Any, Mapping[str, Any]] = {}
    for index, image in enumerate(document["images"]):
        if isinstance(image, dict) and image.get("file_name") and _hashable(image.get("id")):
            images[image["id"]] = image
        else:
            problems.append(Problem(path.name, f"image {index}", "no id or no file_name"))
    records: dict[Any, list[Mapping[str, Any]]] = {key: [] for key in images}
    for index, record in enumerate(document["annotations"]):
        key = record.get("image_id") if isinstance(record, dict) else None
        if _hashable(key) and key in records:
            records[key].append({**record, "where": f"annotation {record.get('id', index)}"})
        else:
            where = f"annotation {index}"
            problems.append(Problem(path.name, where, f"its image {describe(key)} is not listed"))
    found = [
        (str(image["file_name"]), partial(_load, path.name, image, records[key], names, options))
        for key, image in images.items()
    ]
    return collection(path, "coco", found, problems)


def write_coco(annotations: Iterable[Annotation], path: Path) -> None:
    """Write one COCO file; the images' sizes must be known (AnnotationError)."""
    ids = {name: index for index, name in enumerate(CATEGORIES, start=1)}
    images: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for number_of_image, annotation in enumerate(annotations, start=1):
        size = annotation.size
        if size is None:
            raise AnnotationError(
                f"{annotation.image}: COCO needs the size of the image: give --images"
            )
        images.append(_image(annotation, number_of_image, size))
        for instance in annotation.instances:
            record = {"id": len(records) + 1, "image_id": number_of_image}
            record |= {"category_id": ids[instance.category], "iscrowd": 0}
            records.append(record | _shape(instance, size))
    categories = [
        {"id": index, "name": name, "supercategory": "spine"} for name, index in ids.items()
    ]
    document = {"images": images, "annotations": records, "categories": categories}
    write_json(path, document, indent=None)


def _load(
    file: str,
    image: Mapping[str, Any],
    records: list[Mapping[str, Any]],
    names: Mapping[Any, str],
    options: ReadOptions,
    size: Size | None,
) -> Loaded:
    name = str(image["file_name"])
    known = size_of_record(image, "height", "width") or size_of(options.images, name) or size
    instances: list[AnnotatedInstance] = []
    problems: list[Problem] = []
    for record in records:
        try:
            instances.append(_instance(record, names, options))
        except RecordError as error:
            problems.append(Problem(file, f"{name}, {record['where']}", str(error)))
    annotation = Annotation(
        image=name,
        rows=known[0] if known else None,
        columns=known[1] if known else None,
        instances=tuple(instances),
        aspect=aspect_of(image.get("aspect")),
        spacing=spacing_of(image.get("pixel_spacing_mm"), image.get("spacing_basis")),
    )
    return Loaded(annotation, tuple(problems))


def _instance(
    record: Mapping[str, Any], names: Mapping[Any, str], options: ReadOptions
) -> AnnotatedInstance:
    attributes = record.get("attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    key = record.get("category_id")
    name = names.get(key) if _hashable(key) else None
    reading = options.classes.read(name) if name is not None else None
    if reading is None:
        raise RecordError(f"category {describe(key)} ({describe(name)}) is not a known class")
    level = reading[1]
    stated = options.classes.read(str(attributes.get("level")))
    if stated is not None and stated[0] == reading[0]:
        level = stated[1] or level
    about: dict[str, Any] = {
        "category": reading[0],
        "level": level,
        "score": score_of(record.get("score")),
        "corners": corners_of(attributes.get("corners")),
    }
    shape = record.get("segmentation")
    if isinstance(shape, list) and shape:
        rings = tuple(_ring(values) for values in shape)
        return AnnotatedInstance(rings=rings, **about)
    if isinstance(shape, Mapping):
        mask, box = _decoded(shape)
        return AnnotatedInstance(outline_mask=mask, outline_box=box, **about)
    raise RecordError("it has no segmentation")


def _ring(values: Any) -> Any:
    if not isinstance(values, list) or len(values) % 2:
        raise RecordError("a polygon needs x and y in turn")
    return ring_of(list(zip(values[::2], values[1::2], strict=True)), -HALF)


def _decoded(shape: Mapping[str, Any]) -> Any:
    try:
        rows, columns = (int(value) for value in shape["size"])
        if min(rows, columns) < 1 or rows * columns > 1_000_000_000:
            raise RecordError(f"not a size of an image: {rows} x {columns}")
        part = decode(shape["counts"], (rows, columns))
    except RecordError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"a run-length mask that cannot be read: {describe(error)}") from error
    if part is None:
        raise RecordError("a run-length mask without a pixel")
    return part


def _image(annotation: Annotation, index: int, size: Size) -> dict[str, Any]:
    image: dict[str, Any] = {"id": index, "file_name": annotation.image}
    image |= {"height": size[0], "width": size[1]}
    if annotation.spacing is not None:
        spacing = annotation.spacing
        image["pixel_spacing_mm"] = [spacing.row, spacing.column]
        image["spacing_basis"] = spacing.basis
    elif annotation.aspect != 1:
        image["aspect"] = annotation.aspect
    return image


def _shape(instance: AnnotatedInstance, size: Size) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    if instance.outline_mask is not None:
        box = instance.box
        counts = encode(instance.mask, box, size)
        shape["segmentation"] = {"size": list(size), "counts": counts}
        shape["area"] = int(np.count_nonzero(instance.mask))
        shape["bbox"] = [box.left, box.top, box.right - box.left, box.bottom - box.top]
    else:
        rings = [ring + HALF for ring in instance.rings]
        shape["segmentation"] = [[number(v) for v in ring.ravel().tolist()] for ring in rings]
        filled = instance.rasterized(size)
        shape["area"] = 0 if filled is None else int(np.count_nonzero(filled.mask))
        low, high = np.concatenate(rings).min(axis=0), np.concatenate(rings).max(axis=0)
        shape["bbox"] = [number(v) for v in [*low.tolist(), *(high - low).tolist()]]
    attributes: dict[str, Any] = {}
    if instance.level:
        attributes["level"] = instance.level
    corners = corners_list(instance.corners)
    if corners:
        attributes["corners"] = corners
    if attributes:
        shape["attributes"] = attributes
    if instance.score is not None:
        shape["score"] = float(instance.score)
    return shape


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int)
