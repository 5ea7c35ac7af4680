"""Films with their annotation, in whatever format they came; imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinemorph.data.annotation import Annotation
from spinemorph.data.collection import Collection, Loader, ReadOptions
from spinemorph.data.formats import open_annotations
from spinemorph.errors import AnnotationError, ReadError
from spinemorph.read import find_films, read_radiograph
from spinemorph.types import Radiograph


@dataclass(frozen=True)
class Film:
    """One film of a data set; ``name`` is its file's name without suffix."""

    name: str
    image: Path
    loader: Loader

    def read(self) -> tuple[Radiograph, Annotation]:
        """Pixels and masks. AnnotationError, ReadError where a file is damaged or the two disagree."""
        radiograph = read_radiograph(self.image)
        size = radiograph.rows, radiograph.columns
        loaded = self.loader(size)
        if loaded.problems:
            raise AnnotationError(str(loaded.problems[0]))
        if loaded.annotation.size not in (None, size):
            raise AnnotationError(
                f"{self.image.name}: the film has {size[0]} x {size[1]} pixels, its annotation says "
                f"{loaded.annotation.rows} x {loaded.annotation.columns}"
            )
        return radiograph, loaded.annotation.rasterized(size)


@dataclass(frozen=True)
class FilmSet:
    """Films in order of their names. ``problems``: what was left out of the data set, and why."""

    source: Path
    format: str
    films: tuple[Film, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.films)

    def named(self, names: Sequence[str]) -> tuple[Film, ...]:
        """The films of these names, in this order; KeyError where one is missing."""
        by_name: Mapping[str, Film] = {film.name: film for film in self.films}
        return tuple(by_name[name] for name in names)


def open_films(
    source: Path, format_name: str | None = None, options: ReadOptions | None = None
) -> FilmSet:
    """The films that ``source`` annotates, each with its picture.

    Pictures are found by their name without suffix, under ``options.images`` or else beside the
    annotation. AnnotationError where there is no annotation, or no picture for any.
    """
    options = options or ReadOptions()
    annotations = open_annotations(source, format_name, options)
    folder = options.images or (source if source.is_dir() else source.parent)
    pictures = _pictures(folder, annotations)
    films, missing = [], []
    for name, loader in annotations.loaders.items():
        if name in pictures:
            films.append(Film(name, pictures[name], loader))
        else:
            missing.append(f"{name}: no picture of this name in {folder}")
    if not films:
        raise AnnotationError(
            f"{source}: none of its {len(annotations)} annotations has a picture of the same name "
            f"in {folder}: name the folder of the films with --images"
        )
    problems = [*map(str, annotations.problems), *missing]
    ordered = sorted(films, key=lambda film: film.name)
    return FilmSet(source, annotations.format, tuple(ordered), tuple(problems))


def fingerprint(films: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256 over names and contents, whatever the order."""
    digest = hashlib.sha256()
    for name, content in sorted(films):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _pictures(folder: Path, annotations: Collection) -> dict[str, Path]:
    """Pictures by name; a DICOM file and a picture of one name are the same film, the picture serves."""
    try:
        found, _ = find_films(folder)
    except ReadError as fault:
        raise AnnotationError(f"{folder}: no films in it: {fault}") from fault
    wanted = annotations.loaders.keys()
    pictures: dict[str, Path] = {}
    if annotations.path == folder and annotations.format in {"label-masks", "instance-masks"}:
        return pictures  # these pictures are the masks themselves
    for path in sorted(found, key=lambda path: (path.suffix.lower() != ".dcm", path)):
        if path.stem in wanted:
            pictures[path.stem] = path
    return pictures
