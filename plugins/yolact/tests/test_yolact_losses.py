"""Each part of the loss beside a plain calculation."""

import pytest
import torch
from torch.nn import functional

from spinemorph.learn.family import Target
from spinemorph_yolact import losses, model
from spinemorph_yolact.anchors import NOTHING, UNDECIDED, anchors_of, encode

OPTIONS = model.YolactFamily.options


def one_body(rows=32, columns=24):
    mask = torch.zeros((1, rows, columns), dtype=torch.bool)
    mask[0, 8:20, 4:16] = True
    return Target(mask, torch.tensor([2]), torch.tensor([[4.0, 8, 16, 20]]))


def test_classes_are_taught_on_bodies_and_the_worst_of_the_background():
    logits = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
    answer = torch.full((12,), NOTHING)
    answer[[2, 7]] = 0
    answer[5] = UNDECIDED
    total = losses.class_loss(logits, answer, torch.tensor([2]), {**OPTIONS, "least_negatives": 0})
    surprise = -logits.log_softmax(dim=1)
    background = sorted(float(surprise[k, 0]) for k in range(12) if k not in {2, 5, 7})
    expected = float(surprise[[2, 7], 2].sum()) + sum(background[-6:])
    assert float(total) == pytest.approx(expected, rel=1e-5)


def test_an_image_without_bodies_still_teaches_the_background():
    logits = torch.zeros(40, 3)
    total = losses.class_loss(logits, torch.full((40,), NOTHING), torch.zeros(0).long(), OPTIONS)
    assert float(total) == pytest.approx(OPTIONS["least_negatives"] * 1.0986, rel=1e-4)


def test_exact_codes_cost_nothing():
    target = one_body()
    anchors = anchors_of([(4, 3)], [8], [12.0], [1.0])
    answer = torch.full((12,), NOTHING)
    answer[4] = 0
    codes = encode(target.boxes.expand(12, 4), anchors)
    assert float(losses.box_loss(codes, anchors, answer, target.boxes)) == pytest.approx(
        0, abs=1e-6
    )
    codes[4, 0] += 2
    assert float(losses.box_loss(codes, anchors, answer, target.boxes)) == pytest.approx(1.5)


def test_masks_are_compared_within_the_body_s_box_and_over_its_area():
    target = one_body()
    prototypes = torch.randn(2, 8, 6, generator=torch.Generator().manual_seed(3))
    coefficients = torch.tensor([[0.5, -0.2], [0.3, 0.4]])
    answer = torch.tensor([0, NOTHING])
    total = losses.mask_loss(prototypes, coefficients, answer, target, samples=10)
    mixed = 0.5 * prototypes[0] - 0.2 * prototypes[1]
    # the body fills its box, cells 2 to 4 down and 1 to 3 across
    expected = functional.softplus(-mixed[2:5, 1:4]).mean()
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_few_anchors_stand_for_all_of_an_image():
    target = one_body()
    prototypes, coefficients = torch.randn(2, 8, 6), torch.ones(9, 2)
    answer = torch.zeros(9, dtype=torch.int64)
    whole = losses.mask_loss(prototypes, coefficients, answer, target, samples=100)
    part = losses.mask_loss(prototypes, coefficients, answer, target, samples=3)
    assert float(part) == pytest.approx(float(whole), rel=1e-4)


def test_class_masks_are_the_union_of_their_bodies():
    target = one_body()
    right = torch.full((1, 2, 4, 3), -20.0)
    right[0, 1, 1:2, 1:2] = 20.0  # the only whole cell of 8 pixels
    sure = losses.semantic_loss(right, [target])
    wrong = losses.semantic_loss(-right, [target])
    assert float(sure) < 0.35 * float(wrong)


def test_cells_hold_their_share_of_a_mask():
    shares = losses.coarse(one_body().masks, 4, 4, 8)
    assert shares.shape == (1, 4, 4)  # also beyond the window
    assert float(shares.sum()) * 64 == pytest.approx(12 * 12)
    assert float(shares[0, 1, 1]) == 1
    assert float(shares[0, 1, 0]) == 0.5
