"""Masks mixed from prototypes."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from spinemorph_yolact.masks import assemble, inside

edge = st.floats(-10, 50, allow_nan=False)


def test_a_mask_is_the_sigmoid_of_the_mixture_within_the_box():
    generator = torch.Generator().manual_seed(2)
    prototypes = torch.rand(3, 6, 5, generator=generator)
    coefficients = torch.rand(2, 3, generator=generator) * 2 - 1
    boxes = torch.tensor([[0.0, 0, 5, 6], [1, 2, 4, 5]])
    masks = assemble(prototypes, coefficients, boxes, 6, 5, stride=1)
    for number in range(2):
        for row in range(6):
            for column in range(5):
                value = float((prototypes[:, row, column] * coefficients[number]).sum().sigmoid())
                x0, y0, x1, y1 = boxes[number].tolist()
                within = x0 <= column + 0.5 < x1 and y0 <= row + 0.5 < y1
                expected = value if within else 0.0
                assert abs(float(masks[number, row, column]) - expected) < 1e-6


def test_cells_lie_where_their_pixels_are():
    """A prototype that rises with the column gives a mask that ends where it crosses zero."""
    columns = (torch.arange(10) + 0.5) * 4
    prototypes = (20 - columns).expand(1, 8, 10)
    mask = assemble(prototypes, torch.ones(1, 1), torch.tensor([[0.0, 0, 40, 32]]), 32, 38, 4)[0]
    assert mask.shape == (32, 38)
    assert torch.equal(mask[3] >= 0.5, torch.arange(38) + 0.5 <= 20)


@given(edge, edge, edge, edge)
def test_pixels_are_inside_by_their_centres(x0, y0, x1, y1):
    found = inside(torch.tensor([[x0, y0, x1, y1]], dtype=torch.float64), 12, 9, 4)[0]
    for row in range(12):
        for column in range(9):
            x, y = (column + 0.5) * 4, (row + 0.5) * 4
            assert bool(found[row, column]) == (x0 <= x < x1 and y0 <= y < y1)


def test_no_body_gives_no_mask():
    masks = assemble(torch.zeros(4, 3, 2), torch.zeros(0, 4), torch.zeros(0, 4), 9, 7, 4)
    assert masks.shape == (0, 9, 7)
