"""study.json files of earlier analyses into a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from spinemorph.data.files import read_json
from spinemorph.errors import AnnotationError, ReadError, StoreError
from spinemorph.report.json_writer import SCHEMA
from spinemorph.store.store import Store

FILE = "study.json"


def add_files(store: Store, paths: Iterable[Path]) -> tuple[int, int, list[str]]:
    """Add every study.json; (new ones, known ones, one line for each that could not be added)."""
    new = known = 0
    faults: list[str] = []
    for path in paths:
        files = _files(path)
        if files is None:
            faults.append(f"{path}: no {FILE} in it")
            continue
        for file in files:
            try:
                added = store.add(_read(file))
            except (AnnotationError, ReadError) as fault:
                faults.append(_about(file, str(fault)))
                continue
            except StoreError as fault:
                raise StoreError(f"{fault} ({new} studies were added before)") from fault
            new, known = new + added.new, known + (not added.new)
    return new, known, faults


def _files(path: Path) -> Iterator[Path] | None:
    if not path.is_dir():
        return iter([path])
    first = next(path.rglob(FILE), None)
    return None if first is None else iter(sorted(path.rglob(FILE)))


def _read(file: Path) -> dict[str, object]:
    document = read_json(file)
    if not isinstance(document, dict):
        raise ReadError(f"not a study of schema {SCHEMA!r}")
    return document


def _about(file: Path, message: str) -> str:
    return message if message.startswith(str(file)) else f"{file}: {message}"
