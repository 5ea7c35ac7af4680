"""The weights file of the embedded model: a zip of two ONNX networks and their facts."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import UsageError, WeightsError
from spinemorph.segmenters.compact import layout

#: Name of the file inside this package.
SHIPPED = "compact.zip"
FACTS, FINDER, REFINER = "compact.json", "finder.onnx", "refiner.onnx"
Outputs = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Networks:
    """Both networks ready to run; ``sha256`` of the weights file, ``facts`` as trained."""

    finder: Any
    refiner: Any
    facts: Mapping[str, Any]
    sha256: str
    device: str

    def find(self, windows: NDArray[np.float32]) -> Outputs:
        """Raw outputs by name for windows (n, 2, 416, 320)."""
        return _run(self.finder, windows, layout.FINDER_OUTPUTS)

    def refine(self, crops: NDArray[np.float32]) -> Outputs:
        """Raw outputs by name for crops (n, 2, 112, 112)."""
        return _run(self.refiner, crops, layout.REFINER_OUTPUTS)


def _run(session: Any, images: NDArray[np.float32], names: tuple[str, ...]) -> Outputs:
    values = session.run(list(names), {"image": np.ascontiguousarray(images, np.float32)})
    return dict(zip(names, values, strict=True))


def load(path: Path | None, device: str = "auto") -> Networks:
    """The networks in ``path`` (None: those shipped), on ``device`` auto, cpu or cuda.

    WeightsError where the file is not one of ours; UsageError where CUDA is asked for in vain.
    """
    content, name = _content(path)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            facts = dict(json.loads(archive.read(FACTS)))
            finder, refiner = archive.read(FINDER), archive.read(REFINER)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
        raise WeightsError(
            f"{name}: not weights of the model 'compact' (a zip of {FINDER}, {REFINER} and {FACTS})"
        ) from fault
    if facts.get("format") != layout.FORMAT:
        raise WeightsError(
            f"{name}: weights of format {facts.get('format')}, this version reads {layout.FORMAT}"
        )
    providers, used = _providers(device)
    try:
        return Networks(
            _session(finder, providers),
            _session(refiner, providers),
            facts,
            hashlib.sha256(content).hexdigest(),
            used,
        )
    except Exception as fault:
        raise WeightsError(f"{name}: the networks inside cannot be run: {fault}") from fault


def _content(path: Path | None) -> tuple[bytes, str]:
    if path is None:
        shipped = resources.files("spinemorph.segmenters.compact") / SHIPPED
        if not shipped.is_file():
            raise WeightsError(f"the package lacks its weights file {SHIPPED}: install it again")
        return shipped.read_bytes(), SHIPPED
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise WeightsError(f"{path}: cannot be read: {fault.strerror}") from fault
    if content[:1] == b"\x80" or b"data.pkl" in content[:4096]:
        raise WeightsError(f"{path}: pickled weights are refused, they can run any code")
    return content, str(path)


def _providers(device: str) -> tuple[list[str], str]:
    import onnxruntime

    if device == "cpu":
        return ["CPUExecutionProvider"], "cpu"
    offered = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" in offered:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"], "cuda"
    if device == "cuda":
        raise UsageError("--device cuda: the installed onnxruntime offers no CUDA; use auto or cpu")
    return ["CPUExecutionProvider"], "cpu"


def _session(model: bytes, providers: list[str]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if hasattr(os, "sched_getaffinity"):
        # more threads than the process may use cores would wait for one another in turns
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(model, options, providers=providers)
