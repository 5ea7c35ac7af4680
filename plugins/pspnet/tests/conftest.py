"""Two drawn films in a window that a processor core trains on in seconds."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import torch

from spinemorph.learn.family import Target
from spinemorph.learn.films import boxes_of
from spinemorph.learn.settings import settings_from
from spinemorph.testing import draw_phantom
from spinemorph_pspnet.model import PSPNet

ROWS, COLUMNS = 90, 75
# examples share their processor with others: how long one takes says nothing
hypothesis.settings.register_profile("plugins", deadline=None)
hypothesis.settings.load_profile("plugins")


@pytest.fixture(scope="session")
def tiny():
    """Makes the family with a small network for windows that are no multiple of anything."""

    def make(**changes):
        own = {"channels": 48, "dropout": 0.0}
        own |= changes.pop("family", {})
        values = {"backbone": "resnet18", "rows": ROWS, "columns": COLUMNS, **changes}
        return PSPNet(settings_from({**values, "family": own}, "tiny", PSPNet.options))

    return make


@pytest.fixture(scope="session")
def films():
    """Images and targets of a film of each facing."""
    drawn = [draw_phantom(ROWS, COLUMNS, facing=facing) for facing in ("left", "right")]
    images = torch.from_numpy(np.stack([film.radiograph.pixels for film in drawn]))[:, None]
    return images, [target(film.instances) for film in drawn]


def target(instances) -> Target:
    masks = np.zeros((len(instances), ROWS, COLUMNS), bool)
    for mask, body in zip(masks, instances, strict=True):
        mask[body.box.slices] = body.mask
    labels = [("lumbar", "sacrum").index(body.category) + 1 for body in instances]
    boxes = torch.from_numpy(boxes_of(masks))
    return Target(torch.from_numpy(masks), torch.tensor(labels, dtype=torch.int64), boxes)
