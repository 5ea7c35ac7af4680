"""Which files are films: told by their content, never by their name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from spinemorph.errors import ReadError
from spinemorph.read.dicom import reason_against

FileKind = Literal["dicom", "png", "jpeg", "tiff"]

_SIGNATURES: Final[tuple[tuple[bytes, FileKind], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
)
#: The first element of old DICOM files without a preamble: group 2 or 8, little endian,
#: and either a value representation or a short length.
_BARE_DICOM: Final = re.compile(rb"[\x02\x08]\x00[\x00-\x20]\x00(?:[A-Z]{2}|..\x00\x00)", re.DOTALL)
#: As much of a file as :func:`kind_of` looks at.
SNIFFED_BYTES: Final = 132
#: A folder with this file in it holds results, whose pictures are no new films.
_RESULT: Final = "study.json"


@dataclass(frozen=True)
class Skipped:
    """A file that was found in a search but is not a film, and why."""

    path: Path
    reason: str


def kind_of(start: bytes) -> FileKind | None:
    """The format of a file by its first SNIFFED_BYTES bytes, or None."""
    if start[128:132] == b"DICM":
        return "dicom"
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    return "dicom" if _BARE_DICOM.match(start) else None


def find_films(path: Path | str) -> tuple[list[Path], list[Skipped]]:
    """The films that ``path`` stands for, and what was passed over, both in order of name.

    A file stands for itself, whatever it holds. A folder is searched through, a glob pattern
    (``**`` for any depth) is expanded; there, files that are not films are skipped with the
    reason. Hidden files and folders are passed over silently. ReadError where there is nothing.
    """
    named = Path(path)
    if _exists(named) and not named.is_dir():
        return [named], []
    if _exists(named):
        candidates = list(_walk(named))
        if not candidates:
            raise ReadError(f"{named.name or named}: the folder is empty")
    elif glob.has_magic(str(path)):
        candidates = list(_expand(str(path)))
        if not candidates:
            raise ReadError(f"{path}: no file matches the pattern")
    else:
        raise ReadError(f"{path}: no such file or folder")

    films: list[Path] = []
    skipped: list[Skipped] = []
    for candidate in sorted(set(candidates), key=lambda found: found.parts):
        reason = why_not(candidate)
        if reason is None:
            films.append(candidate)
        else:
            skipped.append(Skipped(candidate, reason))
    return films, skipped


def why_not(path: Path) -> str | None:
    """Why a file is not worth opening as a film, from its first bytes; None if it is."""
    try:
        if not path.is_file():
            return "not a regular file"
        with path.open("rb") as file:
            start = file.read(SNIFFED_BYTES)
    except PermissionError:
        return "no permission to read it"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not start:
        return "the file is empty (zero bytes)"
    kind = kind_of(start)
    if kind is None:
        return "not an image (neither DICOM, PNG, JPEG nor TIFF)"
    if kind == "dicom":
        return reason_against(path)
    if (path.parent / _RESULT).is_file():
        return f"a picture beside a {_RESULT}: a result, not a film"
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # it is there, but may not be looked at: let reading say so


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _expand(pattern: str) -> Iterator[Path]:
    for found in glob.iglob(pattern, recursive=True):  # noqa: PTH207  absolute patterns too
        path = Path(found)
        if path.is_dir():
            yield from _walk(path)
        elif not path.name.startswith("."):
            yield path
