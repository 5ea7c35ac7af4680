"""What a model family brings to the training, weights and inference that all families share.

A plugin subclasses :class:`Family` and hands it to :func:`spinemorph.learn.plugin.family_plugin`. Everything
else - data sets, folds, augmentation, checkpoints, curves, weights files, devices, original pixels - is ours.
Network pixels are those of the window that every film is fitted into, ``rows x columns``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from spinemorph.learn.settings import RunSettings


@dataclass(frozen=True, eq=False)
class Target:
    """What a film holds, in network pixels.

    ``masks``: bool (n, rows, columns), they may overlap; ``labels``: int64 (n,), 1 for the first of the
    settings' categories (0 is the background); ``boxes``: float32 (n, 4) x0, y0, x1, y1, edges of pixels
    (a mask of one pixel at the origin has 0, 0, 1, 1). n may be 0.
    """

    masks: Tensor
    labels: Tensor
    boxes: Tensor

    def to(self, device: Any, *, non_blocking: bool = False) -> Target:
        parts = (self.masks, self.labels, self.boxes)
        return Target(*(part.to(device, non_blocking=non_blocking) for part in parts))

    def pin_memory(self) -> Target:
        """In memory that a GPU copies from by itself."""
        return Target(*(part.pin_memory() for part in (self.masks, self.labels, self.boxes)))


@dataclass(frozen=True, eq=False)
class Found:
    """One body that a network found, in network pixels.

    ``label`` as in :class:`Target`; ``score`` 0 to 1; ``mask``: float32 (rows, columns) on any device, the
    probability that a pixel belongs to the body. It is scaled to the film's own pixels and cut at 0.5.
    """

    label: int
    score: float
    mask: Tensor


class Family(ABC):
    """One kind of network. Instances hold no weights; ``settings.family`` are the family's own settings."""

    #: the word for ``--segmenter``
    name: ClassVar[str]
    #: licence of the weights that it trains, an SPDX name
    licence: ClassVar[str] = "Apache-2.0"
    #: own settings with their defaults; a settings file may set these and no others in ``[family]``
    options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings

    @abstractmethod
    def build(self) -> nn.Module:
        """A new network with random weights; takes images (n, 1, rows, columns) from 0 to 1."""

    @abstractmethod
    def losses(
        self, network: nn.Module, images: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """Scalar parts of the loss of a batch, by name; the trainer adds them up.

        ``images``: (n, 1, rows, columns) float32. ``network`` is in training mode, or in evaluation mode
        under ``torch.no_grad`` for the loss of the validation films.
        """

    @abstractmethod
    def find(self, network: nn.Module, images: Tensor) -> list[list[Found]]:
        """The bodies of every image; called in evaluation mode under ``torch.inference_mode``."""

    def classes(self, network: nn.Module, images: Tensor) -> Tensor:
        """Class of every pixel (n, rows, columns), 0 the background: what validation judges.

        Here what :meth:`find` gives, merged; where bodies overlap the later category wins.
        """
        maps = []
        for bodies in self.find(network, images):
            image = torch.zeros(images.shape[-2:], dtype=torch.uint8, device=images.device)
            for each in sorted(bodies, key=lambda body: body.label):
                image.masked_fill_((each.mask >= 0.5).to(image.device), each.label)
            maps.append(image)
        return torch.stack(maps)
