"""The small networks that measures use: ONNX files of this package, each loaded once, with its facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray


@dataclass(frozen=True, eq=False)
class SmallNetwork:
    """A network for one processor core, and what was stored with it."""

    session: Any
    facts: Mapping[str, Any]

    def run(self, given: Mapping[str, NDArray[Any]]) -> list[FloatArray]:
        """All its outputs of arrays by the name of the input."""
        inputs = {name: np.asarray(value, np.float32) for name, value in given.items()}
        return [output.astype(np.float64) for output in self.session.run(None, inputs)]


@lru_cache
def loaded(file: str) -> SmallNetwork:
    """The network in ``file`` of this package."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # far too small to be shared out
    content = (resources.files("spinemorph.measure") / file).read_bytes()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map.get("facts", "{}")
    return SmallNetwork(session, json.loads(facts))
