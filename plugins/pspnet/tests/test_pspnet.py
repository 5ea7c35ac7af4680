"""What only PSPNet has; what all semantic families share is tested in plugins/tests."""

import pytest
import torch

from spinemorph.errors import UsageError
from spinemorph.learn.settings import settings_from
from spinemorph_pspnet.model import PSPNet


def built(backbone="resnet18", **own):
    values = {"backbone": backbone, "rows": 70, "columns": 51, "family": own}
    return PSPNet(settings_from(values, "tiny", PSPNet.options)).build()


def test_settings_that_make_no_network_are_named():
    with pytest.raises(UsageError, match="pspnet: no network"):
        built(depth=7)


@pytest.mark.parametrize("depth", [3, 4])
def test_every_depth_of_the_encoder_gives_scores_for_every_pixel(depth):
    network = built(depth=depth).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 70, 51)).shape == (1, 3, 70, 51)
