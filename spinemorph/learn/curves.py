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
    """One line an epoch: losses, their parts, mean IoU of the validation films, learning rate."""
    parts = list(log[-1].parts)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["epoch", "loss", "validation_loss", "validation_mean_iou", "rate", *parts])
    for epoch in log:
        values = [epoch.loss, epoch.validation_loss, epoch.mean_iou, epoch.rate]
        values += [epoch.parts.get(part, 0.0) for part in parts]
        writer.writerow([epoch.number, *(f"{value:.6g}" for value in values)])
    write_text(path, stream.getvalue())


def draw_curves(log: Sequence[Epoch], title: str, path: Path) -> None:
    """Loss of training and validation, and mean IoU of validation with its best epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in log]
    left.plot(epochs, [each.loss for each in log], color=_BLUE, marker=".", label="training")
    validation = [each.validation_loss for each in log]
    left.plot(epochs, validation, color=_ORANGE, marker=".", label="validation")
    left.set(xlabel="epoch", ylabel="loss", title=title)
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    best = max(log, key=lambda epoch: epoch.mean_iou)
    right.plot(epochs, [100 * each.mean_iou for each in log], color=_GREEN, marker=".")
    right.axvline(best.number, color="0.7", linewidth=1, zorder=0)
    right.set(
        xlabel="epoch",
        ylabel="mean IoU of the validation films, %",
        title=f"best {100 * best.mean_iou:.1f} % in epoch {best.number}",
        ylim=(0, 100),
    )
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    write_bytes(path, stream.getvalue())
