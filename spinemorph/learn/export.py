"""Write trained networks as the weights file of the segmenter ``compact``.

``python -m spinemorph.learn.export --finder RUN --refiner RUN -o spinemorph/segmenters/compact/compact.zip``

A weights file in place of a run folder gives the network that it holds.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file
from torch import nn

from spinemorph.learn.networks import Finder, Refiner
from spinemorph.segmenters.compact import layout
from spinemorph.segmenters.compact.weights import FACTS, FINDER, REFINER


def network_bytes(network: nn.Module, side: tuple[int, int], outputs: tuple[str, ...]) -> bytes:
    """ONNX of a network in evaluation mode, any batch size, weights kept in half precision."""
    stream = BytesIO()
    torch.onnx.export(
        network.eval(),
        (torch.zeros(2, layout.CHANNELS, *side),),
        stream,
        input_names=["image"],
        output_names=list(outputs),
        dynamic_axes={name: {0: "n"} for name in ("image", *outputs)},
        opset_version=17,
        dynamo=False,
    )
    return bytes(halved(onnx.load_from_string(stream.getvalue())).SerializeToString())


def halved(model: Any) -> Any:
    """Store large weights as float16 and cast them back when the session is built."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < 64:
            continue
        values = numpy_helper.to_array(weight).astype(np.float16)
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values, name + "_half"))
        casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def write(finder: Path, refiner: Path, target: Path, facts: dict[str, Any]) -> None:
    """Both networks from their run folders or weights files, and ``facts`` on how they came to be."""
    parts = {}
    for name, source, kind, side, outputs in (
        (
            FINDER,
            finder,
            Finder,
            (layout.FINDER_ROWS, layout.FINDER_COLUMNS),
            layout.FINDER_OUTPUTS,
        ),
        (REFINER, refiner, Refiner, (layout.CROP, layout.CROP), layout.REFINER_OUTPUTS),
    ):
        if source.is_file():
            with zipfile.ZipFile(source) as archive:
                parts[name] = archive.read(name)
                facts[name] = json.loads(archive.read(FACTS))[name]
            continue
        network = kind()
        network.load_state_dict(load_file(source / "weights.safetensors"))
        parts[name] = network_bytes(network, side, outputs)
        state = json.loads((source / "state.json").read_text())
        facts[name] = {
            "steps": state["steps"],
            "batch": state["batch"],
            "seconds": round(state["elapsed"]),
        }
    facts["format"] = layout.FORMAT
    write_archive(target, parts, facts)


def write_archive(target: Path, parts: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """The weights file: networks by name and the facts; equal contents give an equal file."""
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {FACTS: json.dumps(facts, indent=1).encode(), **parts}.items():
            # a fixed date: the same weights give the same file
            archive.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED
            )
    part.replace(target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--finder", type=Path, required=True, help="run folder or weights file")
    parser.add_argument("--refiner", type=Path, required=True, help="run folder or weights file")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--corner-variance", type=float, default=1.0)
    parser.add_argument("--settings-sha256", default="")
    options = parser.parse_args(arguments)
    facts = {
        "corner_variance": options.corner_variance,
        "settings_sha256": options.settings_sha256,
        "data": "simulated films only",
    }
    write(options.finder, options.refiner, options.output, facts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
