"""Reading and writing of small files: whole or not at all, faults as one line."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from spinemorph.errors import AnnotationError


def read_text(path: Path) -> str:
    """The file's text; AnnotationError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: not a text file (UTF-8 expected)") from error


def read_json(path: Path) -> Any:
    """The parsed file; AnnotationError where it is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not valid JSON: {error}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, document: Any, *, indent: int | None = 2) -> None:
    """Write valid JSON: ValueError where a number is not finite."""
    write_text(
        path, json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    )


def number(value: float) -> int | float:
    """A number as short as JSON allows without loss."""
    return int(value) if float(value).is_integer() else float(value)


def points(ring: Any, shift: float = 0.0) -> list[list[int | float]]:
    """Points (n, 2) as lists of plain numbers, moved by ``shift``."""
    return [[number(x + shift), number(y + shift)] for x, y in ring.tolist()]
