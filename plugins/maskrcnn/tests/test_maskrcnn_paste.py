"""Masks of boxes in the window, beside torchvision's cutting of them, which they have to invert."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.roi_heads import project_masks_on_boxes

from spinemorph_maskrcnn.model import CENTRE
from spinemorph_maskrcnn.paste import paste

ROWS, COLUMNS, CELLS = 72, 56, 28
edges = st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(10, 30), st.integers(12, 25))


def test_a_full_mask_fills_exactly_its_box():
    box = torch.tensor([[10.0, 20.0, 30.0, 44.0]]) - CENTRE
    pasted = paste(torch.ones(1, CELLS, CELLS), box, ROWS, COLUMNS)
    expected = torch.zeros(ROWS, COLUMNS)
    expected[20:44, 10:30] = 1
    assert torch.equal(pasted[0], expected)


@settings(max_examples=40)
@given(edges)
def test_pasting_inverts_cutting(edge):
    top, left, height, width = edge
    mask = torch.zeros(1, ROWS, COLUMNS, dtype=torch.bool)
    y = torch.arange(ROWS)[:, None] - top - height / 2 + 0.5
    x = torch.arange(COLUMNS)[None] - left - width / 2 + 0.5
    mask[0] = (y / (height / 2)) ** 4 + (x / (width / 2)) ** 4 <= 1
    box = torch.tensor([[left, top, left + width, top + height]], dtype=torch.float32) - CENTRE
    cells = project_masks_on_boxes(mask, box, torch.tensor([0]), CELLS)
    back = paste(cells, box, ROWS, COLUMNS)[0] >= 0.5
    common, either = (back & mask[0]).sum(), (back | mask[0]).sum()
    assert common / either > 0.93
    shift = torch.nonzero(back).float().mean(dim=0) - torch.nonzero(mask[0]).float().mean(dim=0)
    assert shift.abs().max() < 0.25


@given(st.floats(-20, 60), st.floats(-20, 60), st.floats(2, 60))
def test_probabilities_stay_between_0_and_1_wherever_the_box_lies(x, y, size):
    cells = torch.rand(1, CELLS, CELLS, generator=torch.Generator().manual_seed(3))
    pasted = paste(cells, torch.tensor([[x, y, x + size, y + size]]), ROWS, COLUMNS)
    assert pasted.shape == (1, ROWS, COLUMNS)
    assert 0 <= pasted.min() <= pasted.max() <= 1


def test_no_box_gives_no_mask():
    assert paste(torch.zeros(0, CELLS, CELLS), torch.zeros(0, 4), 9, 7).shape == (0, 9, 7)
