"""The family ``maskrcnn``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from spinemorph.learn.distinct import distinct
from spinemorph.learn.family import Family, Found, Target
from spinemorph_maskrcnn.network import build_network
from spinemorph_maskrcnn.paste import paste

#: From the edges of pixels to boxes that have the centre of a pixel at whole numbers.
CENTRE = 0.5


class MaskRCNNFamily(Family):
    """Mask R-CNN: boxes from anchors, then a class, a finer box and a mask for each (He et al. 2017).

    Own settings:

    ``channels``: width of the feature pyramid and of the heads; ``hidden``: units of the box head;
    ``mask_layers``: convolutions of the mask head. ``anchor_sizes``: root of the area of an anchor in
    window pixels, one for every level (strides 4 to 64); ``anchor_ratios``: its height over its width.
    ``near``, ``far``: overlap with a body from which an anchor is one, and below which it is none.
    ``rpn_samples``, ``box_samples``: anchors and boxes a film that the losses are taken on;
    ``box_positives``: share of these boxes that lie on bodies, at most.
    ``proposals``: boxes that go on to the heads, at most, a level before and all after suppression.
    ``score``: a body that is less certain is not found; ``nms``: intersection over union from which of
    two boxes of a class only the better stays; ``detections``: bodies of a film, at most; ``shared``:
    share of the smaller of two masks from which they are one body.
    """

    name = "maskrcnn"
    options: ClassVar[Mapping[str, Any]] = {
        "channels": 256,
        "hidden": 1024,
        "mask_layers": 4,
        "anchor_sizes": (32.0, 64.0, 128.0, 256.0, 512.0),
        "anchor_ratios": (0.5, 1.0, 2.0),
        "near": 0.7,
        "far": 0.3,
        "rpn_samples": 256,
        "box_samples": 512,
        "box_positives": 0.25,
        "proposals": 1000,
        "score": 0.5,
        "nms": 0.4,
        "detections": 60,
        "shared": 0.5,
    }

    def build(self) -> nn.Module:
        settings = self.settings
        options = {**self.options, **settings.family}
        return build_network(settings.backbone, len(settings.categories), options)

    def losses(self, network: Any, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        truths = [
            {"boxes": each.boxes - CENTRE, "labels": each.labels, "masks": each.masks}
            for each in targets
        ]
        losses: dict[str, Tensor] = network.losses(images, truths)
        return losses

    def find(self, network: Any, images: Tensor) -> list[list[Found]]:
        rows, columns = images.shape[-2:]
        share = self.settings.family.get("shared", self.options["shared"])
        answers = []
        for each in network(images):
            masks = paste(each["masks"][:, 0], each["boxes"], rows, columns)
            labels, scores = each["labels"].tolist(), each["scores"].tolist()
            found = [Found(*parts) for parts in zip(labels, scores, masks, strict=True)]
            answers.append(distinct(found, self.settings.categories, share))
        return answers
