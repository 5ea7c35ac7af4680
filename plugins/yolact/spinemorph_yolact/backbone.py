"""Residual networks of torchvision with the feature pyramid of YOLACT, all layers trained."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock

from spinemorph.errors import UsageError

#: Kind of block and number of blocks in the four stages; resnet10 is a resnet18 of half the depth.
RESNETS: Final[dict[str, tuple[type[nn.Module], list[int]]]] = {
    "resnet10": (resnet.BasicBlock, [1, 1, 1, 1]),
    "resnet18": (resnet.BasicBlock, [2, 2, 2, 2]),
    "resnet34": (resnet.BasicBlock, [3, 4, 6, 3]),
    "resnet50": (resnet.Bottleneck, [3, 4, 6, 3]),
    "resnet101": (resnet.Bottleneck, [3, 4, 23, 3]),
}
#: Mean and spread of the grey values of films in their windows.
GREY_MEAN, GREY_SPREAD = 0.45, 0.25
#: Window pixels that a cell of the last stage covers.
STRIDE: Final = 32


class Pyramid(nn.Module):
    """Levels (n, channels, h, w) of stride 8, 16, 32 and so on, from grey images (n, 1, rows, columns)."""

    def __init__(self, name: str, channels: int, levels: int) -> None:
        super().__init__()
        if name not in RESNETS:
            raise UsageError(f"yolact has no backbone {name!r}; known: {', '.join(RESNETS)}")
        if levels < 3:
            raise UsageError(f"anchor_sizes needs a size for three levels or more, not {levels}")
        block, depths = RESNETS[name]
        body = resnet.ResNet(block, depths)
        body.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(body.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.levels = BackboneWithFPN(
            body,
            {"layer2": "0", "layer3": "1", "layer4": "2"},
            [64 * 2**stage * block.expansion for stage in (1, 2, 3)],
            channels,
            extra_blocks=Coarser(channels, levels - 3),
            norm_layer=nn.BatchNorm2d,
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        return list(self.levels((images - GREY_MEAN) / GREY_SPREAD).values())


class Coarser(ExtraFPNBlock):
    """Levels above the last one, each by a convolution of stride 2."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(levels)
        )

    def forward(
        self, results: list[Tensor], _inputs: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        results, names = list(results), list(names)
        for step in self.steps:
            results.append(step(results[-1]))
            names.append(str(len(names)))
        return results, names
