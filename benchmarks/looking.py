"""What the accuracy benchmarks share: one film through segmenter, labeler and landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.landmarks import Landmarks
from spinemorph.measure.mask_corners import MaskShape
from spinemorph.segmenters.compact import CompactSegmenter
from spinemorph.types import FloatArray, LabeledSpine, PixelSpacing, Radiograph, Source

LUMBAR = ("L1", "L2", "L3", "L4", "L5")
NOT_LATERAL = 0.5


@dataclass(frozen=True, eq=False)
class Look:
    """What the toolkit says of a film."""

    spine: LabeledSpine
    landmarks: Landmarks
    lateral: bool
    shapes: tuple[MaskShape, ...] = ()

    @property
    def numbered(self) -> bool:
        """Whether any level is reported and relied on."""
        return self.lateral and self.landmarks.numbered and not self.withheld

    @property
    def withheld(self) -> bool:
        return "numbering_uncertain" in self.spine.flags

    def corners(self) -> dict[str, FloatArray]:
        return {body.level: body.corners for body in self.landmarks.bodies if body.level}


class Looker:
    """Holds the model."""

    def __init__(self, weights: Path | None) -> None:
        self.segmenter = CompactSegmenter(weights, "cpu")

    def look(self, pixels: np.ndarray, spacing_mm: float | None = None) -> Look:
        spacing = None if spacing_mm is None else PixelSpacing(spacing_mm, spacing_mm, "user")
        radiograph = Radiograph(pixels, Source("film", ""), spacing)
        segmentation = self.segmenter.segment(radiograph)
        lateral = segmentation.lateral_lumbar is None or segmentation.lateral_lumbar >= NOT_LATERAL
        spine = SacrumFirstLabeler().label(radiograph, segmentation)
        if not lateral:
            spine = LabeledSpine(())
        provided = EndplatesAndCorners().process(radiograph, spine, {}).provided
        return Look(spine, provided["landmarks"], lateral, provided["mask_shapes"])


def lordosis(upper: FloatArray, lower: FloatArray) -> float:
    """Degrees between the superior endplates of two bodies, without sign."""
    a, b = upper[0] - upper[1], lower[0] - lower[1]
    return float(abs(np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))))


def height(corners: FloatArray) -> float:
    return float(np.linalg.norm(corners[:2] - corners[2:], axis=1).mean())
