"""Masks of boxes as masks of the window."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- its name everywhere


def paste(masks: Tensor, boxes: Tensor, rows: int, columns: int) -> Tensor:
    """Probabilities (n, m, m) of boxes (n, 4) as probabilities (n, rows, columns).

    ``boxes``: x0, y0, x1, y1, where the centre of a pixel is at whole numbers. Values between the
    cells are interpolated, so that a box may lie between pixels; outside of its box a mask is 0.
    """
    if not len(masks):
        return masks.new_zeros((0, rows, columns))
    masks, boxes = masks.float(), boxes.float()
    x = _along(boxes[:, 0], boxes[:, 2], columns)
    y = _along(boxes[:, 1], boxes[:, 3], rows)
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
    pasted = F.grid_sample(
        masks[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return pasted[:, 0] * (grid.abs() <= 1).all(dim=-1)


def _along(low: Tensor, high: Tensor, pixels: int) -> Tensor:
    """Where pixels (n, pixels) lie between ``low`` (-1) and ``high`` (1)."""
    centres = torch.arange(pixels, device=low.device, dtype=low.dtype)
    return 2 * (centres[None] - low[:, None]) / (high - low).clamp(min=1e-3)[:, None] - 1
