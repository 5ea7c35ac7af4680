"""One answer for every body: what instance families do after their own suppression of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spinemorph.anatomy import BODY_CATEGORIES
from spinemorph.learn.family import Found

#: A pixel belongs to a mask from this probability on.
INSIDE = 0.5


def distinct(found: Sequence[Found], categories: Sequence[str], shared: float = 0.5) -> list[Found]:
    """``found`` without empty masks and doubles, best first.

    Two masks are of one body where they have at least ``shared`` of the smaller one in common; the
    more certain one stays. Bodies are compared whatever their category, implants only with others of
    their own: a screw lies within a body. There is one sacrum, the most certain. ``categories``: those
    of the settings, as :class:`~spinemorph.learn.family.Found` counts them.
    """
    kept: list[Found] = []
    layers: list[torch.Tensor] = []
    groups: list[str] = []
    for each in sorted(found, key=lambda one: -one.score):
        category = categories[each.label - 1]
        if category == "sacrum" and any(_is_sacrum(one, categories) for one in kept):
            continue
        layer = each.mask >= INSIDE
        size = int(layer.sum())
        group = "body" if category in BODY_CATEGORIES else category
        rivals = [one for one, other in zip(layers, groups, strict=True) if other == group]
        if not size or any(_common(layer, size, rival) >= shared for rival in rivals):
            continue
        kept.append(each)
        layers.append(layer)
        groups.append(group)
    return kept


def _common(layer: torch.Tensor, size: int, rival: torch.Tensor) -> float:
    """Pixels of both masks over those of the smaller one."""
    return int((layer & rival).sum()) / min(size, int(rival.sum()))


def _is_sacrum(found: Found, categories: Sequence[str]) -> bool:
    return categories[found.label - 1] == "sacrum"
