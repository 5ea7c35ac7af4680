"""What spinemorph brings itself, registered like any third party's plugin.

Nothing heavy is imported here: ``create`` imports its module when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from spinemorph.hookspecs import (
    API,
    REPORT_OPTIONS,
    EvaluatorPlugin,
    LabelerPlugin,
    PostprocessorPlugin,
    ReportWriterPlugin,
    SegmenterPlugin,
    hookimpl,
)

#: The postprocessor value that carries contours, corners and endplates to the measurements.
LANDMARKS: Final = "landmarks"
MASK_SHAPES: Final = "mask_shapes"


def _later(module: str, name: str) -> Callable[..., Any]:
    """A callable that imports ``spinemorph.<module>`` and calls ``name`` of it when called."""

    def create(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"spinemorph.{module}"), name)(*args, **kwargs)

    return create


@hookimpl
def spinemorph_segmenters() -> list[SegmenterPlugin]:
    return [
        SegmenterPlugin(
            name="compact",
            summary="The embedded model, trained on simulated films alone",
            api=API,
            create=_later("segmenters.compact", "CompactSegmenter"),
        )
    ]


@hookimpl
def spinemorph_labelers() -> list[LabelerPlugin]:
    return [
        LabelerPlugin(
            name="sacrum-first",
            summary="Numbers the bodies from the sacrum upward",
            api=API,
            create=_later("label", "SacrumFirstLabeler"),
        )
    ]


@hookimpl
def spinemorph_postprocessors() -> list[PostprocessorPlugin]:
    def measure(
        name: str, summary: str, module: str, of: str, *provides: str
    ) -> PostprocessorPlugin:
        create = _later(f"measure.{module}", of)
        return PostprocessorPlugin(name, summary, API, create, (LANDMARKS,), provides)

    return [
        PostprocessorPlugin(
            name="endplates",
            summary="Contours, endplates and corners of every body",
            api=API,
            create=_later("measure.endplates", "EndplatesAndCorners"),
            provides=(LANDMARKS, MASK_SHAPES),
        ),
        PostprocessorPlugin(
            name="quality",
            summary="What the film shows of the column, and what that forbids",
            api=API,
            create=_later("measure.quality", "FilmQuality"),
            needs=(LANDMARKS,),
            provides=("level_flags",),
        ),
        measure("lordosis", "Lordosis, its distribution, sacral slope", "lordosis", "Lordosis"),
        measure("pelvis", "Pelvic incidence and tilt, L1 pelvic angle", "pelvis", "Pelvis"),
        measure(
            "discs",
            "Area, heights and indices of disc spaces",
            "discs",
            "DiscSpaces",
            "disc_spaces",
        ),
        measure("heights", "Heights and depths of the bodies", "heights", "VertebralHeights"),
        measure("implants", "Cages, screws and rods against the bodies", "implants", "Implants"),
        measure(
            "vertebral_shape", "Lost height and grade of deformity", "deformity", "VertebralShape"
        ),
        PostprocessorPlugin(
            name="osteophytes",
            summary="Area, reach and grade of osteophytes at every corner",
            api=API,
            create=_later("measure.osteophytes", "Osteophytes"),
            needs=(LANDMARKS, MASK_SHAPES),
        ),
        measure("slip", "Slip of a body on the one below", "slip", "Slip"),
    ]


@hookimpl
def spinemorph_evaluators() -> list[EvaluatorPlugin]:
    def evaluator(name: str, summary: str, of: str, *metrics: str) -> EvaluatorPlugin:
        return EvaluatorPlugin(name, summary, API, _later("evaluate.evaluators", of), metrics)

    return [
        evaluator(
            "pixels",
            "Pixel accuracy, mean accuracy, mean and weighted IoU of merged masks",
            "PixelEvaluator",
            "pixel_accuracy",
            "mean_accuracy",
            "mean_iou",
            "frequency_weighted_iou",
        ),
        evaluator(
            "recognition",
            "Are all bodies found, each as one, overlaps kept",
            "RecognitionEvaluator",
            "recognized",
            "composite_recognized",
        ),
        evaluator(
            "instances",
            "Overlap, surface distance and corner error of matched bodies",
            "InstanceEvaluator",
            "matched_iou",
            "dice",
            "hausdorff95_px",
            "hausdorff95_mm",
            "surface_distance_px",
            "surface_distance_mm",
            "corner_error_px",
            "corner_error_mm",
            "corner_error_percent",
        ),
    ]


@hookimpl
def spinemorph_report_writers() -> list[ReportWriterPlugin]:
    def writer(
        name: str, summary: str, module: str, of: str, filename: str, *options: str
    ) -> ReportWriterPlugin:
        create = _later(f"report.{module}", of)
        return ReportWriterPlugin(name, summary, API, create, filename, options)

    return [
        writer("pdf", "The report for the file", "pdf", "PdfWriter", "report.pdf", *REPORT_OPTIONS),
        writer("html", "The report as a page", "html", "HtmlWriter", "report.html", "language"),
        writer("json", "Everything that is known", "json_writer", "JsonWriter", "study.json"),
        writer(
            "png",
            "The film with what was found",
            "overlay",
            "OverlayWriter",
            "overlay.png",
            "language",
        ),
        writer("csv", "One measurement a row", "csv_writer", "CsvWriter", "measurements.csv"),
    ]
