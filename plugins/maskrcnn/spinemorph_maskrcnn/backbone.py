"""Backbones with a feature pyramid, with random weights and every layer trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models.detection.backbone_utils import BackboneWithFPN

from spinemorph.errors import UsageError

#: Kind of block and number of blocks in the four stages; resnet10 is a resnet18 of half the depth.
RESNETS: Final[dict[str, tuple[type[nn.Module], list[int]]]] = {
    "resnet10": (resnet.BasicBlock, [1, 1, 1, 1]),
    "resnet18": (resnet.BasicBlock, [2, 2, 2, 2]),
    "resnet34": (resnet.BasicBlock, [3, 4, 6, 3]),
    "resnet50": (resnet.Bottleneck, [3, 4, 6, 3]),
    "resnet101": (resnet.Bottleneck, [3, 4, 23, 3]),
}
#: Levels of the pyramid: four stages, and the last of them at half its resolution.
LEVELS: Final = 5
#: Mean and spread of the grey values of films in their windows.
GREY_MEAN, GREY_SPREAD = 0.45, 0.25


class GreyPyramid(BackboneWithFPN):
    """Features of grey images (n, 1, rows, columns): strides 4, 8, 16, 32 and 64, float32."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = super().forward((x - GREY_MEAN) / GREY_SPREAD)
        # anchors and boxes take the type of the features: half precision is too coarse for them
        return {name: feature.float() for name, feature in features.items()}


def pyramid(name: str, channels: int, norm_layer: Callable[..., nn.Module]) -> GreyPyramid:
    """The backbone ``name`` with a pyramid of ``channels``; UsageError where it is not known.

    Batch normalisation is real, not frozen: there are no weights of other pictures to start from.
    """
    if name not in RESNETS:
        raise UsageError(f"maskrcnn has no backbone {name!r}; known: {', '.join(RESNETS)}")
    block, depths = RESNETS[name]
    body = resnet.ResNet(block, depths, norm_layer=norm_layer)
    body.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(body.conv1.weight, mode="fan_out", nonlinearity="relu")
    stages = {f"layer{stage}": str(stage - 1) for stage in (1, 2, 3, 4)}
    widths = [64 * 2**stage * block.expansion for stage in range(4)]
    return GreyPyramid(body, stages, widths, channels, norm_layer=norm_layer)
