"""What only DeepLabv3 has; what all semantic families share is tested in plugins/tests."""

import pytest
import torch

from spinemorph.errors import UsageError
from spinemorph.learn.settings import settings_from
from spinemorph_deeplabv3.model import DeepLabV3


def built(backbone="resnet18", **own):
    values = {"backbone": backbone, "rows": 70, "columns": 51, "family": own}
    return DeepLabV3(settings_from(values, "tiny", DeepLabV3.options)).build()


def test_settings_that_make_no_network_are_named():
    with pytest.raises(UsageError, match="deeplabv3: no network"):
        built(stride=4)


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize(("stride", "depth"), [(8, 5), (16, 5), (8, 4)])
def test_both_decoders_and_strides_give_scores_for_every_pixel(plus, stride, depth):
    network = built(plus=plus, stride=stride, depth=depth).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 70, 51)).shape == (1, 3, 70, 51)
