"""Losses and answers of the network on drawn films."""

import socket

import pytest
import torch

from spinemorph.learn.family import Target

PARTS = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}


def test_losses_are_scalars_that_fall(family, network, batch, learned):
    parts = family.losses(network.train(), *batch)
    assert parts.keys() == PARTS
    assert all(part.shape == () and part.isfinite() for part in parts.values())
    first, last = learned[1][:3], learned[1][12:15]
    assert sum(last) < 0.75 * sum(first)


@pytest.mark.parametrize("training", [True, False])
def test_losses_are_finite_without_any_body(family, network, batch, training):
    images, targets = batch
    rows, columns = images.shape[-2:]
    none = Target(
        torch.zeros((0, rows, columns), dtype=torch.bool),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros((0, 4)),
    )
    for films in ([none, none], [targets[0], none]):
        parts = family.losses(network.train(training), images, films)
        assert all(part.isfinite() for part in parts.values())
    if training:
        sum(family.losses(network, images, [none, none]).values()).backward()


def test_validation_changes_no_statistics_and_repeats_itself(family, network, batch):
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with torch.no_grad():
        first = family.losses(network, *batch)
        assert torch.equal(torch.rand(1), expected)  # the generator was left alone
        second = family.losses(network, *batch)
    assert first == second
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module.training for module in network.modules())


def test_bodies_of_films_it_learned_are_found_as_soft_masks_of_the_window(
    family, learned, batch, monkeypatch
):
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    images, targets = batch
    network, _ = learned
    with torch.inference_mode():
        first, second = family.find(network, images), family.find(network, images)
    assert [[one.score for one in film] for film in first] == [
        [one.score for one in film] for film in second
    ]
    for film, again, target in zip(first, second, targets, strict=True):
        for one, other in zip(film, again, strict=True):
            assert torch.equal(one.mask, other.mask)
            assert one.mask.shape == images.shape[-2:]
            assert one.mask.dtype == torch.float32
            assert 0 <= one.mask.min() <= one.mask.max() <= 1
            assert bool(((one.mask > 0.05) & (one.mask < 0.95)).any())
            assert 0 < one.score <= 1
        assert sum(one.label == 2 for one in film) <= 1
        assert _covered(film, target) >= 0.8 * len(target.labels)


def test_windows_need_not_be_multiples_of_the_stride(family, network):
    images = torch.zeros(1, 1, 75, 50)
    mask = torch.zeros((1, 75, 50), dtype=torch.bool)
    mask[0, 20:44, 10:40] = True
    target = Target(mask, torch.tensor([1]), torch.tensor([[10.0, 20.0, 40.0, 44.0]]))
    parts = family.losses(network.train(), images.expand(2, -1, -1, -1), [target, target])
    assert all(part.isfinite() for part in parts.values())
    network.roi_heads.score_thresh = 0.0
    with torch.inference_mode():
        (found,) = family.find(network.eval(), images)
    assert all(one.mask.shape == (75, 50) for one in found)


def test_mixed_precision_keeps_the_digits_of_boxes(family, network, batch):
    """bfloat16 knows steps of 1 pixel at 160: boxes have to stay in float32."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = family.losses(network.train(), *batch)
        assert all(part.isfinite() for part in parts.values())
        features = network.backbone(batch[0])
        objectness, codes = network.rpn.head(list(features.values()))
    assert {each.dtype for each in [*features.values(), *objectness, *codes]} == {torch.float32}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_runs_on_cuda(family, network, batch):
    images, targets = batch
    network.cuda()
    parts = family.losses(network.train(), images.cuda(), [each.to("cuda") for each in targets])
    assert all(part.is_cuda and part.isfinite() for part in parts.values())
    family.find(network.eval(), images.cuda())


def _covered(found, target):
    """How many bodies of the truth are covered to an intersection over union of a half."""
    masks = [one.mask >= 0.5 for one in found]
    return sum(
        any(float((mask & body).sum()) > 0.5 * float((mask | body).sum()) for mask in masks)
        for body in target.masks
    )


def _no_network(*_):
    raise AssertionError("the network was asked")
