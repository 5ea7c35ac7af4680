"""What a segmenter finds on films, as an annotation file that ``spinemorph evaluate`` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from spinemorph.contract import checked_segmentation
from spinemorph.data.annotation import AnnotatedInstance, Annotation
from spinemorph.data.coco import write_coco
from spinemorph.errors import SpinemorphError
from spinemorph.hookspecs import Segmenter
from spinemorph.learn.dataset import Film
from spinemorph.read import read_radiograph


def write_predictions(segmenter: Segmenter, films: Sequence[Film], path: Path) -> list[str]:
    """Write a COCO file of ``films``; a line for each film that could not be read or was declined."""
    problems: list[str] = []

    def annotations() -> Iterator[Annotation]:
        for film in films:
            try:
                radiograph = read_radiograph(film.image)
                found = segmenter.segment(radiograph)
                checked = checked_segmentation(found, radiograph, type(segmenter).__name__)
            except SpinemorphError as fault:
                problems.append(str(fault))
                continue
            instances = tuple(
                AnnotatedInstance(
                    each.category, score=each.score, outline_mask=each.mask, outline_box=each.box
                )
                for each in checked
            )
            yield Annotation(film.image.name, radiograph.rows, radiograph.columns, instances)

    write_coco(annotations(), path)
    return problems
