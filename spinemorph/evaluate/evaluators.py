"""The built-in evaluators: each scores one predicted annotation against its reference.

``evaluate(predicted, reference)`` gets two :class:`~spinemorph.data.annotation.Annotation` values,
rasterized and of one size, and returns a value or None for each of its metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from spinemorph.data.annotation import Annotation, class_mask
from spinemorph.evaluate.instances import InstanceScore, score_instances
from spinemorph.evaluate.metrics import pixel_metrics
from spinemorph.evaluate.recognition import recognition

PIXEL_METRICS: Final = (
    "pixel_accuracy",
    "mean_accuracy",
    "mean_iou",
    "frequency_weighted_iou",
)
RECOGNITION_METRICS: Final = ("recognized", "composite_recognized")
INSTANCE_METRICS: Final = (
    "matched_iou",
    "dice",
    "hausdorff95_px",
    "hausdorff95_mm",
    "surface_distance_px",
    "surface_distance_mm",
    "corner_error_px",
    "corner_error_mm",
    "corner_error_percent",
)

Values = Mapping[str, float | None]


class PixelEvaluator:
    """The four pixel metrics of the merged class masks; None where the size is not known."""

    def evaluate(self, predicted: Annotation, reference: Annotation) -> Values:
        if reference.size is None or predicted.size is None:
            return dict.fromkeys(PIXEL_METRICS)
        metrics = pixel_metrics(class_mask(predicted), class_mask(reference))
        return {name: getattr(metrics, name) for name in PIXEL_METRICS}


class RecognitionEvaluator:
    """Recognition and composite recognition as 1, 0 or None."""

    def evaluate(self, predicted: Annotation, reference: Annotation) -> Values:
        result = recognition(
            predicted.instances,
            reference.instances,
            reference_holds_overlaps=reference.holds_overlaps,
        )
        judged = result.recognized, result.composite_recognized
        return {
            name: None if value is None else float(value)
            for name, value in zip(RECOGNITION_METRICS, judged, strict=True)
        }


class InstanceEvaluator:
    """Means over the matched bodies of a film; millimetres where the reference has a spacing.

    ``corner_error_percent`` is in percent of each body's height.
    """

    def evaluate(self, predicted: Annotation, reference: Annotation) -> Values:
        scores = score_instances(predicted, reference)
        spacing = reference.spacing or predicted.spacing
        width = None if spacing is None else spacing.column
        values: dict[str, float | None] = {
            "matched_iou": _mean([score.iou for score in scores]),
            "dice": _mean([score.dice for score in scores]),
        }
        for name, field in (
            ("hausdorff95", "hausdorff95"),
            ("surface_distance", "surface_distance"),
            ("corner_error", "corner_error"),
        ):
            mean = _mean([getattr(score, field) for score in scores])
            values[f"{name}_px"] = mean
            values[f"{name}_mm"] = None if mean is None or width is None else mean * width
        values["corner_error_percent"] = _mean([_percent(score) for score in scores])
        return values


def _percent(score: InstanceScore) -> float | None:
    if score.corner_error is None or score.body_height is None:
        return None
    return 100 * score.corner_error / score.body_height


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
