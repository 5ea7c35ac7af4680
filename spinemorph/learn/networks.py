"""The two networks of the embedded model: one finds the bodies, one refines each of them.

Both are plain convolution, batch norm and ReLU, small enough for one processor core.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from spinemorph.segmenters.compact import layout

WIDTHS: Final = (16, 32, 56, 96, 144)


def convolution(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(
            inputs, outputs, size, stride, dilation * (size // 2), dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the identity (1 x 1 where the width or stride changes)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride, dilation=dilation)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.short(x) + self.norm(self.second(self.first(x))))


class Context(nn.Module):
    """Adds to every location what the whole picture says (average and maximum, gated)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Linear(2 * width, width), nn.ReLU(inplace=True), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return x + self.mix(pooled)[:, :, None, None]


def _last(inputs: int, outputs: int, bias: float = 0.0) -> nn.Conv2d:
    last = nn.Conv2d(inputs, outputs, 1)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.constant_(last.bias, bias)  # type: ignore[arg-type]
    return last


class Finder(nn.Module):
    """Where bodies and S1 are, on a whole film or on a window of it.

    Input (n, 2, 416, 320); outputs in the order of :data:`layout.FINDER_OUTPUTS`, all logits but
    the offsets, which are in units of :data:`layout.OFFSET_UNIT` input pixels from the cell.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, lateral: int = 48) -> None:
        super().__init__()
        stem, w4, w8, w16, w32 = widths
        self.stem = convolution(layout.CHANNELS, stem, 5, 2)
        self.stage4 = nn.Sequential(Residual(stem, w4, 2), Residual(w4, w4))
        self.stage8 = nn.Sequential(Residual(w4, w8, 2), Residual(w8, w8))
        self.stage16 = nn.Sequential(
            Residual(w8, w16, 2), Residual(w16, w16), Residual(w16, w16, dilation=2)
        )
        self.stage32 = nn.Sequential(
            Residual(w16, w32, 2), Residual(w32, w32, dilation=2), Context(w32), Residual(w32, w32)
        )
        self.lateral4 = nn.Conv2d(w4, lateral, 1)
        self.lateral8 = nn.Conv2d(w8, lateral, 1)
        self.lateral16 = nn.Conv2d(w16, lateral, 1)
        self.lateral32 = nn.Conv2d(w32, lateral, 1)
        self.merge16 = Residual(lateral, lateral)
        self.merge8 = Residual(lateral, lateral)
        self.merge4 = convolution(lateral, lateral)
        self.shared = convolution(lateral, 64)
        self.centres = _last(64, 2, bias=-4.0)
        self.details = _last(64, len(layout.LEVEL_CLASSES) + 8 + 2)
        self.implants = _last(64, 4 * len(layout.IMPLANTS), bias=-3.0)
        self.film = nn.Sequential(
            nn.Linear(2 * w32, 64), nn.ReLU(inplace=True), nn.Linear(64, len(layout.FILM_OUTPUTS))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        c4 = self.stage4(self.stem(x))
        c8 = self.stage8(c4)
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p16 = self.merge16(self.lateral16(c16) + doubled(self.lateral32(c32)))
        p8 = self.merge8(self.lateral8(c8) + doubled(p16))
        p4 = self.shared(self.merge4(self.lateral4(c4) + doubled(p8)))
        levels = len(layout.LEVEL_CLASSES)
        details = self.details(p4)
        film = self.film(torch.cat([c32.mean((2, 3)), c32.amax((2, 3))], 1))
        return (
            self.centres(p4),
            details[:, :levels],
            details[:, levels : levels + 8],
            details[:, levels + 8 :],
            functional.pixel_shuffle(self.implants(p4), 2),
            film,
        )


def doubled(x: Tensor) -> Tensor:
    """Twice as many rows and columns."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Refiner(nn.Module):
    """Corners and outline of one body in its canonical crop.

    Input (n, 2, 112, 112); outputs in the order of :data:`layout.REFINER_OUTPUTS`: logits of the points
    of :data:`layout.POINTS` (n, 9, 56, 56), mask logits of body and S1 (n, 2, 56, 56), validity
    logits (n, 2).
    """

    def __init__(self, widths: tuple[int, ...] = (24, 48, 80, 112)) -> None:
        super().__init__()
        w2, w4, w8, w16 = widths
        self.stem = nn.Sequential(convolution(layout.CHANNELS, w2, 5, 2), Residual(w2, w2))
        self.stage4 = nn.Sequential(Residual(w2, w4, 2), Residual(w4, w4))
        self.stage8 = nn.Sequential(Residual(w4, w8, 2), Residual(w8, w8))
        self.stage16 = nn.Sequential(Residual(w8, w16, 2), Context(w16), Residual(w16, w16))
        self.up8 = nn.Conv2d(w16, w8, 1)
        self.merge8 = Residual(w8, w8)
        self.up4 = nn.Conv2d(w8, w4, 1)
        self.merge4 = Residual(w4, w4)
        self.up2 = nn.Conv2d(w4, w2, 1)
        self.merge2 = Residual(w2, w2)
        self.maps = nn.Conv2d(w2, layout.POINTS + 2, 1)
        self.validity = nn.Sequential(
            nn.Linear(2 * w16, 64), nn.ReLU(inplace=True), nn.Linear(64, 2)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        c2 = self.stem(x)
        c4 = self.stage4(c2)
        c8 = self.stage8(c4)
        c16 = self.stage16(c8)
        p8 = self.merge8(c8 + doubled(self.up8(c16)))
        p4 = self.merge4(c4 + doubled(self.up4(p8)))
        p2 = self.merge2(c2 + doubled(self.up2(p4)))
        maps = self.maps(p2)
        validity = self.validity(torch.cat([c16.mean((2, 3)), c16.amax((2, 3))], 1))
        return maps[:, : layout.POINTS], maps[:, layout.POINTS :], validity
