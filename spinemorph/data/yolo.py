"""YOLO segmentation text: one file an image, one line an instance, points as shares of the size.

A line is ``class x y x y ...``, after a prediction with the confidence at its end. Class names stand
in ``classes.txt`` or in the ``names`` of a ``data.yaml`` beside or above the texts. Sizes come from
``sizes.csv`` (which our writer adds), from the images, or from the other side of a comparison.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from spinemorph.anatomy import CATEGORIES
from spinemorph.data.annotation import (
    AnnotatedInstance,
    Annotation,
    Problem,
    Size,
    describe,
    image_key,
)
from spinemorph.data.collection import Collection, Loaded, ReadOptions, collection, size_of
from spinemorph.data.files import read_text, write_text
from spinemorph.data.records import RecordError, one_ring, ring_of, score_of
from spinemorph.errors import AnnotationError

NAMES_FILE: Final = "classes.txt"
SIZES_FILE: Final = "sizes.csv"


def open_yolo(path: Path, options: ReadOptions) -> Collection:
    """A folder of texts; AnnotationError where the names of the classes are nowhere."""
    if not path.is_dir():
        raise AnnotationError(f"{path}: YOLO annotations are a folder of text files")
    files = [file for file in sorted(path.rglob("*.txt")) if file.name != NAMES_FILE]
    if not files:
        raise AnnotationError(f"{path}: no text file in it")
    names = _names(path, options)
    sizes = _sizes(path)
    found = []
    for file in files:
        image, size = sizes.get(file.stem, (file.stem, None))
        found.append((image, partial(_load, file, image, size, names, options)))
    return collection(path, "yolo", found, [])


def write_yolo(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder of texts, with the names of the classes and the sizes of the images."""
    path.mkdir(parents=True, exist_ok=True)
    sizes = [["image", "rows", "columns"]]
    for annotation in annotations:
        if annotation.rows is None or annotation.columns is None:
            raise AnnotationError(
                f"{annotation.image}: YOLO needs the size of the image: give --images"
            )
        sizes.append([annotation.image, str(annotation.rows), str(annotation.columns)])
        lines = [
            _line(instance, (annotation.rows, annotation.columns))
            for instance in annotation.instances
        ]
        write_text(path / f"{image_key(annotation.image)}.txt", "".join(lines))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(sizes)
    write_text(path / SIZES_FILE, stream.getvalue())
    write_text(path / NAMES_FILE, "".join(f"{name}\n" for name in CATEGORIES))


def _line(instance: AnnotatedInstance, size: Size) -> str:
    ring = (one_ring(instance) + 0.5) / (size[1], size[0])
    values = " ".join(repr(value) for value in ring.ravel().tolist())
    return f"{CATEGORIES.index(instance.category)} {values}\n"


def _load(
    file: Path,
    image: str,
    own_size: Size | None,
    names: Mapping[int, str],
    options: ReadOptions,
    size: Size | None,
) -> Loaded:
    size = own_size or size_of(options.images, image) or size
    if size is None:
        raise AnnotationError(f"{file}: the size of the image is not known: give --images")
    instances: list[AnnotatedInstance] = []
    problems: list[Problem] = []
    for index, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            instances.append(_instance(line.split(), size, names, options))
        except RecordError as error:
            problems.append(Problem(file.name, f"line {index}", str(error)))
    return Loaded(Annotation(image, *size, tuple(instances)), tuple(problems))


def _instance(
    words: list[str], size: Size, names: Mapping[int, str], options: ReadOptions
) -> AnnotatedInstance:
    try:
        key, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise RecordError("a word that is not a number") from error
    if key not in names:
        raise RecordError(f"class {key} has no name")
    reading = options.classes.read(names[key])
    if reading is None:
        raise RecordError(f"class {key} ({describe(names[key])}) is not a known class")
    if len(values) == 4:
        raise RecordError("a box, not an outline: a segmentation is needed")
    score = score_of(values.pop()) if len(values) % 2 else None
    if any(not -0.5 <= value <= 1.5 for value in values):
        raise RecordError("points must be shares of the image's size, 0 to 1")
    ring = ring_of(list(zip(values[::2], values[1::2], strict=True)))
    ring = ring * (size[1], size[0]) - 0.5
    return AnnotatedInstance(reading[0], level=reading[1], score=score, rings=(ring,))


def _names(path: Path, options: ReadOptions) -> Mapping[int, str]:
    for folder in (path, *path.resolve().parents[:2]):
        if (folder / NAMES_FILE).is_file():
            lines = read_text(folder / NAMES_FILE).splitlines()
            return {index: line.strip() for index, line in enumerate(lines) if line.strip()}
        for name in ("data.yaml", "data.yml", "dataset.yaml"):
            if (folder / name).is_file():
                names = _yaml_names(read_text(folder / name))
                if names:
                    return names
    given = {int(key): value for key, value in options.classes.renamed.items() if key.isdigit()}
    if given:
        return given
    raise AnnotationError(
        f"{path}: the names of the classes are not known: put {NAMES_FILE} there (one name a "
        "line) or give --class 0=lumbar --class 1=sacrum"
    )


def _yaml_names(text: str) -> dict[int, str]:
    """The ``names`` of a data set description: a list in brackets, a list of dashes, or a map."""
    block = re.search(r"^names:[ \t]*(\[[^\]]*\])?((?:\n[ \t]*(?:-|\d+:).*)*)", text, re.MULTILINE)
    if not block:
        return {}
    if block[1]:
        return dict(enumerate(_bare(word) for word in block[1][1:-1].split(",") if word.strip()))
    names: dict[int, str] = {}
    for line in block[2].strip().splitlines():
        head, _, tail = line.strip().partition(":" if ":" in line else "-")
        names[int(head) if head else len(names)] = _bare(tail)
    return names


def _bare(word: str) -> str:
    return word.split("#", maxsplit=1)[0].strip().strip("'\"")


def _sizes(path: Path) -> dict[str, tuple[str, Size | None]]:
    file = path / SIZES_FILE
    if not file.is_file():
        return {}
    sizes: dict[str, tuple[str, Size | None]] = {}
    for row in csv.DictReader(io.StringIO(read_text(file))):
        try:
            size = int(row["rows"]), int(row["columns"])
            sizes[image_key(row["image"])] = row["image"], size
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(f"{file}: needs the columns image, rows, columns") from error
    return sizes
