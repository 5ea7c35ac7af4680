"""One look for all figures: colours that colour-blind readers tell apart, small plain type."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spinemorph.data.files import write_bytes

#: Okabe and Ito 2008, the yellow left out.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
LINES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
#: Words of the known metrics.
TITLES: Final = {
    "pixel_accuracy": "Pixel accuracy",
    "mean_accuracy": "Mean accuracy",
    "mean_iou": "Mean IoU",
    "frequency_weighted_iou": "Frequency weighted IoU",
    "recognized": "Recognition",
    "composite_recognized": "Composite recognition",
    "matched_iou": "IoU of matched bodies",
    "dice": "Dice of matched bodies",
    "hausdorff95_px": "95 % Hausdorff distance (px)",
    "hausdorff95_mm": "95 % Hausdorff distance (mm)",
    "surface_distance_px": "Mean surface distance (px)",
    "surface_distance_mm": "Mean surface distance (mm)",
    "corner_error_px": "Corner error (px)",
    "corner_error_mm": "Corner error (mm)",
    "corner_error_percent": "Corner error (% of body height)",
}
DPI: Final = 300
SETTINGS: Final = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.4,
    "svg.hashsalt": "spinemorph",
    "svg.fonttype": "none",
}

Draw = Callable[[Any], None]


@dataclass(frozen=True)
class Figure:
    """A drawing: its file's stem, a caption, width and height in inches."""

    name: str
    caption: str
    size: tuple[float, float]
    draw: Draw

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write PNG and SVG; equal input gives equal files."""
        paths = folder / f"{self.name}.png", folder / f"{self.name}.svg"
        with _canvas(self) as figure:
            for path in paths:
                stream = io.BytesIO()
                kind = path.suffix[1:]
                about = {"Date": None} if kind == "svg" else {"Software": "spinemorph"}
                figure.savefig(stream, format=kind, dpi=DPI, metadata=about)
                write_bytes(path, stream.getvalue())
        return paths


@contextmanager
def _canvas(figure: Figure) -> Iterator[Any]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(SETTINGS):
        canvas = Canvas(figsize=figure.size, layout="constrained")
        FigureCanvasAgg(canvas)
        figure.draw(canvas)
        yield canvas


def title_of(metric: str) -> str:
    """The metric in words."""
    return TITLES.get(metric, metric.replace("_", " "))


def colour(index: int) -> str:
    """Colour of the model at that place, again from the start after the last."""
    return COLOURS[index % len(COLOURS)]


def stem(text: str) -> str:
    """Text as a part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text).strip("-") or "figure"
