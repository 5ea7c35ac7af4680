"""What the scripts that fit the small networks of spinemorph.measure share: how one learns by the clock, and
how it is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spinemorph.learn.export import halved

#: Steps until the highest rate of learning.
WARM = 200
#: Weights are averaged every so many steps, and how much of the average is kept then.
AVERAGED, KEPT = 8, 0.985
SAVE_S = 150.0


def batches(
    numbers: NDArray[np.int64], size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """These numbers mixed anew again and again, so many at a time."""
    while True:
        mixed = rng.permutation(numbers)
        yield from mixed[: len(mixed) // size * size].reshape(-1, size)


def learn(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[float], Tensor],
    kept: Path,
    minutes: float,
    facts: Mapping[str, object],
    steepest: float = math.inf,
) -> None:
    """Learning for so many minutes, those of a run that is taken up included; ``network`` gets its averaged
    weights. ``loss``: of the next step, when this part of the time is over. The state is ``kept`` in that
    file every few minutes, with ``facts``, which a run that goes on must share. Gradients are cut to
    ``steepest``.
    """
    highest = [float(group["lr"]) for group in optimizer.param_groups]
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    step, spent = 0, 0.0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        if state["facts"] != dict(facts):
            raise SystemExit(
                f"{kept}: was begun with {state['facts']}; go on with the same options"
            )
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, spent = state["average"], state["step"], state["spent"]

    def keep() -> None:
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"average": average, "step": step, "spent": spent, "facts": dict(facts)}
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, kept.with_suffix(".part"))
        kept.with_suffix(".part").replace(kept)

    started, saved, total = perf_counter() - spent, perf_counter(), 0.0
    while (spent := perf_counter() - started) < 60 * minutes:
        over = spent / (60 * minutes)
        rate = min((step + 1) / WARM, 1.0) * 0.5 * (1 + math.cos(math.pi * over))
        for group, most in zip(optimizer.param_groups, highest, strict=True):
            group["lr"] = most * rate
        own = loss(over)
        optimizer.zero_grad(set_to_none=True)
        own.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), steepest)
        optimizer.step()
        step, total = step + 1, total + float(own.detach())
        if step % AVERAGED == 0:
            _average(average, network, min(KEPT, step / (10 + step)))
        if step % 500 == 0:
            print(f"{step} steps, loss {total / 500:.3f}, {spent:.0f} s", flush=True)
            total = 0.0
        if perf_counter() - saved > SAVE_S:
            keep()
            saved = perf_counter()
    keep()
    network.load_state_dict(average)
    network.eval()


def _average(average: Mapping[str, Tensor], network: nn.Module, share: float) -> None:
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].mul_(share).add_(value, alpha=1 - share)
        else:
            average[name].copy_(value)


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
