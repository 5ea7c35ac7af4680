"""YOLO11 and YOLOv8 segmentation: ultralytics' network, loss and suppression in our training.

The network gives boxes with classes at strides 8, 16 and 32, and a sum of prototype masks at stride 4 for
each of them (as YOLACT, Bolya et al. 2019, doi:10.1109/ICCV.2019.00925).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar, Final

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from spinemorph.errors import UsageError
from spinemorph.learn.family import Family, Found, Target
from spinemorph_yolo.quiet import (
    ARCHITECTURES,
    SegmentationModel,
    crop_mask,
    non_max_suppression,
    v8SegmentationLoss,
)

#: The largest stride of the network: windows are padded to a multiple of it.
STRIDE: Final = 32
#: Pixels of the window to one of the prototype masks.
MASK_STRIDE: Final = 4
_FILES: Final = {"yolo11": "11/yolo11-seg.yaml", "yolov8": "v8/yolov8-seg.yaml"}
_BACKBONE: Final = re.compile(r"(yolo11|yolov8)([nsmlx])-seg")
_PARTS: Final = ("box", "mask", "class", "distance")
#: Logit of 1 %: how likely a place is to hold a body before anything is learned (Lin et al. 2017,
#: doi:10.1109/ICCV.2017.324). The bias that ultralytics starts from is made for windows of 640 x 640 pixels.
_RARE: Final = -4.6
#: Seconds; ultralytics drops what it has not suppressed in time, which would depend on the machine.
_FOREVER: Final = 1e9


class Yolo(Family):
    """``backbone``: ``yolo11n-seg`` (also s, m, l, x) or ``yolov8n-seg``, with random weights."""

    name = "yolo"
    licence = "AGPL-3.0-only"
    #: ``score``: least score of a body; ``overlap``: intersection over union of two boxes above which the
    #: weaker one is left out, whatever its category; ``most``: bodies a film at most. ``box_gain`` (boxes and
    #: masks), ``class_gain``, ``distance_gain``: weights of the parts of the loss. ``anchors``: places of the
    #: network that learn one body.
    options: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "score": 0.25,
            "overlap": 0.5,
            "most": 30,
            "box_gain": 7.5,
            "class_gain": 0.5,
            "distance_gain": 1.5,
            "anchors": 10,
        }
    )

    def build(self) -> nn.Module:
        """UsageError where the backbone is none of those that ship with ultralytics."""
        architecture = _architecture(self.settings.backbone)
        option = self.settings.family
        network = SegmentationModel(
            architecture, ch=1, nc=len(self.settings.categories), verbose=False
        )
        network.args = SimpleNamespace(
            box=option["box_gain"],
            cls=option["class_gain"],
            dfl=option["distance_gain"],
            overlap_mask=False,
        )
        head = network.model[-1]
        head.dynamic = True  # places are made anew for every window, none is kept
        for branch in head.one2many["cls_head"]:
            nn.init.constant_(branch[-1].bias, _RARE)
        return _Padded(network)

    def losses(
        self, network: nn.Module, images: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """``box`` (CIoU), ``mask``, ``class``, ``distance`` (of box edges), means over the films."""
        rows, columns = _padded_size(images)
        loss = v8SegmentationLoss(network.inner, tal_topk=self.settings.family["anchors"])
        parts, _ = loss(network(images), _batch(targets, rows, columns, images.device))
        return {name: part / len(images) for name, part in zip(_PARTS, parts, strict=False)}

    def find(self, network: nn.Module, images: Tensor) -> list[list[Found]]:
        (predictions, prototypes), _ = network(images)
        option = self.settings.family
        kept = non_max_suppression(
            predictions.float(),
            conf_thres=option["score"],
            iou_thres=option["overlap"],
            agnostic=True,
            max_det=option["most"],
            max_time_img=_FOREVER,
            nc=len(self.settings.categories),
        )
        return [
            _found(bodies, masks.float(), images.shape[-2:])
            for bodies, masks in zip(kept, prototypes, strict=True)
        ]


class _Padded(nn.Module):
    """The network on windows of any size: below and to the right they are filled with black."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Any:
        rows, columns = _padded_size(images)
        return self.inner(_fill(images, rows, columns))


def _architecture(backbone: str) -> dict[str, Any]:
    """What ships with ultralytics; never a file of the same name elsewhere, never a download."""
    match = _BACKBONE.fullmatch(backbone)
    if match is None:
        raise UsageError(
            f"unknown backbone {backbone!r} of yolo; known: yolo11n-seg and yolov8n-seg, "
            f"also with s, m, l or x for n"
        )
    family, scale = match.groups()
    text = (ARCHITECTURES / _FILES[family]).read_text(encoding="utf-8")
    return {**yaml.safe_load(text), "scale": scale, "yaml_file": f"{backbone}.yaml"}


def _padded_size(images: Tensor) -> tuple[int, int]:
    rows, columns = (-(-side // STRIDE) * STRIDE for side in images.shape[-2:])
    return rows, columns


def _fill(images: Tensor, rows: int, columns: int) -> Tensor:
    down, across = rows - images.shape[-2], columns - images.shape[-1]
    return functional.pad(images, (0, across, 0, down)) if down or across else images


def _batch(
    targets: Sequence[Target], rows: int, columns: int, device: torch.device
) -> dict[str, Tensor]:
    """Targets as ultralytics takes them: every body of the batch in one list.

    Masks have the prototypes' size and hold the share of each pixel that the body covers.
    """
    masks = [_fill(each.masks.float(), rows, columns) for each in targets]
    size = torch.tensor([columns, rows, columns, rows], dtype=torch.float32, device=device)
    corners = torch.cat([each.boxes for each in targets]).to(device) / size
    middle, extent = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    counts = torch.tensor([len(each.labels) for each in targets])
    return {
        "batch_idx": torch.arange(len(targets)).repeat_interleave(counts).float().to(device),
        "cls": torch.cat([each.labels - 1 for each in targets]).float().to(device),
        "bboxes": torch.cat([middle, extent], 1),
        "masks": functional.avg_pool2d(torch.cat(masks).to(device)[:, None], MASK_STRIDE)[:, 0],
    }


def _found(bodies: Tensor, prototypes: Tensor, window: torch.Size) -> list[Found]:
    """``bodies`` (n, 6 + prototypes): box, score, class, weights of the prototypes.

    As ultralytics makes masks, but before it cuts them at one half.
    """
    if not len(bodies):
        return []
    sums = torch.einsum("np,pij->nij", bodies[:, 6:], prototypes)
    logits = functional.interpolate(
        sums[None], scale_factor=float(MASK_STRIDE), mode="bilinear", align_corners=False
    )[0]
    masks = crop_mask(logits.sigmoid(), bodies[:, :4])[:, : window[0], : window[1]]
    return [
        Found(int(row[5]) + 1, float(row[4]), mask) for row, mask in zip(bodies, masks, strict=True)
    ]
