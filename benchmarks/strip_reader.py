"""The network of calibrate_strips.py: what it is, how it is used, and how a written one is taken up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import silu

from spinemorph.learn.networks import Residual, convolution, doubled
from spinemorph.measure.strips import ACROSS, ALONG, COLUMNS, KINDS, ROWS
from spinemorph.simulate.midline import CURVE_POINTS, DEPTH_PARTS, DEPTH_POINTS
from spinemorph.types import FloatArray

OUTPUTS, POINTS = 5, 3
#: Where along an endplate its depths are known, in lengths of it from its middle.
PLACES = tuple(point / (CURVE_POINTS - 1) - 0.5 for point in DEPTH_POINTS)
#: Columns of a strip between the corners of its endplate.
BETWEEN = slice(17, 79)
#: Steps of a strip in a cell of the maps; where the mask puts both corners and the middle.
STEP, REST = 4, ((0.5, 0.0), (-0.5, 0.0), (0.0, 0.0))
#: Layers that make the maps.
MAPS_OF = frozenset({"c4", "c8", "c16", "u8", "m8", "u4", "m4", "heat"})
#: Part of the features that are left out while it learns.
SPARED = 0.1


class LineReader(nn.Module):
    """The lines along one endplate, seen at the full height of its strip.

    A film shows at once how deep an endplate lies all across its body. Which of these depths is that of the
    mid-section is told by how they are spread, so all of them are asked for while it learns.
    """

    def __init__(self, widths: tuple[int, int] = (24, 16), hidden: int = 384) -> None:
        super().__init__()
        first, second = widths
        self.look = nn.Sequential(
            nn.AvgPool2d((1, 2)),
            nn.Conv2d(4, first, (5, 3), (1, 3), (2, 0)),
            nn.SiLU(),
            nn.Conv2d(first, second, (5, 1), 1, (2, 0)),
            nn.SiLU(),
            nn.Flatten(),
        )
        cells = ROWS * ((BETWEEN.stop - BETWEEN.start) // 6)
        self.think = nn.Sequential(
            nn.Linear(second * cells + KINDS, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.middle = nn.Linear(hidden, 1)
        self.depths = nn.Linear(hidden, len(PLACES) * DEPTH_PARTS)

    def forward(self, strips: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of strips between their corners: features (n, hidden), where across the strip the middle lies (n,)
        and the depths (n, places, parts), both in lengths of the endplate.
        """
        told = self.think(torch.cat([self.look(strips), kinds], 1))
        middle, depths = self.middle(told).float()[:, 0], self.depths(told).float()
        return told, middle / 100, depths.reshape(-1, len(PLACES), DEPTH_PARTS) / 100


class StripReader(nn.Module):
    """Maps of both corners and the middle of each strip and the lines along its endplate, then what the
    strips of a film tell together.

    Input: strips (n, 4, ROWS, COLUMNS), kinds (n, 3) as 0 and 1, from above downward.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96), told: int = 96) -> None:
        super().__init__()
        w2, w4, w8, w16 = widths
        self.c4 = nn.Sequential(
            convolution(4, w2, 3, 2), convolution(w2, w4, 3, 2), Residual(w4, w4)
        )
        self.c8 = nn.Sequential(convolution(w4, w8, 3, 2), Residual(w8, w8))
        self.c16 = nn.Sequential(convolution(w8, w16, 3, 2), Residual(w16, w16))
        self.u8, self.m8 = nn.Conv2d(w16, w8, 1), convolution(w8, w8)
        self.u4, self.m4 = nn.Conv2d(w8, w4, 1), convolution(w4, w4)
        self.heat = nn.Conv2d(w4, KINDS * POINTS, 1)
        self.spared = nn.Dropout(SPARED)
        self.own = nn.Linear(w16 * (ROWS // 16) * (COLUMNS // 16) + KINDS + 3 * POINTS, told)
        self.lines = LineReader()
        # what the lines add to the own features of a strip
        self.known = nn.Linear(self.lines.middle.in_features + POINTS, told)
        self.mix = nn.ModuleList(nn.Conv1d(told, told, 5, padding=2) for _ in range(2))
        self.last = nn.ModuleList(nn.Linear(told, 2 * OUTPUTS) for _ in range(KINDS))
        for layer in (*self.last, self.known):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        x, y = torch.linspace(-ALONG, ALONG, COLUMNS), torch.linspace(-ACROSS, ACROSS, ROWS)
        self.register_buffer("gx", x.reshape(-1, STEP).mean(1))
        self.register_buffer("gy", y.reshape(-1, STEP).mean(1))
        self.register_buffer("ref", torch.tensor(REST))
        self.register_buffer("scale", torch.ones(OUTPUTS))

    def maps(self, strips: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Points (n, 3, 2) less where the mask puts them, their spread (n, 3), the coarsest features."""
        c4 = self.c4(strips)
        c8 = self.c8(c4)
        c16 = self.c16(c8)
        p8 = self.m8(c8 + doubled(self.u8(c16)))
        p4 = self.m4(c4 + doubled(self.u4(p8)))
        heat = self.heat(p4).float().reshape(-1, KINDS, POINTS, ROWS // STEP, COLUMNS // STEP)
        heat = (heat * kinds[:, :, None, None, None]).sum(1)
        shares = torch.softmax(heat.flatten(2), 2).reshape(heat.shape)
        in_x, in_y = shares.sum(2), shares.sum(3)
        x, y = in_x @ self.gx, in_y @ self.gy
        spread = in_x @ self.gx**2 - x**2 + in_y @ self.gy**2 - y**2
        points = torch.stack([x, y], 2) - self.ref
        return points, torch.sqrt(spread.clamp(min=1e-8)), c16.float()

    def together(
        self, strips: Tensor, kinds: Tensor, rows: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Means and logarithms of spreads (n, 5), the means in lengths of the endplate, the spreads in units
        of ``scale``, and the points of the maps, of several films: ``rows`` (films, longest) of each film's
        strips, ``there`` 1 where it has one.
        """
        points, spread, coarse = self.maps(strips, kinds)
        lines, middle, _ = self.lines(strips[..., BETWEEN], kinds)
        with torch.autocast("cpu", enabled=False):
            away, sure = self._told(
                points, spread, coarse, lines.float(), middle, kinds, rows, there
            )
        return away, sure, points

    def _told(
        self,
        points: Tensor,
        spread: Tensor,
        coarse: Tensor,
        lines: Tensor,
        middle: Tensor,
        kinds: Tensor,
        rows: Tensor,
        there: Tensor,
    ) -> tuple[Tensor, Tensor]:
        depth = points[:, 2, 1] - (points[:, 0, 1] + points[:, 1, 1]) / 2
        seen = torch.cat([points[:, :2].flatten(1), depth[:, None]], 1)
        sure = torch.log(spread[:, :2] + 1e-4) + 3
        parts = [self.spared(coarse.flatten(1)), kinds, seen / 0.02, points[:, 2] / 0.02, sure]
        beside = middle[:, None] - torch.cat([points[:, :2, 1], points[:, 2, 1:]], 1)
        known = self.known(torch.cat([lines, beside / 0.02], 1))
        own = silu(self.own(torch.cat(parts, 1)) + known)
        told = own[rows] * there[..., None]
        for mix in self.mix:
            told = (told + silu(mix(told.transpose(1, 2)).transpose(1, 2))) * there[..., None]
        told = told[there > 0]
        each = torch.stack([layer(told) for layer in self.last], 1)
        found = (each * kinds[:, :, None]).sum(1)
        away = found[:, :OUTPUTS] * self.scale
        # of the middle: how far it lies from where its lines put it, then from the line between the corners
        placed = middle + away[:, 4]
        deep = placed - (away[:, 1] + away[:, 3]) / 2
        return torch.cat([away[:, :4], deep[:, None]], 1), found[:, OUTPUTS:].clamp(-4, 4)


class OfOneFilm(nn.Module):
    """As it is used: corners and depth of the middle (n, 5) and their standard deviations, in lengths of the
    endplate.
    """

    def __init__(self, reader: StripReader, wider: FloatArray) -> None:
        super().__init__()
        self.reader = reader
        self.register_buffer("wider", torch.tensor(wider, dtype=torch.float32))

    def forward(self, strips: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        count = torch.arange(strips.shape[0])[None]
        away, spread, _ = self.reader.together(strips, kinds, count, torch.ones_like(count).float())
        return away, torch.exp(spread) * self.reader.scale * (kinds @ self.wider)


def taken_up(reader: StripReader, written: Path) -> None:
    """Weights of a network that calibrate_strips.py wrote. There each norm is part of the convolution before
    it, so the norms are left to shift alone and must not measure anew (:func:`learns`). Depths across
    a body are asked for in learning alone and are not in the file: they stay as they are in ``reader``.
    """
    stored = {
        weight.name.removesuffix("_half"): torch.from_numpy(
            numpy_helper.to_array(weight).astype(np.float32)
        )
        for weight in onnx.load(written).graph.initializer
    }
    named = {name.removeprefix("reader."): value for name, value in stored.items()}
    own = {name: named[name] for name in reader.state_dict() if name in named}
    missing, _ = reader.load_state_dict(own, strict=False)
    joined = iter(value for name, value in stored.items() if name.startswith("onnx::Conv"))
    layers = [m for m in reader.modules() if isinstance(m, nn.Conv2d) and m.bias is None]
    with torch.no_grad():
        for layer, norm in zip(layers, _norms(reader), strict=True):
            layer.weight.copy_(next(joined))
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            norm.bias.copy_(next(joined))
    # of a layer and its norm the weight; weight, bias, mean and variance: they are not stored by name
    unnamed = [name for name in missing if not name.startswith("lines.depths.")]
    if next(joined, None) is not None or len(unnamed) != 5 * len(layers):
        raise SystemExit(f"{written}: is not of this network; fit it from nothing")


def learns(reader: StripReader, maps: bool, norms: bool) -> StripReader:
    """Learning: not what sees the lines; what makes the ``maps`` or not, its ``norms`` as they are or not."""
    reader.train()
    for norm in _norms(reader):
        norm.train(norms)
    for name, weight in reader.named_parameters():
        part = name.split(".")[0]
        weight.requires_grad_(part != "lines" and (maps or part not in MAPS_OF))
    return reader


def _norms(reader: StripReader) -> list[nn.BatchNorm2d]:
    return [module for module in reader.modules() if isinstance(module, nn.BatchNorm2d)]
