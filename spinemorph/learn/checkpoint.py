"""The state of a training after an epoch: written whole beside the last one, which goes then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

_NAME = "checkpoint-"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """``optimiser``: its state and that of the gradient scaler; ``log``: one value an epoch."""

    network: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]
    log: Sequence[Any]


def write_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write it; a crash on the way leaves the one before."""
    target = folder / f"{_NAME}{len(checkpoint.log):04d}"
    part = folder / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in ("network", "average"):
        tensors = {k: v.detach().cpu().contiguous() for k, v in getattr(checkpoint, name).items()}
        save_file(tensors, part / f"{name}.safetensors")
    torch.save(checkpoint.optimiser, part / "optimiser.pt")
    log = [asdict(epoch) for epoch in checkpoint.log]
    (part / "log.json").write_text(json.dumps(log), "utf-8")
    before = _found(folder)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    for old in before:
        if old != target:
            shutil.rmtree(old)


def read_checkpoint(folder: Path, epoch: Callable[..., Any]) -> Checkpoint | None:
    """The newest checkpoint in ``folder``, or None; ``epoch`` makes an entry of the log."""
    found = _found(folder)
    if not found:
        return None
    newest = found[-1]
    return Checkpoint(
        load_file(newest / "network.safetensors"),
        load_file(newest / "average.safetensors"),
        torch.load(newest / "optimiser.pt", weights_only=True),
        tuple(epoch(**each) for each in json.loads((newest / "log.json").read_text("utf-8"))),
    )


def drop_checkpoints(folder: Path) -> None:
    """Remove what only an unfinished run needs."""
    for found in _found(folder):
        shutil.rmtree(found)


def _found(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_NAME}[0-9]*"))
