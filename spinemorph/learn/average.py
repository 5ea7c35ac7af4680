"""Mean of the weights of two files of the embedded model, one of which was trained on from the other.

``python -m spinemorph.learn.average OLD NEW -o FILE [--share 0.5]``

Weights along the way between two stages of one training often do better on films unlike the simulated
ones than either end (Wortsman et al., Model soups, ICML 2022).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from spinemorph.learn.export import write_archive
from spinemorph.learn.start import with_middles
from spinemorph.segmenters.compact.weights import FACTS, FINDER, REFINER


def averaged(old: bytes, new: bytes, share: float) -> bytes:
    """The ONNX network ``new`` with every weight moved towards that of ``old`` by ``share``.

    ValueError where the two have other layers. A refiner ``old`` without middles leaves those of ``new``.
    """
    target = onnx.load_from_string(new)
    before, after = _layers(onnx.load_from_string(old)), _layers(target)
    if len(before) != len(after):
        raise ValueError(f"{len(before)} layers against {len(after)}: not one network")
    for one, other in zip(before, after, strict=True):
        first = [numpy_helper.to_array(part).astype(np.float32) for part in one]
        second = [numpy_helper.to_array(part).astype(np.float32) for part in other]
        if len(first) == 2 and first[0].shape != second[0].shape:
            grown = with_middles(first[0], first[1], (second[0], second[1]))
            first = [part for part in grown if part is not None]
        for a, b, part in zip(first, second, other, strict=True):
            if a.shape != b.shape:
                raise ValueError(f"a layer of {a.shape} against {b.shape}: not one network")
            kind = numpy_helper.to_array(part).dtype
            mean = (share * a + (1 - share) * b).astype(kind)
            part.CopyFrom(numpy_helper.from_array(mean, part.name))
    return bytes(target.SerializeToString())


def _layers(model: Any) -> list[list[Any]]:
    """Weight and bias of every convolution and linear layer, in the order of computation."""
    values = {value.name.removesuffix("_half"): value for value in model.graph.initializer}
    return [
        [values[name] for name in node.input[1:]]
        for node in model.graph.node
        if node.op_type in {"Conv", "Gemm"}
    ]


def average(old: Path, new: Path, out: Path, share: float) -> None:
    """Write the mean of two weights files, with the facts of ``new`` and what was averaged."""
    contents = []
    for path in (old, new):
        with zipfile.ZipFile(path) as archive:
            contents.append({name: archive.read(name) for name in (FINDER, REFINER, FACTS)})
    parts = {
        name: averaged(contents[0][name], contents[1][name], share) for name in (FINDER, REFINER)
    }
    facts = json.loads(contents[1][FACTS])
    facts["averaged"] = {"share": share, "old": _sha256(old), "new": _sha256(new)}
    write_archive(out, parts, facts)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the old weights")
    options = parser.parse_args(arguments)
    average(options.old, options.new, options.out, options.share)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
