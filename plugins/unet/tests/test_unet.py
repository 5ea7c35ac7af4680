"""What only U-Net has; what all semantic families share is tested in plugins/tests."""

import pytest
import torch

from spinemorph.errors import UsageError
from spinemorph.learn.settings import settings_from
from spinemorph_unet.model import UNet


def built(backbone="resnet18", **own):
    values = {"backbone": backbone, "rows": 70, "columns": 51, "family": own}
    return UNet(settings_from(values, "tiny", UNet.options)).build()


def test_settings_that_make_no_network_are_named():
    with pytest.raises(UsageError, match="unet: no network"):
        built(decoder=[1, 2])


def test_encoders_of_timm_can_be_named():
    network = built("tu-mobilenetv3_small_050").eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 70, 51)).shape == (1, 3, 70, 51)
