"""Take the weights of the embedded model up again where its file left them.

The file holds the networks as they are run: batch norms folded into the convolutions before them. To be
trained further each norm is unfolded by what goes through it on real samples, so that the network
computes the same in training mode as it did before.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from spinemorph.segmenters.compact import layout
from spinemorph.segmenters.compact.weights import FINDER, REFINER

FloatArrays = tuple[np.ndarray, np.ndarray | None]


def start_from(network: nn.Module, weights: Path, images: Iterable[Tensor]) -> None:
    """Give ``network`` (a Finder or Refiner) the weights in the file ``weights``.

    ``images``: a few batches (n, 2, rows, columns) of training samples. ValueError where the
    file holds other layers.
    """
    name = FINDER if type(network).__name__ == "Finder" else REFINER
    with zipfile.ZipFile(weights) as archive:
        layers = _layers(archive.read(name))
    batches = list(images)
    layers = [with_middles(*layer) for layer in layers]
    ordered = _in_order(network, batches[0][:1])
    if len(ordered) != len(layers):
        raise ValueError(f"{weights}: {len(layers)} layers, expected {len(ordered)}")
    norms = _fill(ordered, layers, weights)
    _unfold(network, norms, batches)


def _layers(content: bytes) -> list[FloatArrays]:
    """Weight and bias of every convolution and linear layer, in the order of computation."""
    model = onnx.load_from_string(content)
    values = {
        weight.name.removesuffix("_half"): numpy_helper.to_array(weight).astype(np.float32)
        for weight in model.graph.initializer
    }
    found: list[FloatArrays] = []
    for node in model.graph.node:
        if node.op_type in {"Conv", "Gemm"}:
            bias = values[node.input[2]] if len(node.input) > 2 else None
            found.append((values[node.input[1]], bias))
    return found


def with_middles(
    weight: np.ndarray, bias: np.ndarray | None, like: FloatArrays | None = None
) -> FloatArrays:
    """The last layer of a refiner that knew no middles of endplates, with maps for them: those of the layer
    ``like``, or maps that say nothing. Any other layer comes back as it is.
    """
    old = layout.POINTS - 3 + 2
    if weight.shape[0] != old or weight.shape[2:] != (1, 1) or bias is None or len(bias) != old:
        return weight, bias
    known, every = layout.POINTS - 3, layout.POINTS
    more, shift = np.zeros((3, *weight.shape[1:]), np.float32), np.zeros(3, np.float32)
    if like is not None and like[1] is not None:
        more, shift = like[0][known:every], like[1][known:every]
    grown = np.concatenate([weight[:known], more, weight[known:]])
    return grown, np.concatenate([bias[:known], shift, bias[known:]])


def _in_order(network: nn.Module, image: Tensor) -> list[tuple[nn.Module, nn.Module | None]]:
    """Layers in the order of computation, each with the batch norm that follows it directly."""
    seen: list[tuple[nn.Module, nn.Module | None]] = []

    def note(module: nn.Module, _inputs: object, _output: object) -> None:
        if isinstance(module, nn.BatchNorm2d):
            seen[-1] = (seen[-1][0], module)
        else:
            seen.append((module, None))

    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    return seen


def _fill(
    ordered: list[tuple[nn.Module, nn.Module | None]], layers: list[FloatArrays], path: Path
) -> list[nn.BatchNorm2d]:
    """Copy the folded weights in; every norm then only adds the bias. The norms are returned."""
    norms = []
    with torch.no_grad():
        for (layer, norm), (weight, bias) in zip(ordered, layers, strict=True):
            if tuple(layer.weight.shape) != weight.shape:
                raise ValueError(
                    f"{path}: a layer of {weight.shape}, expected {layer.weight.shape}"
                )
            layer.weight.copy_(torch.from_numpy(weight))
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.zero_()
                norm.running_var.fill_(1 - norm.eps)
                norm.weight.fill_(1)
                norm.bias.copy_(torch.from_numpy(bias))
                norms.append(norm)
            elif bias is not None:
                layer.bias.copy_(torch.from_numpy(bias))
    return norms


def _unfold(network: nn.Module, norms: list[nn.BatchNorm2d], batches: list[Tensor]) -> None:
    """Give every norm the mean and variance of what goes into it, and undo both by its own factors."""
    sums = {id(norm): [torch.zeros(2, norm.num_features, dtype=torch.float64), 0] for norm in norms}

    def gather(module: nn.Module, inputs: tuple[Tensor, ...], _output: object) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        total = sums[id(module)]
        total[0] += torch.stack([values.sum(1), (values**2).sum(1)])
        total[1] += values.shape[1]

    hooks = [norm.register_forward_hook(gather) for norm in norms]
    with torch.no_grad():
        for batch in batches:
            network.eval()(batch)
        for hook in hooks:
            hook.remove()
        for norm in norms:
            total, count = sums[id(norm)]
            mean = total[0] / count
            variance = (total[1] / count - mean**2).clamp(min=1e-6)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_(torch.sqrt(variance + norm.eps))
            norm.bias.add_(mean.float())
