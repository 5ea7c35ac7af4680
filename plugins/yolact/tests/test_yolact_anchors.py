"""Anchors, their code for boxes, and which body they answer for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spinemorph_yolact.anchors import NOTHING, UNDECIDED, anchors_of, decode, encode, iou, match

box = st.tuples(st.floats(-50, 400), st.floats(-50, 400), st.floats(4, 120), st.floats(4, 120)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(st.tuples(box, box), min_size=1, max_size=6)


def test_anchors_lie_round_the_middle_of_their_cells():
    anchors = anchors_of([(2, 3), (1, 1)], [8, 16], [10, 40], [1.0, 0.25])
    assert anchors.shape == (2 * 3 * 2 + 2, 4)
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2
    assert middles[:4].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]
    assert middles[6].tolist() == [4, 12]
    assert middles[12].tolist() == [8, 8]
    width, height = (anchors[:, 2:] - anchors[:, :2]).unbind(dim=1)
    assert (height / width)[:2].tolist() == pytest.approx([1, 0.25])
    assert (height * width).sqrt()[[0, 1, 13]].tolist() == pytest.approx([10, 10, 40])


def test_anchors_of_the_light_preset_cover_bodies_wherever_they_lie(settings):
    """A body of 18 to 48 pixels overlaps an anchor so far that more than its best one answers."""
    own = settings.family
    grids, strides = [(48, 24), (24, 12), (12, 6)], [8, 16, 32]
    anchors = anchors_of(grids, strides, own["anchor_sizes"], own["anchor_ratios"])
    generator = torch.Generator().manual_seed(4)
    size = torch.empty(500).uniform_(18, 48, generator=generator)
    root = torch.empty(500).uniform_(0.6, 1.1, generator=generator).sqrt()
    middle = torch.rand(500, 2, generator=generator) * torch.tensor([120.0, 310.0]) + 36
    half = torch.stack([size / root, size * root], dim=1) / 2
    bodies = torch.cat([middle - half, middle + half], dim=1)
    best = iou(bodies, anchors).amax(dim=1)
    assert float((best >= own["near"]).float().mean()) > 0.97
    assert float(best.min()) >= own["far"]


@given(boxes)
def test_decoding_inverts_encoding(pairs):
    truth = torch.tensor([pair[0] for pair in pairs], dtype=torch.float64)
    anchors = torch.tensor([pair[1] for pair in pairs], dtype=torch.float64)
    assert decode(encode(truth, anchors), anchors).numpy() == pytest.approx(truth.numpy(), abs=1e-6)


def test_wild_codes_stay_finite():
    assert decode(torch.full((1, 4), 1e6), torch.tensor([[0.0, 0, 10, 10]])).isfinite().all()


whole = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(whole, whole)
def test_intersection_over_union_is_that_of_pixels(first, second):
    overlap = iou(torch.tensor([first]).float(), torch.tensor([second, first]).float())
    a, b = _pixels(first), _pixels(second)
    assert overlap.tolist() == [pytest.approx([len(a & b) / len(a | b), 1.0])]


def test_anchors_answer_for_what_they_overlap_most():
    anchors = torch.tensor(
        [[0.0, 0, 10, 10], [0, 0, 10, 22], [40, 40, 50, 50], [0, 6, 10, 16], [80, 80, 90, 90]]
    )
    bodies = torch.tensor([[0.0, 0, 10, 10], [40, 44, 50, 60]])
    answer = match(anchors, bodies, near=0.5, far=0.4)
    # the third overlaps its body by less than far, but no other anchor does by more
    assert answer.tolist() == [0, UNDECIDED, 1, NOTHING, NOTHING]


def test_two_bodies_never_share_their_only_anchor():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 2, 10, 14], [50, 50, 60, 60]])
    bodies = torch.tensor([[0.0, 0, 10, 9], [0, 1, 10, 10]])
    assert sorted(match(anchors, bodies, near=0.5, far=0.4)[:2].tolist()) == [0, 1]


@given(boxes)
def test_every_body_that_an_anchor_overlaps_has_one(pairs):
    anchors = anchors_of([(50, 50)], [8], [40.0], [1.0])
    bodies = torch.tensor([pair[0] for pair in pairs])
    answer = match(anchors, bodies, near=0.5, far=0.4)
    overlapped = iou(anchors, bodies).amax(dim=0) > 0
    answered = torch.tensor([bool((answer == number).any()) for number in range(len(bodies))])
    assert torch.equal(overlapped & answered, overlapped)


def test_without_bodies_anchors_answer_for_nothing():
    answer = match(anchors_of([(2, 2)], [8], [8.0], [1.0]), torch.zeros(0, 4), 0.5, 0.4)
    assert answer.tolist() == [NOTHING] * 4


def _pixels(edges):
    x0, y0, x1, y1 = edges
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}
