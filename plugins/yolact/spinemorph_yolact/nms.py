"""Fast NMS: suppression of doubles in one step (Bolya et al. 2019, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from spinemorph_yolact.anchors import iou


def fast_nms(boxes: Tensor, scores: Tensor, threshold: float, limit: int) -> Tensor:
    """Numbers of the boxes (n, 4) that stay, best first.

    Of the ``limit`` best, each goes that overlaps a better one by more than ``threshold``, whether or
    not that one goes as well: a little more is suppressed than one after the other.
    """
    order = torch.argsort(scores, descending=True, stable=True)[:limit]
    overlap = iou(boxes[order], boxes[order]).triu(diagonal=1)
    if not len(order):
        return order
    return order[overlap.amax(dim=0) <= threshold]
