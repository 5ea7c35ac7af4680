"""PSPNet on any encoder of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import segmentation_models_pytorch as smp
from torch import nn

from spinemorph.learn.semantic import COMMON_OPTIONS, SemanticFamily


class PSPNet(SemanticFamily):
    """Zhao et al. 2017: features at an eighth of the film, pooled in four sizes and scaled up.

    ``depth``: stages of the encoder, 3 for an eighth, 4 or 5 for coarser features; ``channels``: of the
    pyramid; ``dropout``: part of its channels left out in training.
    """

    name: ClassVar[str] = "pspnet"
    options: ClassVar[Mapping[str, Any]] = {
        **COMMON_OPTIONS,
        "depth": 3,
        "channels": 512,
        "dropout": 0.2,
    }
    multiple: ClassVar[int] = 32

    def network(self, classes: int) -> nn.Module:
        own = self.settings.family
        return smp.PSPNet(
            self.settings.backbone,
            encoder_weights=None,
            encoder_depth=own["depth"],
            psp_out_channels=own["channels"],
            psp_dropout=own["dropout"],
            in_channels=1,
            classes=classes,
            upsampling=2 ** own["depth"],
        )
