"""Mask R-CNN of torchvision on windows of one size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- its name everywhere
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from spinemorph.errors import UsageError
from spinemorph_maskrcnn.backbone import LEVELS, pyramid

#: Windows are filled up to a multiple of this, so that every cell of a level is whole.
DIVISOR = 32


class WindowMaskRCNN(MaskRCNN):
    """Mask R-CNN without the resampling of torchvision's own: a window is taken as it is.

    Boxes have the centre of a pixel at whole numbers, as torchvision's cutting of masks has it.
    """

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What is found on images (n, 1, rows, columns), best first: ``boxes``, ``labels``,
        ``scores`` and ``masks`` (k, 1, m, m), the probabilities within the boxes.
        """
        with training_flag(self, value=False):
            return self._run(images, None)[0]

    def losses(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Parts of the loss; in evaluation mode with the statistics of normalisation as they are.

        The samples of evaluation mode are always the same draw, and leave the generator alone.
        """
        if self.training:
            return self._run(images, targets)[1]
        devices = [images.device] if images.is_cuda else []
        with training_flag(self, value=True), torch.random.fork_rng(devices):
            torch.manual_seed(0)
            return self._run(images, targets)[1]

    def _run(
        self, images: Tensor, targets: Any
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        rows, columns = images.shape[-2:]
        images = F.pad(images, (0, -columns % DIVISOR, 0, -rows % DIVISOR))
        images = images.contiguous(memory_format=torch.channels_last)
        sizes = [(rows, columns)] * len(images)
        features = self.backbone(images)
        proposals, losses = self.rpn(ImageList(images, sizes), features, targets)
        found, more = self.roi_heads(features, proposals, sizes, targets)
        return found, {**losses, **more}


@contextmanager
def training_flag(network: MaskRCNN, *, value: bool) -> Iterator[None]:
    """The two parts that either find or give a loss set to ``value``, none of their layers."""
    parts = (network.rpn, network.roi_heads)
    before = [part.training for part in parts]
    for part in parts:
        part.training = value
    try:
        yield
    finally:
        for part, flag in zip(parts, before, strict=True):
            part.training = flag


def build_network(backbone: str, classes: int, options: Mapping[str, Any]) -> WindowMaskRCNN:
    """A network with random weights for ``classes`` kinds of things besides the background."""
    if len(options["anchor_sizes"]) != LEVELS:
        raise UsageError(
            f"maskrcnn: anchor_sizes in [family] has a size for each of {LEVELS} levels"
        )
    norm = nn.BatchNorm2d
    channels, hidden = options["channels"], options["hidden"]
    sizes = [(float(size),) for size in options["anchor_sizes"]]
    ratios = tuple(float(ratio) for ratio in options["anchor_ratios"])
    network = WindowMaskRCNN(
        pyramid(backbone, channels, norm),
        rpn_anchor_generator=AnchorGenerator(tuple(sizes), (ratios,) * len(sizes)),
        rpn_fg_iou_thresh=options["near"],
        rpn_bg_iou_thresh=options["far"],
        rpn_batch_size_per_image=options["rpn_samples"],
        rpn_pre_nms_top_n_train=options["proposals"],
        rpn_pre_nms_top_n_test=options["proposals"],
        rpn_post_nms_top_n_train=options["proposals"],
        rpn_post_nms_top_n_test=options["proposals"],
        box_head=TwoMLPHead(channels * 7**2, hidden),
        box_predictor=FastRCNNPredictor(hidden, classes + 1),
        box_batch_size_per_image=options["box_samples"],
        box_positive_fraction=options["box_positives"],
        box_score_thresh=options["score"],
        box_nms_thresh=options["nms"],
        box_detections_per_img=options["detections"],
        mask_head=MaskRCNNHeads(channels, [channels] * options["mask_layers"], 1, norm),
        mask_predictor=MaskRCNNPredictor(channels, channels, classes + 1),
    )
    for part in (
        network.rpn.head,
        network.roi_heads.box_predictor,
        network.roi_heads.mask_predictor,
    ):
        part.register_forward_hook(_in_float32)
    return network.to(memory_format=torch.channels_last)


def _in_float32(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    """The output of a module in float32, also under mixed precision: boxes need the digits."""
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(_in_float32(_module, _inputs, part) for part in output)
