"""The parts of YOLACT's loss (Bolya et al. 2019, sections 3 and 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- its name everywhere

from spinemorph.learn.family import Target
from spinemorph_yolact.anchors import NOTHING, encode, match
from spinemorph_yolact.masks import inside
from spinemorph_yolact.network import PROTOTYPE_STRIDE, Raw


def all_losses(
    raw: Raw, targets: Sequence[Target], options: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The four parts, weighted; finite also where no image shows a body.

    Classes, boxes and masks are means over the anchors that answer for a body.
    """
    near, far = options["near"], options["far"]
    answers = [match(raw.anchors, target.boxes, near, far) for target in targets]
    taught = max(sum(int((answer >= 0).sum()) for answer in answers), 1)
    sums = raw.logits.new_zeros(3)
    for number, (answer, target) in enumerate(zip(answers, targets, strict=True)):
        sums = sums + torch.stack(
            [
                class_loss(raw.logits[number], answer, target.labels, options),
                box_loss(raw.codes[number], raw.anchors, answer, target.boxes),
                mask_loss(
                    raw.prototypes[number],
                    raw.coefficients[number],
                    answer,
                    target,
                    options["mask_samples"],
                ),
            ]
        )
    weights = options["class_weight"], options["box_weight"], options["mask_weight"]
    names = "classes", "boxes", "masks"
    parts = {
        name: weight * part / taught
        for name, weight, part in zip(names, weights, sums, strict=True)
    }
    weight = options["semantic_weight"]
    return {**parts, "semantic": weight * semantic_loss(raw.semantic, targets)}


def class_loss(
    logits: Tensor, answer: Tensor, labels: Tensor, options: Mapping[str, Any]
) -> Tensor:
    """Sum of the cross entropy of the anchors of an image that answer for a body, and of the worst of
    the others: ``negatives`` for each of the first, ``least_negatives`` where there are few.
    """
    taught = answer >= 0
    wanted = torch.zeros_like(answer)
    wanted[taught] = labels[answer[taught]]
    entropy = F.cross_entropy(logits, wanted, reduction="none")
    count = max(options["negatives"] * int(taught.sum()), options["least_negatives"])
    background = entropy[answer == NOTHING]
    worst = background.topk(min(count, len(background))).values
    return entropy[taught].sum() + worst.sum()


def box_loss(codes: Tensor, anchors: Tensor, answer: Tensor, boxes: Tensor) -> Tensor:
    """Sum of the smooth L1 distance of the codes (n, 4) from those of the bodies' boxes."""
    taught = answer >= 0
    wanted = encode(boxes[answer[taught]], anchors[taught])
    return F.smooth_l1_loss(codes[taught], wanted, reduction="sum")


def mask_loss(
    prototypes: Tensor, coefficients: Tensor, answer: Tensor, target: Target, samples: int
) -> Tensor:
    """Sum over anchors of the binary cross entropy within the body's own box, over the box's area.

    At most ``samples`` anchors of an image are looked at, spread evenly; they stand for all.
    """
    taught = torch.nonzero(answer >= 0)[:, 0]
    if not len(taught):
        return prototypes.sum() * 0 + coefficients.sum() * 0
    looked = taught[:: -(-len(taught) // samples)]
    _, rows, columns = prototypes.shape
    truth = coarse(target.masks, rows, columns, PROTOTYPE_STRIDE)
    box = inside(target.boxes, rows, columns, PROTOTYPE_STRIDE).float()
    area = box.sum(dim=(1, 2)).clamp(min=1)
    body = answer[looked]
    mixed = torch.einsum("khw,nk->nhw", prototypes, coefficients[looked])
    entropy = F.binary_cross_entropy_with_logits(mixed, truth[body], reduction="none")
    each = (entropy * box[body]).sum(dim=(1, 2)) / area[body]
    return each.sum() * (len(taught) / len(looked))


def semantic_loss(semantic: Tensor, targets: Sequence[Target]) -> Tensor:
    """Mean binary cross entropy of class masks (n, classes, h, w), summed over classes."""
    classes, rows, columns = semantic.shape[1:]
    truth = torch.zeros_like(semantic)
    for layer, target in zip(truth, targets, strict=True):
        masks = coarse(target.masks, rows, columns, 2 * PROTOTYPE_STRIDE)
        for label in range(1, classes + 1):
            of_class = masks[target.labels == label]
            if len(of_class):
                layer[label - 1] = of_class.amax(dim=0)
    return F.binary_cross_entropy_with_logits(semantic, truth) * classes


def coarse(masks: Tensor, rows: int, columns: int, stride: int) -> Tensor:
    """Share of each cell (n, rows, columns) that lies in the masks (n, window rows, window columns)."""
    below, right = rows * stride - masks.shape[1], columns * stride - masks.shape[2]
    padded = F.pad(masks.float(), (0, right, 0, below))
    if not len(masks):
        return padded.new_zeros((0, rows, columns))
    return F.avg_pool2d(padded[:, None], stride)[:, 0]
