"""Studies out of a store: a folder that appears whole or not at all."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spinemorph.errors import StoreError, UsageError
from spinemorph.report.csv_writer import COLUMNS, measurement_rows
from spinemorph.report.json_writer import document_text, study_from_dict
from spinemorph.store.records import Entry
from spinemorph.store.store import Store

#: What measurements.csv says of a study before what it says of a measure.
STUDY_COLUMNS: Final = ("study_id", "patient", "taken", "spinemorph", "segmenter")


def export_studies(store: Store, ids: Sequence[str], folder: Path) -> int:
    """Write ``<id>/study.json``, ``<id>/thumbnail.jpg`` and measurements.csv; how many studies.

    UsageError where the folder is there and not empty.
    """
    entries = {entry.id: entry for entry in store.entries()} if ids else {}
    with (
        _whole(folder) as part,
        (part / "measurements.csv").open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*STUDY_COLUMNS, *COLUMNS))
        count = 0
        for study, document in store.documents(ids):
            place = part / study
            place.mkdir()
            (place / "study.json").write_text(document_text(document), "utf-8", newline="\n")
            picture = store.thumbnail(study)
            if picture is not None:
                (place / "thumbnail.jpg").write_bytes(picture)
            about = _about(entries[study])
            writer.writerows((*about, *row) for row in measurement_rows(study_from_dict(document)))
            count += 1
    return count


def _about(entry: Entry) -> tuple[str, ...]:
    values = (entry.id, entry.patient, entry.taken, entry.spinemorph, entry.segmenter)
    return tuple(value or "" for value in values)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` that takes its place at the end, or is gone."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder}: is there and not empty; name a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(
            tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", suffix=".part", dir=folder.parent)
        )
    except OSError as fault:
        raise StoreError(f"{folder}: cannot be written: {fault.strerror}") from fault
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        part.replace(folder)
    except OSError as fault:
        raise StoreError(f"{folder}: cannot be written: {fault.strerror}") from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
