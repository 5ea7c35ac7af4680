"""What the store gives back: frozen values, and the columns they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

#: Names of a manifest that tell how a study was made; device and library versions do not count.
METHOD: Final = (
    "spinemorph",
    "segmenter",
    "segmenter_from",
    "weights_sha256",
    "labeler",
    "postprocessors",
    "preprocessing",
)


@dataclass(frozen=True)
class Entry:
    """One stored result: a film analysed in one way. Dates are ISO 8601, times of adding UTC."""

    id: str
    patient: str | None
    taken: str | None
    file: str
    film_sha256: str
    film_uri: str | None
    spinemorph: str | None
    segmenter: str | None
    weights_sha256: str | None
    added_at: str
    levels: str | None
    lordosis: float | None
    lordosis95: tuple[float, float] | None
    flags: tuple[str, ...]

    @property
    def film(self) -> Path | None:
        """Where the film was when it was analysed."""
        return None if self.film_uri is None else path_of(self.film_uri)

    @property
    def method(self) -> tuple[str | None, str | None, str | None]:
        """What made the result: version, segmenter, weights."""
        return self.spinemorph, self.segmenter, self.weights_sha256

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class Added:
    """``new`` is False where the same film was already stored, analysed in the same way."""

    id: str
    new: bool


@dataclass(frozen=True)
class Removed:
    """``wiped`` is False where another process kept the database from giving the space back."""

    studies: int
    films: int
    wiped: bool


def study_id(document: Mapping[str, Any]) -> str:
    """16 hex digits that are the same for one film, one method, one scale and side, and the
    same femoral heads where these were given.
    """
    manifest, image = document["manifest"], document["image"]
    basis = [
        document["source"]["sha256"],
        {name: manifest.get(name) for name in METHOD},
        image["facing"],
        image["pixel_spacing_mm"],
        image["spacing_basis"],
    ]
    if "femoral_heads_given" in document["flags"]:
        basis.append(document.get("femoral_heads"))
    text = json.dumps(basis, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a list shows of a study."""
    names = [body["level"] for body in document["vertebrae"] if body["level"]]
    found = next(
        (
            item
            for item in document["measurements"]
            if item["name"] == "lumbar_lordosis" and item["value"] is not None
        ),
        None,
    )
    low, high = (found and found["interval95"]) or (None, None)
    return {
        "levels": f"{names[0]}-{names[-1]}" if len(names) > 1 else "".join(names) or None,
        "lordosis": found and found["value"],
        "lordosis_low": low,
        "lordosis_high": high,
        "flags": " ".join(document["flags"]),
    }


def entry_of(row: Any) -> Entry:
    """A row of studies joined with its film."""
    low, high = row.lordosis_low, row.lordosis_high
    return Entry(
        id=row.id,
        patient=row.patient,
        taken=row.taken,
        file=row.file,
        film_sha256=row.film,
        film_uri=row.uri,
        spinemorph=row.spinemorph,
        segmenter=row.segmenter,
        weights_sha256=row.weights_sha256,
        added_at=row.added_at,
        levels=row.levels,
        lordosis=row.lordosis,
        lordosis95=None if low is None or high is None else (low, high),
        flags=tuple((row.flags or "").split()),
    )


def column_text(text: str) -> str:
    """``text`` as every database takes it: what is no Unicode, and NUL, becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def uri_of(path: Path) -> str:
    """A path as a file URI: plain ASCII whatever its bytes are."""
    return path.absolute().as_uri()


def path_of(uri: str) -> Path:
    """The path behind a file URI."""
    import os
    from urllib.request import url2pathname

    quoted = urlsplit(uri).path
    if os.name == "nt":
        return Path(url2pathname(quoted))
    return Path(os.fsdecode(unquote_to_bytes(quoted)))
