"""Masks from prototypes: a mixture for every body, cropped by its box."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- its name everywhere


def assemble(
    prototypes: Tensor, coefficients: Tensor, boxes: Tensor, rows: int, columns: int, stride: int
) -> Tensor:
    """Probabilities (n, rows, columns): sigmoid(P C^T) in window pixels, 0 outside of the boxes.

    ``prototypes``: (k, h, w), a cell of them covers ``stride`` pixels; ``coefficients``: (n, k);
    ``boxes``: (n, 4) in edges of pixels.
    """
    if not len(coefficients):
        return prototypes.new_zeros((0, rows, columns))
    mixed = torch.einsum("khw,nk->nhw", prototypes, coefficients)
    size = (mixed.shape[1] * stride, mixed.shape[2] * stride)
    fine = F.interpolate(mixed[None], size=size, mode="bilinear", align_corners=False)[0]
    return fine[:, :rows, :columns].sigmoid() * inside(boxes, rows, columns)


def inside(boxes: Tensor, rows: int, columns: int, stride: float = 1) -> Tensor:
    """Which cells (n, rows, columns) have their centre in the boxes (n, 4); a cell covers ``stride``."""
    x = (torch.arange(columns, device=boxes.device, dtype=boxes.dtype) + 0.5) * stride
    y = (torch.arange(rows, device=boxes.device, dtype=boxes.dtype) + 0.5) * stride
    x0, y0, x1, y1 = (edge[:, None] for edge in boxes.unbind(dim=1))
    across = (x0 <= x) & (x < x1)
    down = (y0 <= y) & (y < y1)
    return down[:, :, None] & across[:, None, :]
