"""Weights as safetensors, with a manifest that says what made them. Pickles are refused unread."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from spinemorph.errors import WeightsError

FORMAT: Final = "spinemorph/weights/1"
_KEY: Final = "spinemorph"
#: First bytes of a pickle and of the zip that torch.save writes.
_PICKLES: Final = (b"\x80", b"PK\x03\x04")


@dataclass(frozen=True, eq=False)
class Weights:
    """``manifest``: what made them; ``sha256`` of the file."""

    tensors: Mapping[str, Tensor]
    manifest: Mapping[str, Any]
    sha256: str


def save_weights(path: Path, tensors: Mapping[str, Tensor], manifest: Mapping[str, Any]) -> str:
    """Write the weights, and beside them the manifest with the file's SHA-256, which is returned.

    Both appear whole or not at all; equal weights and manifest give equal bytes.
    """
    from safetensors.torch import save

    document = {"format": FORMAT, **manifest}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, metadata={_KEY: json.dumps(document, sort_keys=True)})
    sha256 = hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, content)
    beside = json.dumps({**document, "file": path.name, "sha256": sha256}, indent=1, sort_keys=True)
    _write(manifest_path(path), f"{beside}\n".encode())
    return sha256


def manifest_path(path: Path) -> Path:
    return path.with_suffix(".json")


def load_weights(path: Path, family: str) -> Weights:
    """The weights in ``path``; WeightsError, one line, where they are not weights of ``family``."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = path.read_bytes()
    except OSError as fault:
        raise WeightsError(f"{path}: cannot be read: {fault.strerror}") from fault
    document = _manifest(content)
    # the length that a safetensors file begins with may have the first byte of a pickle
    if document is None and content.startswith(_PICKLES):
        raise WeightsError(
            f"{path}: pickled weights are refused, they can run any code; give a .safetensors file"
        )
    if document is None:
        raise WeightsError(f"{path}: not a weights file that spinemorph train made (safetensors)")
    if document.get("format") != FORMAT:
        raise WeightsError(f"{path}: weights of format {document.get('format')}, not {FORMAT}")
    if document.get("family") != family:
        raise WeightsError(
            f"{path}: weights of the family {document.get('family')!r}, not of {family!r}: "
            f"name it with --segmenter"
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as fault:
        raise WeightsError(f"{path}: damaged weights file: {fault}") from fault
    return Weights(tensors, document, hashlib.sha256(content).hexdigest())


def _manifest(content: bytes) -> dict[str, Any] | None:
    """Our part of the header: eight bytes of length, then JSON; None where there is none."""
    if len(content) < 8:
        return None
    (length,) = struct.unpack("<Q", content[:8])
    try:
        header = json.loads(content[8 : 8 + length]) if length <= len(content) else None
        document = json.loads(header["__metadata__"][_KEY])  # type: ignore[index]
    except (ValueError, KeyError, TypeError):
        return None
    return document if isinstance(document, dict) else None


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
