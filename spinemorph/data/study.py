"""Our own study.json: contours, levels, corners, scores, implants and the scale of the film."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from spinemorph.anatomy import BODY_CATEGORIES, CORNERS
from spinemorph.data.annotation import (
    AnnotatedInstance,
    Annotation,
    Problem,
    Size,
    describe,
    image_key,
)
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection
from spinemorph.data.files import points, read_json, write_json
from spinemorph.data.records import (
    RecordError,
    aspect_of,
    corners_list,
    corners_of,
    one_ring,
    ring_of,
    score_of,
    size_of_record,
    spacing_of,
)
from spinemorph.errors import AnnotationError

SCHEMA: Final = "spinemorph/study/1"
FILE: Final = "study.json"


def open_study(path: Path, options: ReadOptions) -> Collection:
    """A study.json, or a folder that is searched for them; others are problems."""
    del options
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    found, problems = [], []
    for file in files:
        try:
            document = read_study_document(file)
        except AnnotationError as error:
            if not path.is_dir():
                raise
            problems.append(Problem(file.name, "", str(error).removeprefix(f"{file}: ")))
            continue
        found.append((image_of(document), partial(_load, file)))
    if not found:
        raise AnnotationError(f"{path}: no {FILE} in it")
    return collection(path, "study", found, problems)


def read_study_document(file: Path) -> Mapping[str, Any]:
    """The parsed file; AnnotationError unless it is a study of the schema that we know."""
    document = read_json(file)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise AnnotationError(f"{file}: not a study of the schema {SCHEMA}")
    image, source = document.get("image"), document.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("file"), str):
        raise AnnotationError(f"{file}: its source names no file")
    if not isinstance(image, dict):
        raise AnnotationError(f"{file}: it does not describe its image")
    return document


def image_of(document: Mapping[str, Any]) -> str:
    """The name of the film's file."""
    return str(document["source"]["file"])


def write_study(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder ``<film>/study.json`` without measurements; sizes must be known."""
    path.mkdir(parents=True, exist_ok=True)
    for annotation in annotations:
        if annotation.size is None:
            raise AnnotationError(
                f"{annotation.image}: a study needs the size of the image: give --images"
            )
        write_json(path / image_key(annotation.image) / FILE, _document(annotation))


def _load(file: Path, size: Size | None) -> Loaded:
    document = read_study_document(file)
    image = document["image"]
    size = size_of_record(image, "rows", "columns") or size
    instances: list[AnnotatedInstance] = []
    problems: list[Problem] = []
    for part in ("vertebrae", "implants"):
        for index, record in enumerate(document.get(part) or ()):
            try:
                instances.append(_instance(record, part))
            except RecordError as error:
                problems.append(Problem(str(file), f"{part} {index}", str(error)))
    annotation = Annotation(
        image=image_of(document),
        rows=size[0] if size else None,
        columns=size[1] if size else None,
        instances=tuple(instances),
        aspect=aspect_of(image.get("pixel_aspect")),
        spacing=spacing_of(image.get("pixel_spacing_mm"), image.get("spacing_basis")),
    )
    return Loaded(annotation, tuple(problems))


def _instance(record: Any, part: str) -> AnnotatedInstance:
    if not isinstance(record, Mapping):
        raise RecordError("not a record")
    try:
        return AnnotatedInstance(
            category=str(record.get("category")),
            level=record.get("level") if part == "vertebrae" else None,
            score=score_of(record.get("score")),
            rings=(ring_of(record.get("contour")),),
            corners=corners_of(record.get("corners")),
        )
    except RecordError:
        raise
    except (TypeError, ValueError) as error:
        raise RecordError(describe(error)) from error


def _document(annotation: Annotation) -> dict[str, Any]:
    source = dict.fromkeys(
        ("patient_id", "birth_date", "sex", "study_date", "acquired_at", "body_position")
    )
    spacing = annotation.spacing
    bodies = [each for each in annotation.instances if each.category in BODY_CATEGORIES]
    implants = [each for each in annotation.instances if each not in bodies]
    return {
        "schema": SCHEMA,
        "source": {"file": annotation.image, "sha256": "", **source, "sop_instance_uid": None},
        "image": {
            "rows": annotation.rows,
            "columns": annotation.columns,
            "facing": None,
            "pixel_spacing_mm": None if spacing is None else [spacing.row, spacing.column],
            "spacing_basis": None if spacing is None else spacing.basis,
            "pixel_aspect": annotation.aspect,
        },
        "vertebrae": [_vertebra(body) for body in bodies],
        "implants": [
            {
                "id": f"{implant.category}-{index}",
                "category": implant.category,
                "levels": [],
                "contour": points(one_ring(implant)),
                "score": 1.0 if implant.score is None else implant.score,
            }
            for index, implant in enumerate(implants, start=1)
        ],
        "measurements": [],
        "flags": [],
        "numbering": {"confidence": float(any(b.level for b in bodies)), "alternative": None},
        "manifest": {"made_by": "spinemorph convert"},
    }


def _vertebra(body: AnnotatedInstance) -> dict[str, Any]:
    corners = corners_list(body.corners) or [None] * len(CORNERS)
    return {
        "level": body.level,
        "category": body.category,
        "score": 1.0 if body.score is None else body.score,
        "contour": points(one_ring(body)),
        "corners": dict(zip(CORNERS, corners, strict=True)),
        "corner_covariance": None,
        "flags": [],
    }
