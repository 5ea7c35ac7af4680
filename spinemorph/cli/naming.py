"""Names of result folders: safe on every file system, never outside the output folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}
#: Files that a batch writes beside the folders.
_OURS = {"cohort.csv", "cohort.pdf"}
LONGEST = 80


def safe_stem(path: Path) -> str:
    """The file's stem with only letters, digits, dot, dash and underscore."""
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:LONGEST]
    if not name or name.lower() in _OURS or name.lower().split(".")[0] in _RESERVED:
        name = f"film_{name}".rstrip("_")
    return name


def study_names(paths: Iterable[Path]) -> dict[Path, str]:
    """A folder name for every path; a short hash of the path is added where two would be one."""
    paths = list(paths)
    stems = {path: safe_stem(path) for path in paths}
    counts: dict[str, int] = {}
    for stem in stems.values():
        counts[stem.lower()] = counts.get(stem.lower(), 0) + 1
    return {
        path: stem
        if counts[stem.lower()] == 1
        else f"{stem}-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
        for path, stem in stems.items()
    }
