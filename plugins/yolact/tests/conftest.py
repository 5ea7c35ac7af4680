"""Two drawn films in a window that a processor core trains on in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from torch import nn

from spinemorph.learn.family import Target
from spinemorph.learn.films import boxes_of
from spinemorph.learn.settings import RunSettings, read_settings
from spinemorph.learn.weights_file import save_weights
from spinemorph.testing import draw_phantom
from spinemorph_yolact import model

PRESETS = Path(model.__file__).parent / "presets"
ROWS, COLUMNS = 160, 96
# examples share their processor with others: how long one takes says nothing
hypothesis.settings.register_profile("plugins", deadline=None)
hypothesis.settings.load_profile("plugins")


@pytest.fixture(scope="session")
def settings() -> RunSettings:
    """The light preset in a tiny window."""
    light = read_settings(PRESETS / "light.toml", model.YolactFamily.options)
    return replace(light, rows=ROWS, columns=COLUMNS)


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def learned(family, batch) -> tuple[nn.Module, list[float]]:
    """A network that learned the two films by heart, and its losses on the way."""
    torch.manual_seed(1)
    network = family.build().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    totals = []
    for _ in range(60):
        total = sum(family.losses(network, *batch).values())
        optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        totals.append(float(total.detach()))
    return network.eval(), totals


@pytest.fixture(scope="session")
def weights_file(family, learned, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "learned.safetensors"
    manifest = {"family": family.name, "settings": family.settings.to_dict()}
    save_weights(path, learned[0].state_dict(), manifest)
    return path


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
