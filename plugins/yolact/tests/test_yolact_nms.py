"""Fast NMS beside its definition, written as a loop."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from spinemorph_yolact.anchors import iou
from spinemorph_yolact.nms import fast_nms

scored = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(5, 30),
        st.integers(5, 30),
        st.floats(0, 1),
    ),
    max_size=12,
)


def as_loop(boxes, scores, threshold, limit):
    order = sorted(range(len(scores)), key=lambda k: (-float(scores[k]), k))[:limit]
    kept = []
    for place, number in enumerate(order):
        better = order[:place]
        # compared as tensors: an overlap of exactly the threshold is one in single precision
        if all(bool(iou(boxes[[number]], boxes[[other]]) <= threshold) for other in better):
            kept.append(number)
    return kept


@given(scored, st.sampled_from([0.2, 0.5]), st.integers(1, 12))
def test_it_keeps_what_the_loop_keeps(drawn, threshold, limit):
    boxes = torch.tensor(
        [[x, y, x + w, y + h] for x, y, w, h, _ in drawn], dtype=torch.float32
    ).reshape(-1, 4)
    scores = torch.tensor([score for *_, score in drawn], dtype=torch.float32)
    assert fast_nms(boxes, scores, threshold, limit).tolist() == as_loop(
        boxes, scores, threshold, limit
    )


def test_a_box_goes_because_of_one_that_goes_itself():
    """What makes it fast also makes it stricter than suppression one after the other."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    assert fast_nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.3, 10).tolist() == [0]
