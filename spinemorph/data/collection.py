"""The annotations of many images, read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from spinemorph.data.annotation import Annotation, Problem, Size, image_key
from spinemorph.data.classes import ClassNames
from spinemorph.errors import AnnotationError

#: Reads one image's annotation. The size is a hint for formats that do not hold it.
Loader = Callable[[Size | None], "Loaded"]


@dataclass(frozen=True, eq=False)
class Loaded:
    """An annotation and the records that were left out of it."""

    annotation: Annotation
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ReadOptions:
    """``images``: where sizes of images are looked up that a format does not hold."""

    images: Path | None = None
    classes: ClassNames = field(default_factory=ClassNames)


@dataclass(frozen=True)
class Collection:
    """A loader for each image, by its key (the file's name without suffix); loaders pickle.

    ``problems`` are those that were met while the list was made.
    """

    path: Path
    format: str
    loaders: Mapping[str, Loader]
    problems: tuple[Problem, ...] = ()

    def load(self, key: str, size: Size | None = None) -> Loaded:
        """The annotation of one image; AnnotationError where its file is not understood."""
        return self.loaders[key](size)

    def __len__(self) -> int:
        return len(self.loaders)


def collection(
    path: Path, format_name: str, found: Sequence[tuple[str, Loader]], problems: list[Problem]
) -> Collection:
    """A collection of (image name, loader); of two with one key the second is a problem."""
    loaders: dict[str, Loader] = {}
    for image, loader in found:
        key = image_key(image)
        if key in loaders:
            message = "a second annotation of this image: left out"
            problems = [*problems, Problem(path.name, image, message)]
        else:
            loaders[key] = loader
    return Collection(path, format_name, MappingProxyType(loaders), tuple(problems))


def size_of(images: Path | None, image: str) -> Size | None:
    """Rows and columns of an image found under ``images`` by its key, from the file's header."""
    if images is None:
        return None
    path = _image_files(images).get(image_key(image))
    return _header_size(path) if path else None


@lru_cache(maxsize=4)
def _image_files(images: Path) -> dict[str, Path]:
    if not images.is_dir():
        raise AnnotationError(f"{images}: not a folder of images")
    files = sorted(path for path in images.rglob("*") if path.is_file())
    return {path.stem: path for path in files}


def _header_size(path: Path) -> Size:
    if _is_dicom(path):
        import pydicom

        header = pydicom.dcmread(path, stop_before_pixels=True)
        return int(header.Rows), int(header.Columns)
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise AnnotationError(f"{path}: its size cannot be read: {error}") from error


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
