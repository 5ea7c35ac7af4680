"""A trained family as a segmenter: devices, memory, batches, and answers in original pixels."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spinemorph.errors import SegmentationError, UsageError, WeightsError
from spinemorph.learn.family import Family, Found
from spinemorph.learn.settings import RunSettings, settings_from
from spinemorph.learn.weights_file import load_weights
from spinemorph.learn.window import Window, fit
from spinemorph.types import Instance, Radiograph, Segmentation

#: Films that are looked at together where the memory allows it.
BATCH = 8


class FamilySegmenter:
    """``family``: the class; ``weights``: a file that ``spinemorph train`` made, which is needed."""

    def __init__(
        self, family: Callable[[RunSettings], Family], weights: Path | None, device: str = "auto"
    ) -> None:
        name = str(getattr(family, "name", family))
        if weights is None:
            raise WeightsError(
                f"segmenter {name!r} comes without weights: train it with spinemorph train, and "
                f"name the file with --weights"
            )
        loaded = load_weights(weights, name)
        options = getattr(family, "options", {})
        try:
            self.settings = settings_from(loaded.manifest["settings"], str(weights), options)
            self.family = family(self.settings)
            network = self.family.build()
            network.load_state_dict(dict(loaded.tensors))
        except (UsageError, KeyError, TypeError, ValueError, RuntimeError) as fault:
            reason = " ".join(str(fault).split())[:200]
            raise WeightsError(f"{weights}: cannot be used by {name!r}: {reason}") from fault
        self.weights_sha256 = loaded.sha256
        self.device = choose_device(device)
        self._network = network.to(self.device).eval()

    def segment(self, radiograph: Radiograph) -> Segmentation:
        """Bodies (and implants, where it was trained to) with their full masks."""
        return self.segment_many([radiograph])[0]

    def segment_many(self, radiographs: Sequence[Radiograph]) -> list[Segmentation]:
        """The same for many films, several at a time."""
        size = self.settings.rows, self.settings.columns
        windows = [fit((film.rows, film.columns), size, film.aspect) for film in radiographs]
        images = [w.image(film.pixels) for w, film in zip(windows, radiographs, strict=True)]
        found: list[list[Found]] = []
        for first in range(0, len(images), BATCH):
            found += self._find(torch.from_numpy(np.stack(images[first : first + BATCH]))[:, None])
        return [
            self._segmentation(window, each) for window, each in zip(windows, found, strict=True)
        ]

    def _find(self, images: Tensor) -> list[list[Found]]:
        """All images; where the GPU's memory is too small by halves, at last on the CPU."""
        try:
            with torch.inference_mode(), half_on_cuda(self.device):
                return self.family.find(self._network, images.to(self.device))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
        if len(images) > 1:
            middle = len(images) // 2
            return self._find(images[:middle]) + self._find(images[middle:])
        warnings.warn(
            "the GPU's memory is too small for one film: going on with the CPU, which is slower",
            RuntimeWarning,
            stacklevel=2,
        )
        self.device = "cpu"
        self._network = self._network.to("cpu")
        return self._find(images)

    def _segmentation(self, window: Window, found: Sequence[Found]) -> Segmentation:
        instances = []
        for each in found:
            probability = each.mask.detach().float().cpu().numpy()
            if not np.isfinite(each.score) or not np.isfinite(probability).all():
                raise SegmentationError(
                    f"{self.family.name}: the network's answer is not finite: are its weights whole?"
                )
            part = window.back(probability)
            if part is not None:
                category = self.settings.categories[each.label - 1]
                score = min(max(float(each.score), 0.0), 1.0)
                instances.append(Instance(category, score, *part))
        instances.sort(key=lambda instance: -instance.score)
        return Segmentation(tuple(instances))


def choose_device(device: str) -> str:
    """``auto``, ``cpu`` or ``cuda`` as the device to use; UsageError where CUDA is asked for in vain."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no usable GPU here; use auto or cpu")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextlib.contextmanager
def half_on_cuda(device: str) -> Iterator[None]:
    """Half precision where the device is a GPU."""
    if device == "cpu":
        yield
    else:
        with torch.autocast("cuda", dtype=torch.float16):
            yield


def parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def as_tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
