"""Two drawn films in a window that a processor core trains on in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

from spinemorph.learn.family import Target
from spinemorph.learn.films import boxes_of
from spinemorph.learn.settings import RunSettings, read_settings
from spinemorph.testing import draw_phantom
from spinemorph_yolact import model

PRESETS = Path(model.__file__).parent / "presets"
ROWS, COLUMNS = 160, 96
# examples share their processor with others: how long one takes says nothing
hypothesis.settings.register_profile("plugins", deadline=None)
hypothesis.settings.load_profile("plugins")


@pytest.fixture
def settings() -> RunSettings:
    """The light preset in a tiny window."""
    light = read_settings(PRESETS / "light.toml", model.YolactFamily.options)
    return replace(light, rows=ROWS, columns=COLUMNS)


@pytest.fixture
def family(settings):
    return model.YolactFamily(settings)


@pytest.fixture
def network(family):
    torch.manual_seed(1)
    return family.build()


@pytest.fixture(scope="session")
def batch() -> tuple[torch.Tensor, list[Target]]:
    films = [draw_phantom(ROWS, COLUMNS, facing=facing, bodies=5) for facing in ("left", "right")]
    images = torch.from_numpy(np.stack([film.radiograph.pixels for film in films]))[:, None]
    return images, [target_of(film.instances) for film in films]


def target_of(instances) -> Target:
    masks = np.zeros((len(instances), ROWS, COLUMNS), bool)
    for mask, instance in zip(masks, instances, strict=True):
        mask[instance.box.slices] = instance.mask
    labels = [1 if instance.category == "lumbar" else 2 for instance in instances]
    return Target(
        torch.from_numpy(masks),
        torch.tensor(labels, dtype=torch.int64),
        torch.from_numpy(boxes_of(masks)),
    )
