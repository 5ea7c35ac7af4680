"""DeepLabv3 and DeepLabv3+ on any encoder of segmentation-models-pytorch that can be dilated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import segmentation_models_pytorch as smp
from torch import nn

from spinemorph.learn.semantic import COMMON_OPTIONS, SemanticFamily


class DeepLabV3(SemanticFamily):
    """Chen et al. 2017, with ``plus`` the decoder of Chen et al. 2018.

    ``depth``: stages of the encoder, 4 or 5; ``stride``: of the coarsest features, 8 or 16; ``rates``: of
    the three dilated convolutions; ``channels``: of the pyramid.
    """

    name: ClassVar[str] = "deeplabv3"
    options: ClassVar[Mapping[str, Any]] = {
        **COMMON_OPTIONS,
        "plus": False,
        "depth": 5,
        "stride": 8,
        "rates": [12, 24, 36],
        "channels": 256,
        "dropout": 0.1,
    }
    multiple: ClassVar[int] = 32

    def network(self, classes: int) -> nn.Module:
        own = self.settings.family
        rates = [int(each) for each in own["rates"]]
        if own["stride"] not in {8, 16} or own["depth"] not in {4, 5}:
            raise ValueError("stride is 8 or 16, and depth 4 or 5")
        if len(rates) != 3 or min(rates) < 1:
            raise ValueError("rates are three positive numbers")
        kind = smp.DeepLabV3Plus if own["plus"] else smp.DeepLabV3
        network: nn.Module = kind(
            self.settings.backbone,
            encoder_weights=None,
            encoder_depth=own["depth"],
            encoder_output_stride=own["stride"],
            decoder_channels=own["channels"],
            decoder_atrous_rates=tuple(rates),
            decoder_aspp_dropout=own["dropout"],
            in_channels=1,
            classes=classes,
        )
        return _pooled_branch_for_one_film(network)


def _pooled_branch_for_one_film(network: nn.Module) -> nn.Module:
    """The branch pooled to one pixel without normalisation over the batch, which one film cannot have."""
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPPPooling

    for module in network.modules():
        if isinstance(module, ASPPPooling):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.GroupNorm(1, child.num_features))
    return network
