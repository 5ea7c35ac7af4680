"""The network: a feature pyramid, prototypes from its finest level, one head for all levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- its name everywhere

from spinemorph.errors import UsageError
from spinemorph_yolact.anchors import anchors_of
from spinemorph_yolact.backbone import STRIDE, Pyramid

#: A cell of the prototypes covers this many window pixels.
PROTOTYPE_STRIDE: Final = 4
#: Groups of channels in the head that are normalised together.
GROUPS: Final = 8


class Raw(NamedTuple):
    """What the network says of images; all float32.

    ``logits`` (n, anchors, 1 + classes), the background first; ``codes`` (n, anchors, 4);
    ``coefficients`` (n, anchors, k), -1 to 1; ``prototypes`` (n, k, h, w), not negative;
    ``semantic`` (n, classes, h / 2, w / 2); ``anchors`` (anchors, 4).
    """

    logits: Tensor
    codes: Tensor
    coefficients: Tensor
    prototypes: Tensor
    semantic: Tensor
    anchors: Tensor


class Yolact(nn.Module):
    """YOLACT (Bolya et al. 2019) for grey images (n, 1, rows, columns)."""

    def __init__(self, backbone: str, classes: int, options: Mapping[str, Any]) -> None:
        super().__init__()
        channels, prototypes = options["channels"], options["prototypes"]
        if channels % GROUPS:
            raise UsageError(f"yolact: channels in [family] must be a multiple of {GROUPS}")
        self.sizes = tuple(float(size) for size in options["anchor_sizes"])
        self.ratios = tuple(float(ratio) for ratio in options["anchor_ratios"])
        self.pyramid = Pyramid(backbone, channels, len(self.sizes))
        self.protonet = _protonet(channels, prototypes)
        self.head = Head(channels, classes, len(self.ratios), prototypes)
        self.semantic = nn.Conv2d(channels, classes, 1)

    def forward(self, images: Tensor) -> Raw:
        rows, columns = images.shape[-2:]
        images = F.pad(images, (0, -columns % STRIDE, 0, -rows % STRIDE))
        levels = self.pyramid(images.contiguous(memory_format=torch.channels_last))
        answers = [self.head(level) for level in levels]
        logits, codes, coefficients = (
            torch.cat(parts, dim=1).float() for parts in zip(*answers, strict=True)
        )
        grids = [(level.shape[2], level.shape[3]) for level in levels]
        strides = [2 * PROTOTYPE_STRIDE * 2**number for number in range(len(levels))]
        anchors = anchors_of(grids, strides, self.sizes, self.ratios, images.device)
        prototypes = self.protonet(levels[0]).float()
        semantic = self.semantic(levels[0]).float()
        return Raw(logits, codes, coefficients.tanh(), prototypes, semantic, anchors)


class Head(nn.Module):
    """Class, box and coefficients of every anchor of a level, (n, anchors, values) each.

    Its statistics are of groups of channels, since levels of unlike content share it.
    """

    def __init__(self, channels: int, classes: int, ratios: int, prototypes: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(GROUPS, channels),
            nn.ReLU(inplace=True),
        )
        self.values = (1 + classes, 4, prototypes)
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, ratios * values, 3, padding=1) for values in self.values
        )
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)

    def forward(self, level: Tensor) -> list[Tensor]:
        features = self.shared(level)
        answers = (branch(features) for branch in self.branches)
        return [
            answer.permute(0, 2, 3, 1).reshape(len(level), -1, values)
            for answer, values in zip(answers, self.values, strict=True)
        ]


def _protonet(channels: int, prototypes: int) -> nn.Module:
    """Prototypes at twice the resolution of the level they come from."""
    layers: list[nn.Module] = []
    for number in range(4):
        if number == 3:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
        layers += [
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(channels, prototypes, 1), nn.ReLU(inplace=True))
