"""The log of a training as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spinemorph.data.files import write_bytes, write_text

if TYPE_CHECKING:
    from spinemorph.learn.trainer import Epoch

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"


def write_log(log: Sequence[Epoch], path: Path) -> None:
    """One line an epoch: losses, their parts, mean IoU of the validation films, learning rate.

    Cells of what an epoch without validation does not have are empty.
    """
    parts = list(log[-1].parts)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["epoch", "loss", "validation_loss", "validation_mean_iou", "rate", *parts])
    for epoch in log:
        values = [epoch.loss, epoch.validation_loss, epoch.mean_iou, epoch.rate]
        values += [epoch.parts.get(part, 0.0) for part in parts]
        cells = ("" if value is None else f"{value:.6g}" for value in values)
        writer.writerow([epoch.number, *cells])
    write_text(path, stream.getvalue())


def draw_curves(log: Sequence[Epoch], title: str, path: Path) -> None:
    """Loss of training and validation, and mean IoU of validation with its best epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    judged = [
        (epoch.number, epoch.validation_loss, 100 * epoch.mean_iou)
        for epoch in log
        if epoch.validation_loss is not None and epoch.mean_iou is not None
    ]
    epochs, learned = [each.number for each in log], [each.loss for each in log]
    left.plot(epochs, learned, color=_BLUE, marker=".", label="training")
    numbers, losses, shares = zip(*judged, strict=True) if judged else ((), (), ())
    left.plot(numbers, losses, color=_ORANGE, marker=".", label="validation")
    left.set(xlabel="epoch", ylabel="loss", title=title)
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    right.plot(numbers, shares, color=_GREEN, marker=".")
    right.set(xlabel="epoch", ylabel="mean IoU of the validation films, %", ylim=(0, 100))
    if judged:
        number, _, share = max(judged, key=lambda each: each[2])
        right.axvline(number, color="0.7", linewidth=1, zorder=0)
        right.set_title(f"best {share:.1f} % in epoch {number}")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    write_bytes(path, stream.getvalue())
