"""VIA 2 (VGG Image Annotator): JSON and CSV, the format of the paper's annotation.

Regions: polygon, polyline (closed), rect, circle and ellipse; points are reported. The class may
stand under any attribute, as text or as ticked boxes. VIA does not know the size of an image: our
writer adds it to the file attributes, otherwise ``ReadOptions.images`` tells it. Coordinates are
indices of pixels.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemorph.data.annotation import AnnotatedInstance, Annotation, Problem, Size, describe
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection, size_of
from spinemorph.data.files import number, read_json, read_text, write_json, write_text
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
from spinemorph.types import FloatArray

CSV_COLUMNS: Final = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)

Entry = Mapping[str, Any]


def open_json(path: Path, options: ReadOptions) -> Collection:
    """A VIA project or annotation export; AnnotationError where it is neither."""
    document = read_json(path)
    if isinstance(document, dict) and "_via_img_metadata" in document:
        document = document["_via_img_metadata"]
    if not isinstance(document, dict) or (
        document and not any(isinstance(e, dict) and "filename" in e for e in document.values())
    ):
        raise AnnotationError(f"{path}: not a VIA 2 annotation (no entry with a filename)")
    problems: list[Problem] = []
    entries: list[Entry] = []
    for key, entry in document.items():
        if isinstance(entry, dict) and entry.get("filename"):
            entries.append(entry)
        else:
            problems.append(Problem(path.name, describe(key), "the entry names no file"))
    return _collect(path, "via", entries, options, problems)


def open_csv(path: Path, options: ReadOptions) -> Collection:
    """A VIA CSV export; AnnotationError where its columns are missing."""
    text = read_text(path)
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    reader = csv.DictReader(io.StringIO("".join(lines)))
    names = [name.strip().lstrip("#") for name in reader.fieldnames or ()]
    reader.fieldnames = names
    missing = {"filename", "region_shape_attributes", "region_attributes"} - set(names)
    if missing:
        raise AnnotationError(f"{path}: not a VIA CSV: no column {', '.join(sorted(missing))}")
    problems: list[Problem] = []
    entries: dict[str, dict[str, Any]] = {}
    for line, row in enumerate(reader, start=2):
        where = f"line {line}"
        name = (row.get("filename") or "").strip()
        if not name:
            problems.append(Problem(path.name, where, "no filename"))
            continue
        try:
            file_attributes = json.loads(row.get("file_attributes") or "{}")
            shape = json.loads(row.get("region_shape_attributes") or "{}")
            attributes = json.loads(row.get("region_attributes") or "{}")
        except ValueError:
            problems.append(Problem(path.name, where, "its attributes are not valid JSON"))
            continue
        entry = entries.setdefault(
            name, {"filename": name, "file_attributes": file_attributes, "regions": []}
        )
        if shape:
            region = {"shape_attributes": shape, "region_attributes": attributes, "where": where}
            entry["regions"].append(region)
    return _collect(path, "via-csv", list(entries.values()), options, problems)


def write_via_json(annotations: Iterable[Annotation], path: Path) -> None:
    """Write the annotation export that VIA imports; one file."""
    entries = {}
    for annotation in annotations:
        entry = _entry(annotation)
        entries[f"{entry['filename']}{entry['size']}"] = entry
    write_json(path, entries, indent=None)


def write_via_csv(annotations: Iterable[Annotation], path: Path) -> None:
    """Write the CSV that VIA imports; one file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for annotation in annotations:
        entry = _entry(annotation)
        head = [entry["filename"], entry["size"], json.dumps(entry["file_attributes"])]
        regions = entry["regions"]
        for index, region in enumerate(regions):
            shape = json.dumps(region["shape_attributes"])
            attributes = json.dumps(region["region_attributes"])
            writer.writerow([*head, len(regions), index, shape, attributes])
        if not regions:
            writer.writerow([*head, 0, 0, "{}", "{}"])
    write_text(path, stream.getvalue())


def _collect(
    path: Path,
    name: str,
    entries: Sequence[Entry],
    options: ReadOptions,
    problems: list[Problem],
) -> Collection:
    found = [
        (str(entry["filename"]), partial(_load, path.name, entry, options)) for entry in entries
    ]
    return collection(path, name, found, problems)


def _load(file: str, entry: Entry, options: ReadOptions, size: Size | None) -> Loaded:
    image = str(entry["filename"])
    about = entry.get("file_attributes")
    about = about if isinstance(about, Mapping) else {}
    size = size_of_record(about, "rows", "columns") or size_of(options.images, image) or size
    regions = entry.get("regions") or []
    listed = regions.items() if isinstance(regions, Mapping) else enumerate(regions)
    instances: list[AnnotatedInstance] = []
    problems: list[Problem] = []
    for index, region in listed:
        try:
            instances.append(_instance(region, options))
        except RecordError as error:
            place = region.get("where") if isinstance(region, Mapping) else None
            where = place or f"{image}, region {index}"
            problems.append(Problem(file, where, str(error)))
    annotation = Annotation(
        image=image,
        rows=size[0] if size else None,
        columns=size[1] if size else None,
        instances=tuple(instances),
        aspect=aspect_of(about.get("aspect")),
        spacing=spacing_of(about.get("pixel_spacing_mm"), about.get("spacing_basis")),
    )
    return Loaded(annotation, tuple(problems))


def _instance(region: Any, options: ReadOptions) -> AnnotatedInstance:
    shape = region.get("shape_attributes") if isinstance(region, Mapping) else None
    if not isinstance(shape, Mapping):
        raise RecordError("a region without shape_attributes")
    attributes = region.get("region_attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    reading = options.classes.of_attributes(attributes)
    if reading is None:
        raise RecordError(f"no known class among its attributes {describe(dict(attributes))}")
    return AnnotatedInstance(
        category=reading[0],
        level=reading[1],
        score=score_of(attributes.get("score")),
        rings=(_ring(shape),),
        corners=corners_of(attributes.get("corners")),
    )


def _ring(shape: Mapping[str, Any]) -> FloatArray:
    name = shape.get("name")
    try:
        if name in {"polygon", "polyline"}:
            xs, ys = shape["all_points_x"], shape["all_points_y"]
            if len(xs) != len(ys):
                raise RecordError(f"{len(xs)} x coordinates, but {len(ys)} y coordinates")
            ring = ring_of(list(zip(xs, ys, strict=True)))
            closed = len(ring) > 3 and bool(np.array_equal(ring[0], ring[-1]))
            return ring[:-1] if closed else ring
        if name == "rect":
            x, y = float(shape["x"]), float(shape["y"])
            right, bottom = x + float(shape["width"]), y + float(shape["height"])
            return ring_of([[x, y], [right, y], [right, bottom], [x, bottom]])
        if name == "circle":
            radius = float(shape["r"])
            return ellipse_ring(float(shape["cx"]), float(shape["cy"]), radius, radius)
        if name == "ellipse":
            x, y, rx, ry = (float(shape[key]) for key in ("cx", "cy", "rx", "ry"))
            return ellipse_ring(x, y, rx, ry, float(shape.get("theta") or 0))
    except RecordError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"a {name} with a broken field: {describe(error)}") from error
    raise RecordError(f"the shape {describe(name)!r} has no area")


def _entry(annotation: Annotation) -> dict[str, Any]:
    about: dict[str, str] = {}
    if annotation.size:
        about |= {"rows": str(annotation.rows), "columns": str(annotation.columns)}
    if annotation.spacing is not None:
        spacing = annotation.spacing
        about["pixel_spacing_mm"] = f"{spacing.row!r},{spacing.column!r}"
        about["spacing_basis"] = spacing.basis
    elif annotation.aspect != 1:
        about["aspect"] = repr(annotation.aspect)
    return {
        "filename": annotation.image,
        "size": -1,
        "regions": [_region(instance) for instance in annotation.instances],
        "file_attributes": about,
    }


def _region(instance: AnnotatedInstance) -> dict[str, Any]:
    ring = one_ring(instance)
    attributes = {"class": instance.category}
    if instance.level:
        attributes["level"] = instance.level
    if instance.score is not None:
        attributes["score"] = repr(float(instance.score))
    corners = corners_list(instance.corners)
    if corners:
        attributes["corners"] = json.dumps(corners)
    return {
        "shape_attributes": {
            "name": "polygon",
            "all_points_x": [number(x) for x in ring[:, 0].tolist()],
            "all_points_y": [number(y) for y in ring[:, 1].tolist()],
        },
        "region_attributes": attributes,
    }
