"""Files that are no weights, among them such that run code when they are unpickled."""

from __future__ import annotations

import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from spinemorph.errors import WeightsError
from spinemorph.hookspecs import Segmenter

#: What torch.save writes before a pickle in its old form.
_TORCH_MAGIC: Final = (0x1950A86A20F9469CFC6C, 1001)


def assert_bad_weights_refused(
    create: Callable[..., Segmenter], weights: Path | None, foreign: Sequence[Path]
) -> None:
    """Each gives a WeightsError of one line that names the file, and nothing is unpickled."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ran = folder / "ran"
        bad = list(_bad_files(folder, weights, ran))
        for what, file in [*bad, *(("weights of another family", each) for each in foreign)]:
            _assert_refused(create, what, file)
            if ran.exists():
                raise AssertionError(f"{what}: it was unpickled, which runs whatever is in it")


def assert_one_line(what: str, error: Exception, file: Path | None = None) -> None:
    """A known fault is one line, and says which file it is about."""
    if "\n" in str(error).strip() or not str(error).strip():
        raise AssertionError(f"{what}: expected one line, got {str(error)!r}") from error
    if file is not None and file.name not in str(error):
        raise AssertionError(f"{what}: the file is not named: {error}") from error


def _assert_refused(create: Callable[..., Segmenter], what: str, file: Path) -> None:
    try:
        create(weights=file, device="cpu")
    except WeightsError as error:
        assert_one_line(what, error, file)
    except Exception as error:
        raise AssertionError(
            f"{what}: expected WeightsError, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError(f"{what}: expected WeightsError, got a model")


class _Trap:
    """Makes the folder ``mark`` where somebody unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def _bad_files(folder: Path, weights: Path | None, ran: Path) -> Iterator[tuple[str, Path]]:
    ending = ".safetensors" if weights is None else weights.suffix
    trap = {"network": _Trap(ran)}
    contents = {
        "empty": b"",
        "text": b"no weights\n" * 10,
        "pickle": pickle.dumps(trap),
        "pickle-of-torch": b"".join(pickle.dumps(each) for each in (*_TORCH_MAGIC, {}, trap)),
        "zip-of-torch": _zipped(pickle.dumps(trap)),
        "other-tensors": _tensors(b"\0" * 16),
        "cut-tensors": _tensors(b"\0" * 16)[:-9],
        "endless-header": (2**60).to_bytes(8, "little") + b"{}",
    }
    if weights is not None:
        whole = weights.read_bytes()
        contents |= {"half": whole[: len(whole) // 2], "without-its-end": whole[:-1]}
    for name, content in contents.items():
        file = folder / f"{name}{ending}"
        file.write_bytes(content)
        yield f"weights file {file.name!r}", file
    yield "a weights file that is missing", folder / f"missing{ending}"
    yield "a folder for weights", folder


def _zipped(data: bytes) -> bytes:
    """The archive that torch.save writes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def _tensors(data: bytes) -> bytes:
    """A safetensors file of one tensor that no model asks for."""
    facts = {"nobody.asks": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    header = json.dumps(facts).encode()
    return len(header).to_bytes(8, "little") + header + data
