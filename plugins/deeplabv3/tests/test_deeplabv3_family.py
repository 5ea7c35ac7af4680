"""DeepLabv3 on drawn films: shapes, losses, learning, and what it finds."""

import socket
from itertools import chain

import numpy as np
import pytest
import torch

from spinemorph.errors import UsageError
from spinemorph.learn.family import Target


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


def test_an_unknown_backbone_or_a_setting_that_makes_no_sense_is_named(tiny):
    with pytest.raises(UsageError, match="'resnet17'"):
        tiny(backbone="resnet17").build()
    with pytest.raises(UsageError, match="deeplabv3: no network"):
        tiny(family={"stride": 4}).build()


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize(("stride", "depth"), [(8, 5), (16, 5), (8, 4)])
def test_both_decoders_and_strides_give_scores_for_every_pixel(tiny, plus, stride, depth):
    network = tiny(family={"plus": plus, "stride": stride, "depth": depth}).build().eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 70, 51)).shape == (1, 3, 70, 51)
