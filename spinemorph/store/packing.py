"""A study.json as two small blobs, and back without loss: the document and its contours.

Contours are most of a study and nearly all of their coordinates are hundredths of a pixel: such
a contour is kept as differences of integers, any other as it stands.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

import numpy as np

from spinemorph.errors import StoreError

_PARTS: Final = ("vertebrae", "implants", "regions")
_HUNDREDTHS, _AS_IT_STANDS = b"h", b"j"
_LARGEST: Final = 2**30
#: Of zlib: a tenth larger than at its usual 6, in a third of the time.
_EFFORT: Final = 2


def pack(document: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """``document`` as (document without contours, contours); ValueError for NaN and Infinity."""
    bare = {key: _without_contours(key, value) for key, value in document.items()}
    contours = b"".join(_packed(item["contour"]) for item in _outlined(document))
    return zlib.compress(_dump(bare), _EFFORT), zlib.compress(contours, _EFFORT)


def unpack(document: bytes, contours: bytes) -> dict[str, Any]:
    """The study.json that was packed; StoreError where the blobs are damaged."""
    try:
        result: dict[str, Any] = json.loads(zlib.decompress(document))
        outlines = _unpacked(zlib.decompress(contours))
        for item in _outlined(result):
            if item["contour"] is None:
                item["contour"] = next(outlines)
    except (
        zlib.error, struct.error, ValueError, KeyError, TypeError, StopIteration,
    ) as fault:  # fmt: skip
        raise StoreError("the stored study is damaged") from fault
    return result


def _outlined(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records of a study that have an outline, in order."""
    for part in _PARTS:
        records = document.get(part)
        if isinstance(records, list):
            yield from (each for each in records if isinstance(each, dict) and "contour" in each)


def _without_contours(key: str, value: Any) -> Any:
    """The key stays, so that the order of the names is kept."""
    if key not in _PARTS or not isinstance(value, list):
        return value
    return [
        {**each, "contour": None} if isinstance(each, dict) and "contour" in each else each
        for each in value
    ]


def _packed(contour: Any) -> bytes:
    whole = _hundredths(contour)
    if whole is None:
        body = _dump(contour)
        return _AS_IT_STANDS + struct.pack("<I", len(body)) + body
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    return _HUNDREDTHS + struct.pack("<I", len(whole)) + steps.T.astype("<i4").tobytes()


def _hundredths(contour: Any) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Coordinates times 100 (n, 2), where that and nothing else gives the same JSON again."""
    if not isinstance(contour, list) or not contour or set(map(type, contour)) != {list}:
        return None
    if set(map(len, contour)) != {2} or set(map(type, chain(*contour))) != {float}:
        return None
    given = np.array(contour)
    if not (np.abs(given) < _LARGEST / 100).all() or (np.signbit(given) & (given == 0)).any():
        return None
    whole = np.rint(given * 100).astype(np.int64)
    return whole if np.array_equal(whole / 100, given) else None


def _unpacked(data: bytes) -> Iterator[Any]:
    place = 0
    while place < len(data):
        kind = data[place : place + 1]
        (size,) = struct.unpack_from("<I", data, place + 1)
        place += 5
        length = 8 * size if kind == _HUNDREDTHS else size
        body = data[place : place + length]
        place += length
        if kind == _HUNDREDTHS:
            steps = np.frombuffer(body, "<i4").reshape(2, size).T
            yield (np.cumsum(steps, axis=0, dtype=np.int64) / 100).tolist()
        else:
            yield json.loads(body)


def _dump(value: Any) -> bytes:
    """ASCII, so that any text survives, also what is no valid Unicode."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
