"""The table of formats: how each is read and written, what it can hold, and how it is recognised."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spinemorph.anatomy import IMPLANT_CATEGORIES
from spinemorph.data import coco, labelme, masks, simulated, study, via, yolo
from spinemorph.data.annotation import Annotation
from spinemorph.data.collection import Collection, ReadOptions
from spinemorph.data.files import read_text
from spinemorph.data.overlap import intersection
from spinemorph.errors import AnnotationError, UsageError

#: Everything that an annotation may carry beyond outlines and the two body classes.
EVERYTHING: Final = frozenset(
    {"overlaps", "levels", "implants", "scores", "corners", "size", "spacing"}
)


@dataclass(frozen=True)
class Format:
    """One format: ``holds`` is the part of :data:`EVERYTHING` that survives in it."""

    name: str
    summary: str
    open: Callable[[Path, ReadOptions], Collection]
    write: Callable[[Iterable[Annotation], Path], None]
    holds: frozenset[str]
    is_folder: bool


def _format(
    name: str, summary: str, reader: Any, writer: Any, lacks: Iterable[str], is_folder: bool
) -> Format:
    return Format(name, summary, reader, writer, EVERYTHING - set(lacks), is_folder)


FORMATS: Final[Mapping[str, Format]] = {
    each.name: each
    for each in (
        _format("via", "VIA 2 JSON", via.open_json, via.write_via_json, (), False),
        _format("via-csv", "VIA 2 CSV", via.open_csv, via.write_via_csv, (), False),
        _format("coco", "COCO instance JSON", coco.open_coco, coco.write_coco, (), False),
        _format(
            "labelme",
            "labelme, one JSON an image",
            labelme.open_labelme,
            labelme.write_labelme,
            (),
            True,
        ),
        _format(
            "yolo",
            "YOLO segmentation text",
            yolo.open_yolo,
            yolo.write_yolo,
            ("levels", "scores", "corners", "spacing"),
            True,
        ),
        _format(
            "label-masks",
            "label mask PNG: 0 background, 1 lumbar, 2 sacrum",
            masks.open_label_masks,
            masks.write_label_masks,
            EVERYTHING - {"size"},
            True,
        ),
        _format(
            "instance-masks",
            "a folder of PNG masks for each film",
            masks.open_instance_masks,
            masks.write_instance_masks,
            ("scores", "corners", "spacing"),
            True,
        ),
        _format("study", "study.json", study.open_study, study.write_study, (), True),
    )
}

#: What can be read: :data:`FORMATS`, and what only our simulator writes.
READABLE: Final[Mapping[str, Format]] = {
    **FORMATS,
    "simulated": _format(
        "simulated",
        "a folder that spinemorph simulate wrote",
        simulated.open_simulated,
        simulated.write_simulated,
        ("scores",),
        True,
    ),
}


def open_annotations(
    path: Path, name: str | None = None, options: ReadOptions | None = None
) -> Collection:
    """The annotations under ``path``, in the format named or recognised by its content.

    AnnotationError where there is nothing or the format cannot be told; UsageError for a name that
    is none of :data:`READABLE`.
    """
    if not path.exists():
        raise AnnotationError(f"{path}: there is no such file or folder")
    return find_format(name or recognise(path), READABLE).open(path, options or ReadOptions())


def find_format(name: str, known: Mapping[str, Format] = FORMATS) -> Format:
    """The format of that name; UsageError lists the known ones."""
    if name not in known:
        raise UsageError(f"unknown format {name!r}; known: {', '.join(known)}")
    return known[name]


def recognise(path: Path) -> str:
    """The name of the format of a file or folder, by content; AnnotationError where unclear."""
    if path.is_dir():
        return _recognise_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return "via-csv"
    if suffix == ".png":
        return "label-masks"
    if suffix == ".json":
        name = _recognise_json(path)
        if name:
            return name
    raise AnnotationError(
        f"{path}: its format is not recognised: name one of {', '.join(READABLE)}"
    )


def _recognise_folder(path: Path) -> str:
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    documents = sorted(file for file in files if file.suffix.lower() == ".json")
    kinds = {name for file in documents[:20] if (name := _recognise_json(file))}
    for name in ("study", "labelme", "simulated"):
        if name in kinds:
            return name
    if kinds or any(file.suffix.lower() == ".csv" for file in files if file.name != "sizes.csv"):
        single = [file for file in files if file.suffix.lower() in {".json", ".csv"}]
        listed = ", ".join(sorted(file.name for file in single)[:3])
        raise AnnotationError(f"{path}: give the annotation file itself ({listed})")
    if any(file.suffix.lower() == ".txt" for file in files):
        return "yolo"
    pictures = [file for file in files if file.suffix.lower() == masks.SUFFIX]
    if pictures:
        return "label-masks" if any(file.parent == path for file in pictures) else "instance-masks"
    raise AnnotationError(f"{path}: no annotation in a known format in it")


def _recognise_json(path: Path) -> str | None:
    try:
        document = json.loads(read_text(path))
    except (AnnotationError, ValueError, RecursionError):
        return None
    if isinstance(document, list):
        return "coco"
    if not isinstance(document, dict):
        return None
    if document.get("schema") == study.SCHEMA:
        return "study"
    if "shapes" in document:
        return "labelme"
    if simulated.is_truth(document):
        return "simulated"
    if "annotations" in document or "images" in document:
        return "coco"
    values = list(document.values())
    entries = any(isinstance(value, dict) and "filename" in value for value in values)
    return "via" if "_via_img_metadata" in document or entries else None


class Losses:
    """Counts, while annotations pass through it, what a format cannot hold of them."""

    def __init__(self, target: Format) -> None:
        self.target = target
        self.counts: Counter[str] = Counter()

    def watch(self, annotations: Iterable[Annotation]) -> Iterator[Annotation]:
        """The same annotations, counted on the way."""
        for annotation in annotations:
            self.counts.update(self.of(annotation))
            yield annotation

    def of(self, annotation: Annotation) -> Counter[str]:
        """What this annotation carries that the format cannot hold."""
        instances = annotation.instances
        present = Counter(
            {
                "levels": sum(i.level is not None for i in instances),
                "implants": sum(i.category in IMPLANT_CATEGORIES for i in instances),
                "scores": sum(i.score is not None for i in instances),
                "corners": sum(i.corners is not None for i in instances),
                "spacing": int(annotation.spacing is not None or annotation.aspect != 1),
            }
        )
        if "overlaps" not in self.target.holds:
            present["overlaps"] = _overlapping(annotation)
        if self.target.name == "instance-masks" and not instances:
            present["images without an instance"] = 1
        return Counter(
            {name: n for name, n in present.items() if n and name not in self.target.holds}
        )

    def lines(self) -> list[str]:
        """One line for each kind of loss."""
        name = self.target.name
        return [f"{name} cannot hold {what} ({n})" for what, n in sorted(self.counts.items())]


def _overlapping(annotation: Annotation) -> int:
    bodies = [
        instance
        for instance in annotation.rasterized().instances
        if instance.category not in IMPLANT_CATEGORIES
    ]
    return sum(bool(intersection(a, b)) for a, b in itertools.combinations(bodies, 2))
