"""Studies of earlier analyses, from files into a store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from spinemorph.data.files import read_json
from spinemorph.errors import AnnotationError, ReadError, StoreError
from spinemorph.report.json_writer import SCHEMA
from spinemorph.store.store import Store

FILE = "study.json"


def add_files(store: Store, paths: Iterable[Path]) -> tuple[int, int, list[str]]:
    """Add every study; (new ones, known ones, one line for each that could not be added).

    Of a folder all study.json files are taken, and other JSON files where they are studies.
    """
    new = known = 0
    faults: list[str] = []
    for path in paths:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        seen = 0
        for file in files:
            try:
                document = _read(file)
                if document is None:
                    if path.is_dir() and file.name != FILE:
                        continue
                    raise ReadError(f"not a study of schema {SCHEMA!r}")
                seen += 1
                added = store.add(document)
            except (AnnotationError, ReadError) as fault:
                seen += 1
                faults.append(_about(file, str(fault)))
                continue
            except StoreError as fault:
                raise StoreError(f"{fault} ({new} studies were added before)") from fault
            new, known = new + added.new, known + (not added.new)
        if not seen:
            faults.append(f"{path}: no study in it")
    return new, known, faults


def _read(file: Path) -> dict[str, object] | None:
    """The parsed file; None where it is JSON, but no study."""
    document = read_json(file)
    is_study = isinstance(document, dict) and document.get("schema") == SCHEMA
    return document if is_study else None


def _about(file: Path, message: str) -> str:
    return message if message.startswith(str(file)) else f"{file}: {message}"
