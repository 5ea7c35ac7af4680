"""U-Net on any encoder of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import segmentation_models_pytorch as smp
from torch import nn

from spinemorph.learn.semantic import COMMON_OPTIONS, SemanticFamily


class UNet(SemanticFamily):
    """Ronneberger et al. 2015; ``decoder``: channels of the five steps up, from the coarsest."""

    name: ClassVar[str] = "unet"
    options: ClassVar[Mapping[str, Any]] = {**COMMON_OPTIONS, "decoder": [256, 128, 64, 32, 16]}
    multiple: ClassVar[int] = 32

    def network(self, classes: int) -> nn.Module:
        channels = [int(each) for each in self.settings.family["decoder"]]
        if len(channels) != 5 or min(channels) < 1:
            raise ValueError("decoder names the channels of five steps")
        return smp.Unet(
            self.settings.backbone,
            encoder_weights=None,
            decoder_channels=channels,
            in_channels=1,
            classes=classes,
        )
