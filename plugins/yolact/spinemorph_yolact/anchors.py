"""Anchors, their code for boxes, and which body each of them answers for.

Boxes are x0, y0, x1, y1 in edges of window pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

#: Scale of a code: centres in tenths of the anchor, sizes in fifths of a factor e (Liu et al. 2016).
VARIANCES: Final = (0.1, 0.2)
#: Codes stand for sizes of at most this factor: a wild one cannot overflow.
MOST: Final = 4.0
#: Instead of the number of a body: none, and too uncertain to teach either.
NOTHING, UNDECIDED = -1, -2


def anchors_of(
    grids: Sequence[tuple[int, int]],
    strides: Sequence[int],
    sizes: Sequence[float],
    ratios: Sequence[float],
    device: torch.device | str = "cpu",
) -> Tensor:
    """Anchors (n, 4): levels, within them rows, columns, ratios.

    ``grids``: rows and columns of every level; ``sizes``: root of an anchor's area, one a level;
    ``ratios``: height over width.
    """
    levels = []
    root = torch.tensor(ratios, dtype=torch.float32, device=device).sqrt()
    for (rows, columns), stride, size in zip(grids, strides, sizes, strict=True):
        y = (torch.arange(rows, device=device, dtype=torch.float32) + 0.5) * stride
        x = (torch.arange(columns, device=device, dtype=torch.float32) + 0.5) * stride
        shape = rows, columns, len(ratios)
        x, y = x[None, :, None].expand(shape), y[:, None, None].expand(shape)
        half_width, half_height = (size / root / 2).expand(shape), (size * root / 2).expand(shape)
        corners = (x - half_width, y - half_height, x + half_width, y + half_height)
        levels.append(torch.stack(corners, dim=-1).reshape(-1, 4))
    return torch.cat(levels)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Code (n, 4) of boxes relative to their anchors: shift of the centre, logarithm of the size."""
    centre, size = _centre_size(boxes)
    middle, extent = _centre_size(anchors)
    shift = (centre - middle) / extent / VARIANCES[0]
    return torch.cat([shift, (size / extent).log() / VARIANCES[1]], dim=-1)


def decode(code: Tensor, anchors: Tensor) -> Tensor:
    """Boxes of codes; the inverse of :func:`encode` up to sizes of e^4 times the anchor's."""
    middle, extent = _centre_size(anchors)
    centre = middle + code[..., :2] * VARIANCES[0] * extent
    half = extent * (code[..., 2:] * VARIANCES[1]).clamp(max=MOST).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def match(anchors: Tensor, boxes: Tensor, near: float, far: float) -> Tensor:
    """The body (n,) that each anchor answers for, or NOTHING, or UNDECIDED.

    An anchor answers for the body that it overlaps most, from an intersection over union of ``near``;
    below ``far`` for none. The best anchor of each body always answers for it, where any overlaps it.
    """
    if not len(boxes):
        return torch.full((len(anchors),), NOTHING, dtype=torch.int64, device=anchors.device)
    overlap = iou(anchors, boxes)
    best, body = overlap.max(dim=1)
    answer = torch.where(best >= near, body, torch.full_like(body, UNDECIDED))
    answer[best < far] = NOTHING
    # a body at a time, so that two never share their only anchor
    for _ in range(len(boxes)):
        anchor, number = divmod(int(overlap.argmax()), len(boxes))
        if overlap[anchor, number] <= 0:
            break
        answer[anchor] = number
        overlap[anchor] = -1
        overlap[:, number] = -1
    return answer


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (n, 4) and (m, 4): (n, m)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    union = _area(first)[:, None] + _area(second)[None] - common
    return common / union.clamp(min=1e-9)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=-1)


def _centre_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
