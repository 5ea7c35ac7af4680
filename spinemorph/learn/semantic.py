"""Families that give every pixel a class; the bodies are split out of the fused masks afterwards.

A plugin subclasses :class:`SemanticFamily` and says only what its network is. Where two bodies overlap a
pixel still has one class, so overlaps are lost: that is what this kind of network cannot do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from spinemorph.errors import UsageError
from spinemorph.learn.family import Family, Found, Target
from spinemorph.segmenters.fused import SplitBody, split_fused

#: Background is a gap where two bodies are nearer than this part of the height of the window.
GAP: Final = 1 / 64
#: Options that every semantic family has. ``gap``: how many times the background between two bodies that
#: nearly touch counts in the cross entropy, after the weight map of Ronneberger et al. 2015 (U-Net).
#: ``dice``: weight of the soft Dice loss beside it.
COMMON_OPTIONS: Final[Mapping[str, Any]] = {"gap": 4.0, "dice": 1.0}


class SemanticFamily(Family):
    """A network with one score per pixel and class, background first: (n, classes, rows, columns)."""

    options: ClassVar[Mapping[str, Any]] = COMMON_OPTIONS
    #: the network takes sizes that are multiples of this; films are padded to one inside
    multiple: ClassVar[int] = 32

    @abstractmethod
    def network(self, classes: int) -> nn.Module:
        """The network with random weights; takes (n, 1, rows, columns), multiples of ``multiple``.

        KeyError or ValueError where the settings name a backbone that it does not have.
        """

    def build(self) -> nn.Module:
        """The network for any size of window; UsageError if there is no such backbone."""
        try:
            network = self.network(len(self.settings.categories) + 1)
        except (KeyError, ValueError, RuntimeError) as fault:
            reason = " ".join(str(fault).split())[:160]
            raise UsageError(
                f"{self.name}: no network with the backbone {self.settings.backbone!r}: {reason}"
            ) from fault
        return AnySize(network, self.multiple)

    def losses(
        self, network: nn.Module, images: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """Cross entropy, with the gaps between bodies weighted up, and soft Dice of the classes."""
        scores = network(images).float()
        classes = torch.stack([class_map(target, images.shape[-2:]) for target in targets])
        options = {**COMMON_OPTIONS, **self.settings.family}
        weights = torch.ones_like(scores[:, 0])
        if options["gap"] != 1:
            gaps = torch.stack([gap_map(target, images.shape[-2:]) for target in targets])
            weights = weights + (options["gap"] - 1) * gaps
        entropy = functional.cross_entropy(scores, classes, reduction="none")
        return {
            "cross_entropy": (entropy * weights).sum() / weights.sum(),
            "dice": options["dice"] * dice_loss(scores, classes),
        }

    def find(self, network: nn.Module, images: Tensor) -> list[list[Found]]:
        """The bodies in the fused masks; ``Found.mask`` crosses 0.5 where the likeliest class changes."""
        probabilities = network(images).float().softmax(1).cpu().numpy()
        categories = self.settings.categories
        return [
            [
                Found(categories.index(body.category) + 1, body.score, torch.from_numpy(mask))
                for body, mask in soft_masks(film, split_fused(film, categories), categories)
            ]
            for film in probabilities
        ]

    def classes(self, network: nn.Module, images: Tensor) -> Tensor:
        """The likeliest class of every pixel, before bodies are split, which would take far longer."""
        return network(images).argmax(1)


class AnySize(nn.Module):
    """A network of whole multiples for films of any size, in grey values about 0.

    Films are padded with black below and on the right, to two multiples at least: normalisation over a
    batch of one film needs more than one value.
    """

    def __init__(self, network: nn.Module, multiple: int) -> None:
        super().__init__()
        # twice as fast on CPUs with bfloat16, and no slower elsewhere
        self.network = network.to(memory_format=torch.channels_last)
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = images.shape[-2:]
        padded = [
            max(-(-size // self.multiple), 2) * self.multiple - size for size in (rows, columns)
        ]
        images = functional.pad(images, (0, padded[1], 0, padded[0]))
        images = ((images - 0.5) * 4).contiguous(memory_format=torch.channels_last)
        scores: Tensor = self.network(images)
        return scores[..., :rows, :columns]


def class_map(target: Target, shape: Sequence[int]) -> Tensor:
    """Class of every pixel, int64 (rows, columns); where bodies overlap the later category wins.

    With the usual categories that is the sacrum, as in :func:`spinemorph.data.annotation.class_mask`.
    """
    classes = torch.zeros(tuple(shape), dtype=torch.int64, device=target.masks.device)
    if len(target.labels):
        classes = (target.masks * target.labels[:, None, None]).amax(0)
    return classes


def gap_map(target: Target, shape: Sequence[int]) -> Tensor:
    """1 where background lies between two bodies that nearly touch, else 0; float32 (rows, columns)."""
    masks = target.masks
    if len(masks) < 2:
        return torch.zeros(tuple(shape), device=masks.device)
    reach = max(1, round(shape[0] * GAP))
    near = masks.float()[None]
    for size in ((2 * reach + 1, 1), (1, 2 * reach + 1)):
        padding = (size[0] // 2, size[1] // 2)
        near = functional.max_pool2d(near, size, stride=1, padding=padding)
    return ((near[0].sum(0) >= 2) & ~masks.any(0)).float()


def dice_loss(scores: Tensor, classes: Tensor) -> Tensor:
    """1 minus the mean soft Dice of the classes but the background, each over the whole batch.

    Finite, and small for an empty answer, where a class is on no film (Milletari et al. 2016).
    """
    probabilities = scores.softmax(1)
    truth = functional.one_hot(classes, scores.shape[1]).movedim(-1, 1).float()
    both = (probabilities * truth).sum((0, 2, 3))[1:]
    sizes = (probabilities + truth).sum((0, 2, 3))[1:]
    return 1 - ((2 * both + 1) / (sizes + 1)).mean()


def soft_masks(
    probabilities: NDArray[np.float32], bodies: Sequence[SplitBody], categories: Sequence[str]
) -> list[tuple[SplitBody, NDArray[np.float32]]]:
    """Every body with its probability against the likeliest other class (rows, columns).

    A body owns the pixels nearest to it. Its mask is 0.5 or more in its own pixels and less elsewhere,
    also where the split filled a hole or changed a class, and has soft edges towards the background.
    """
    from scipy import ndimage

    if not bodies:
        return []
    owner = np.zeros(probabilities.shape[1:], np.int32)
    for number, body in enumerate(bodies, start=1):
        owner[body.mask] = number
    nearest = ndimage.distance_transform_edt(
        owner == 0, return_distances=False, return_indices=True
    )
    territory = owner[tuple(nearest)]
    found = []
    for number, body in enumerate(bodies, start=1):
        label = categories.index(body.category) + 1
        own = probabilities[label]
        other = np.delete(probabilities, label, axis=0).max(0)
        against = own / np.maximum(own + other, np.float32(1e-6))
        against = np.where(
            body.mask, np.maximum(against, 1 - against), np.minimum(against, 1 - against)
        )
        # a tie is outside, unless it is the body's own pixel
        against = np.where(body.mask, against, np.minimum(against, np.float32(0.499)))
        mask = np.where(territory == number, against, 0).astype(np.float32)
        found.append((body, mask))
    return found
