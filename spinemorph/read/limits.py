"""How large and how small a film may be; checked before any pixel is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from spinemorph.errors import NotAFilm, ReadError

MIN_SIDE: Final = 64
MAX_PIXELS: Final = 100_000_000
#: A film of MAX_PIXELS in 16-bit colour is 600 MB; nothing larger is read into memory.
MAX_BYTES: Final = 1 << 30


def check_size(path: Path, rows: int, columns: int) -> None:
    """NotAFilm unless both sides have MIN_SIDE pixels and the film at most MAX_PIXELS."""
    if min(rows, columns) < MIN_SIDE:
        raise NotAFilm(
            f"{path.name}: {rows} x {columns} pixels is too small to be a film; "
            f"the limit is {MIN_SIDE} pixels a side"
        )
    if rows * columns > MAX_PIXELS:
        raise NotAFilm(
            f"{path.name}: {rows} x {columns} pixels is too large; "
            f"the limit is {MAX_PIXELS // 1_000_000} megapixels"
        )


def read_bytes(path: Path) -> bytes:
    """The whole file; ReadError where it is missing, a folder, unreadable, empty or too large."""
    try:
        if path.is_dir():
            raise ReadError(f"{path.name}: is a folder; name a file")
        if path.exists() and not path.is_file():
            raise ReadError(f"{path.name}: is not a regular file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NotAFilm(
                f"{path.name}: {size / 2**30:.1f} GiB is too large; "
                f"the limit is {MAX_BYTES >> 30} GiB"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReadError(f"{path.name}: no such file") from None
    except PermissionError:
        raise ReadError(f"{path.name}: no permission to read it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise ReadError(f"{path.name}: cannot be read ({reason})") from None
    if not data:
        raise NotAFilm(f"{path.name}: the file is empty (zero bytes)")
    return data
