"""A data set that any model learns in seconds, to test that it can be trained."""

from __future__ import annotations

from pathlib import Path

from spinemorph.data.annotation import AnnotatedInstance, Annotation
from spinemorph.data.formats import FORMATS
from spinemorph.testing.phantoms import draw_phantom, write_png
from spinemorph.types import Facing

ROWS, COLUMNS = 180, 120


def write_dataset(folder: Path, films: int = 12) -> Path:
    """Draw films of 180 x 120 pixels into ``folder``; the path of their annotation (COCO)."""
    folder.mkdir(parents=True, exist_ok=True)
    annotations = []
    for number in range(films):
        facing: Facing = "left" if number % 2 else "right"
        phantom = draw_phantom(ROWS, COLUMNS, lordosis=30 + 3 * number, facing=facing)
        name = f"film_{number:02d}.png"
        write_png(phantom.radiograph.pixels, folder / name)
        bodies = tuple(
            AnnotatedInstance(each.category, level, outline_mask=each.mask, outline_box=each.box)
            for each, level in zip(phantom.instances, phantom.levels, strict=True)
        )
        annotations.append(Annotation(name, ROWS, COLUMNS, bodies))
    FORMATS["coco"].write(annotations, folder / "coco.json")
    return folder / "coco.json"
