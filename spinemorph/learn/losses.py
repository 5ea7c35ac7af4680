"""What the two networks are taught: every loss a mean over what has a weight."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from spinemorph.segmenters.compact import layout


def finder_loss(outputs: tuple[Tensor, ...], batch: list[Tensor]) -> dict[str, Tensor]:
    """Parts of the finder's loss by name; ``batch`` in the order of ``FinderSample`` after the image."""
    centres, levels, offsets, masks, implants, film = (part.float() for part in outputs)
    heat, weight, level, offset, offset_weight, mask, implant, facts, fact_weight = batch
    off = functional.smooth_l1_loss(offsets, offset, beta=0.1, reduction="none") * offset_weight
    known = (level >= 0).sum().clamp(min=1)
    named = functional.cross_entropy(levels, level, ignore_index=-1, reduction="sum") / known
    told = functional.binary_cross_entropy_with_logits(film, facts, reduction="none") * fact_weight
    return {
        "centres": focal(centres, heat, weight),
        "levels": 0.3 * named,
        "offsets": 1.5 * off.sum() / offset_weight.sum().clamp(min=1),
        "masks": 0.5 * overlap(masks, mask),
        "implants": 0.5 * overlap(implants, implant),
        "film": 0.5 * told.sum() / fact_weight.sum().clamp(min=1),
    }


def focal(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """Penalty-reduced focal loss of centre maps (Law and Deng 2018), per peak."""
    p = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    peak = (heat >= 1).float()
    found = -torch.log(p) * (1 - p) ** 2 * peak
    missed = -torch.log(1 - p) * p**2 * (1 - heat) ** 4 * (1 - peak)
    return ((found + missed) * weight).sum() / peak.sum().clamp(min=1)


def overlap(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy plus soft Dice where the class is present."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target)
    p = torch.sigmoid(logits)
    both = (p * target).sum((2, 3))
    dice = 1 - (2 * both + 1) / (p.sum((2, 3)) + target.sum((2, 3)) + 1)
    present = (target.sum((2, 3)) > 0).float()
    return 3 * entropy + (dice * present).sum() / present.sum().clamp(min=1)


def refiner_loss(outputs: tuple[Tensor, ...], batch: list[Tensor]) -> dict[str, Tensor]:
    """Parts of the refiner's loss by name; ``batch`` in the order of ``CropSample`` after the image."""
    maps, masks, validity = (part.float() for part in outputs)
    corner, corner_weight, mask, mask_weight, valid, valid_weight = batch
    cells = (corner - (layout.CROP_STRIDE - 1) / 2) / layout.CROP_STRIDE
    log_p = functional.log_softmax(maps.flatten(2), 2)
    n = maps.shape[-1]
    grid = torch.arange(n, dtype=torch.float32, device=maps.device)
    x = torch.exp(-((grid - cells[..., 0:1]) ** 2) / 2)
    y = torch.exp(-((grid - cells[..., 1:2]) ** 2) / 2)
    target = (y[..., :, None] * x[..., None, :]).flatten(2)
    target = target / target.sum(2, keepdim=True).clamp(min=1e-6)
    entropy = -(target * log_p).sum(2)
    p = log_p.exp().unflatten(2, (n, n))
    mean = torch.stack([(p.sum(2) * grid).sum(2), (p.sum(3) * grid).sum(2)], 2)
    away = functional.smooth_l1_loss(mean, cells, beta=0.5, reduction="none").sum(2)
    total = corner_weight.sum().clamp(min=1)
    entropy_mask = functional.binary_cross_entropy_with_logits(masks, mask, reduction="none")
    soft = torch.sigmoid(masks)
    dice = 1 - (2 * (soft * mask).sum((2, 3)) + 1) / (soft.sum((2, 3)) + mask.sum((2, 3)) + 1)
    outline = (3 * entropy_mask.mean((2, 3)) + dice) * mask_weight
    told = functional.binary_cross_entropy_with_logits(validity, valid, reduction="none")
    return {
        "corners": (entropy * corner_weight).sum() / total,
        "distance": 0.5 * (away * corner_weight).sum() / total,
        "masks": outline.sum() / mask_weight.sum().clamp(min=1),
        "validity": (told * valid_weight).sum() / valid_weight.sum().clamp(min=1),
    }
