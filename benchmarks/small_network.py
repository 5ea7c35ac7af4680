"""What the scripts that fit the small networks of spinemorph.measure share: how one is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from spinemorph.learn.export import halved


def write(
    network: nn.Module,
    given: Mapping[str, Tensor],
    told: Sequence[str],
    facts: Mapping[str, object],
    out: Path,
) -> None:
    """ONNX of a network for any number of rows of ``given`` (an example of each input by its name), with its
    outputs named ``told``, weights in half precision, and ``facts``. The file appears whole or not at all.
    """
    stream = BytesIO()
    torch.onnx.export(
        network.eval(),
        tuple(given.values()),
        stream,
        input_names=list(given),
        output_names=list(told),
        dynamic_axes={name: {0: "n"} for name in (*given, *told)},
        opset_version=17,
        dynamo=False,
    )
    model = halved(onnx.load_from_string(stream.getvalue()))
    entry = model.metadata_props.add()
    entry.key, entry.value = "facts", json.dumps(facts)
    part = out.with_suffix(".part")
    part.write_bytes(model.SerializeToString())
    part.replace(out)
