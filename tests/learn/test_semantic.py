"""What semantic families share: targets, losses and soft masks of the bodies that were split out."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from spinemorph.learn.family import Target  # noqa: E402
from spinemorph.learn.semantic import (  # noqa: E402
    AnySize,
    class_map,
    dice_loss,
    gap_map,
    soft_masks,
)
from spinemorph.segmenters.fused import split_fused  # noqa: E402
from spinemorph.testing import draw_phantom  # noqa: E402


def target(*parts, shape=(40, 30)):
    masks = torch.zeros(len(parts), *shape, dtype=torch.bool)
    for mask, (_, rows) in zip(masks, parts, strict=True):
        mask[rows, 5:25] = True
    labels = torch.tensor([label for label, _ in parts], dtype=torch.int64)
    return Target(masks, labels, torch.zeros(len(parts), 4))


def test_the_sacrum_wins_where_it_overlaps_whatever_the_order():
    one = target((1, slice(0, 20)), (2, slice(15, 30)))
    other = target((2, slice(15, 30)), (1, slice(0, 20)))
    classes = class_map(one, (40, 30))
    assert torch.equal(classes, class_map(other, (40, 30)))
    assert classes[:, 10].bincount().tolist() == [10, 15, 15]
    assert class_map(target(), (40, 30)).eq(0).all()


def test_the_gap_is_the_background_between_two_bodies_that_nearly_touch():
    shape = (256, 30)
    near = gap_map(target((1, slice(50, 100)), (1, slice(103, 150)), shape=shape), shape)
    assert near[:, 10].nonzero().ravel().tolist() == [100, 101, 102]
    far = gap_map(target((1, slice(50, 100)), (1, slice(120, 150)), shape=shape), shape)
    assert far.sum() == 0
    assert gap_map(target((1, slice(50, 100)), shape=shape), shape).sum() == 0


def test_dice_is_near_nothing_for_the_truth_and_near_one_for_its_opposite():
    classes = torch.zeros(2, 20, 20, dtype=torch.int64)
    classes[:, 5:12], classes[:, 12:18] = 1, 2
    right = torch.nn.functional.one_hot(classes, 3).movedim(-1, 1) * 40.0
    assert dice_loss(right, classes) < 0.01
    assert dice_loss(right.roll(1, 1), classes) > 0.7
    empty = torch.zeros_like(classes)
    assert dice_loss(torch.nn.functional.one_hot(empty, 3).movedim(-1, 1) * 40.0, empty) < 0.01


def test_windows_are_padded_inside_and_come_back_in_their_size():
    seen = []

    class Network(torch.nn.Module):
        def forward(self, images):
            seen.append(tuple(images.shape))
            return images.repeat(1, 3, 1, 1)

    images = torch.rand(2, 1, 33, 70)
    scores = AnySize(Network(), 32)(images)
    assert seen == [(2, 1, 64, 96)]
    assert torch.allclose(scores[:, :1], (images - 0.5) * 4)


def test_soft_masks_are_the_bodies_with_the_networks_own_edges():
    film = draw_phantom(200, 120)
    labels = np.zeros((200, 120), int)
    for body in film.instances:
        labels[body.box.slices][body.mask] = 1 if body.category == "lumbar" else 2
    sharp = (labels == np.arange(3)[:, None, None]).astype(np.float32)
    from scipy import ndimage

    soft = ndimage.gaussian_filter(sharp, (0, 1.5, 1.5))
    soft[:, labels == 2] = np.array(
        [[0.2], [0.35], [0.45]]
    )  # less than one half, and still the sacrum
    soft /= soft.sum(0)
    bodies = split_fused(soft)
    masks = soft_masks(soft, bodies, ("lumbar", "sacrum"))
    assert len(masks) == len(film.instances)
    for body, mask in masks:
        assert mask.dtype == np.float32
        assert np.array_equal(mask >= 0.5, body.mask)
        edge = mask[(mask > 0.05) & (mask < 0.95)]
        assert len(edge) > 20
    assert (sum(mask > 0 for _, mask in masks) <= 1).all()
    assert soft_masks(soft, [], ("lumbar", "sacrum")) == []
