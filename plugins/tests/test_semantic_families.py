"""The families that give every pixel a class, on drawn films: losses, learning, and what they find."""

from __future__ import annotations

import socket
import tomllib
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from spinemorph.errors import UsageError
from spinemorph.learn.family import Target
from spinemorph.learn.films import boxes_of
from spinemorph.learn.settings import read_settings, settings_from
from spinemorph.testing import draw_phantom

ROWS, COLUMNS = 90, 75
#: Class of every family, and options that make it small.
FAMILIES = {
    "unet": ("UNet", {"decoder": [48, 32, 24, 16, 12]}),
    "deeplabv3": ("DeepLabV3", {"channels": 48, "stride": 8, "rates": [1, 2, 3], "dropout": 0.0}),
    "pspnet": ("PSPNet", {"channels": 48, "dropout": 0.0}),
}


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request):
    """Makes a family with a small network for windows that are no multiple of anything."""
    kind, own = FAMILIES[request.param]
    model = pytest.importorskip(f"spinemorph_{request.param}.model", exc_type=ImportError)
    family = getattr(model, kind)

    def make(**changes):
        values = {"backbone": "resnet18", "rows": ROWS, "columns": COLUMNS, **changes}
        return family(settings_from({**values, "family": own}, "tiny", family.options))

    return make


@pytest.fixture(scope="module")
def films():
    """Images and targets of a film of each facing."""
    drawn = [draw_phantom(ROWS, COLUMNS, facing=facing) for facing in ("left", "right")]
    images = torch.from_numpy(np.stack([film.radiograph.pixels for film in drawn]))[:, None]
    return images, [target_of(film.instances) for film in drawn]


def target_of(instances) -> Target:
    masks = np.zeros((len(instances), ROWS, COLUMNS), bool)
    for mask, body in zip(masks, instances, strict=True):
        mask[body.box.slices] = body.mask
    labels = [("lumbar", "sacrum").index(body.category) + 1 for body in instances]
    boxes = torch.from_numpy(boxes_of(masks))
    return Target(torch.from_numpy(masks), torch.tensor(labels, dtype=torch.int64), boxes)


def nothing(rows, columns):
    return Target(
        torch.zeros(0, rows, columns, dtype=torch.bool),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 4),
    )


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (33, 77), (96, 64), (131, 40)])
def test_every_pixel_of_every_window_gets_a_score_per_class(tiny, rows, columns):
    network = tiny().build().eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 1, rows, columns)).shape == (2, 3, rows, columns)


@pytest.mark.parametrize("films_in_batch", [1, 2])
@pytest.mark.parametrize("train", [True, False])
def test_losses_are_finite_without_any_body_and_for_one_film(tiny, films_in_batch, train):
    family = tiny()
    network = family.build().train(train)
    images = torch.rand(films_in_batch, 1, 40, 40)
    losses = family.losses(network, images, [nothing(40, 40)] * films_in_batch)
    assert losses.keys() == {"cross_entropy", "dice"}
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses.values())


@pytest.fixture(scope="module")
def trained(tiny, films):
    """A family, its network after 40 steps on two films, and the loss at every step."""
    torch.manual_seed(1)
    family = tiny()
    network = family.build().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    log = []
    for _ in range(40):
        loss = torch.stack(list(family.losses(network, *films).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        log.append(float(loss.detach()))
    return family, network.eval(), log


def test_the_loss_falls(trained):
    log = trained[2]
    assert np.isfinite(log).all()
    assert np.mean(log[10:15]) < 0.9 * log[0]
    assert log[-1] < 0.6 * log[0]


def test_what_it_finds_is_the_same_every_time_and_fills_the_window(trained, films):
    family, network, _ = trained
    images, _ = films
    with torch.inference_mode():
        one, other = (family.find(network, images) for _ in range(2))
    assert [len(found) for found in one] == [len(found) for found in other]
    assert any(one)
    for a, b in zip(chain(*one), chain(*other), strict=True):
        assert (a.label, a.score) == (b.label, b.score)
        assert a.label in {1, 2}
        assert 0 <= a.score <= 1
        assert a.mask.dtype == torch.float32
        assert a.mask.shape == images.shape[-2:]
        assert 0 <= float(a.mask.min()) <= float(a.mask.max()) <= 1
        assert torch.equal(a.mask, b.mask)


def test_it_finds_bone_where_bone_is(trained, films):
    family, network, _ = trained
    images, targets = films
    with torch.inference_mode():
        found = family.find(network, images)
    for bodies, target in zip(found, targets, strict=True):
        true = target.masks.any(0)
        ours = torch.stack([body.mask >= 0.5 for body in bodies]).any(0)
        assert (ours & true).sum() / (ours | true).sum() > 0.6


def test_network_and_weights_never_ask_the_internet(tiny, films, monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("the internet was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    family = tiny()
    network = family.build()
    family.losses(network, *films)
    with torch.inference_mode():
        family.find(network.eval(), films[0])


def test_an_unknown_backbone_is_named(tiny):
    with pytest.raises(UsageError, match="'resnet17'"):
        tiny(backbone="resnet17").build()


@pytest.mark.parametrize("preset", ["light", "full"])
@pytest.mark.parametrize("name", FAMILIES)
def test_presets_name_every_setting_of_the_family_and_make_a_network(name, preset):
    model = pytest.importorskip(f"spinemorph_{name}.model", exc_type=ImportError)
    family = getattr(model, FAMILIES[name][0])
    path = Path(model.__file__).parent / "presets" / f"{preset}.toml"
    settings = read_settings(path, family.options)
    assert settings.categories == ("lumbar", "sacrum")
    assert tomllib.loads(path.read_text("utf-8"))["family"].keys() == family.options.keys()
    millions = sum(each.numel() for each in family(settings).build().parameters()) / 1e6
    assert millions < 15 if preset == "light" else millions > 20
