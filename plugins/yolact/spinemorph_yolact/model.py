"""The family ``yolact``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from spinemorph.learn.distinct import distinct
from spinemorph.learn.family import Family, Found, Target
from spinemorph_yolact.anchors import decode
from spinemorph_yolact.losses import all_losses
from spinemorph_yolact.masks import assemble
from spinemorph_yolact.network import PROTOTYPE_STRIDE, Raw, Yolact
from spinemorph_yolact.nms import fast_nms


class YolactFamily(Family):
    """YOLACT: prototype masks for the whole film, and for every anchor a class, a box and the
    mixture of prototypes that is its mask (Bolya et al. 2019).

    Own settings:

    ``channels``: width of the feature pyramid and of the heads, a multiple of 8; ``prototypes``: their
    number. ``anchor_sizes``: root of the area of an anchor in window pixels, one for every level
    (stride 8 and up, three levels or more); ``anchor_ratios``: its height over its width. ``near``,
    ``far``: overlap from which an anchor answers for a body, and below which for none. ``negatives``:
    anchors of the background for each that answers, the worst ones; ``least_negatives``: at least so
    many a film. ``mask_samples``: masks of a film that the loss looks at. ``class_weight``,
    ``box_weight``, ``mask_weight``, ``semantic_weight``: of the parts of the loss. ``score``: a body
    that is less certain is not found; ``nms``: overlap of two boxes of a class from which only the
    better stays; ``candidates``: boxes that are compared; ``detections``: bodies of a film, at most;
    ``shared``: share of the smaller of two masks from which they are one body.
    """

    name = "yolact"
    options: ClassVar[Mapping[str, Any]] = {
        "channels": 256,
        "prototypes": 32,
        "anchor_sizes": (24.0, 48.0, 96.0, 192.0, 384.0),
        "anchor_ratios": (1.0, 0.5, 2.0),
        "near": 0.5,
        "far": 0.4,
        "negatives": 3,
        "least_negatives": 16,
        "mask_samples": 100,
        "class_weight": 1.0,
        "box_weight": 1.5,
        "mask_weight": 6.125,
        "semantic_weight": 1.0,
        "score": 0.5,
        "nms": 0.4,
        "candidates": 200,
        "detections": 60,
        "shared": 0.5,
    }

    def build(self) -> nn.Module:
        settings = self.settings
        network = Yolact(settings.backbone, len(settings.categories), self._options)
        return network.to(memory_format=torch.channels_last)

    def losses(
        self, network: nn.Module, images: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        raw = network(images)
        with torch.autocast(images.device.type, enabled=False):
            return all_losses(raw, targets, self._options)

    def find(self, network: nn.Module, images: Tensor) -> list[list[Found]]:
        raw = network(images)
        rows, columns = images.shape[-2:]
        with torch.autocast(images.device.type, enabled=False):
            return [self._bodies(raw, number, rows, columns) for number in range(len(images))]

    def _bodies(self, raw: Raw, number: int, rows: int, columns: int) -> list[Found]:
        options = self._options
        scores = raw.logits[number].softmax(dim=-1)[:, 1:]
        boxes = decode(raw.codes[number], raw.anchors)
        found: list[Found] = []
        for label in range(1, scores.shape[1] + 1):
            certain = torch.nonzero(scores[:, label - 1] >= options["score"])[:, 0]
            score = scores[certain, label - 1]
            keep = fast_nms(boxes[certain], score, options["nms"], options["candidates"])
            kept = certain[keep]
            masks = assemble(
                raw.prototypes[number],
                raw.coefficients[number, kept],
                boxes[kept],
                rows,
                columns,
                PROTOTYPE_STRIDE,
            )
            pairs = zip(score[keep].tolist(), masks, strict=True)
            found += [Found(label, value, mask) for value, mask in pairs]
        best = distinct(found, self.settings.categories, options["shared"])
        return best[: options["detections"]]

    @property
    def _options(self) -> Mapping[str, Any]:
        return {**self.options, **self.settings.family}
