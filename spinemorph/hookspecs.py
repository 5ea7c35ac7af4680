"""The hook specifications and the descriptors that hooks return; nothing else.

A plugin is any installed distribution with an entry point in the group ``spinemorph`` that names
a module or object with some of these hooks::

    import spinemorph
    from spinemorph.hookspecs import SegmenterPlugin

    @spinemorph.hookimpl
    def spinemorph_segmenters():
        return [SegmenterPlugin(name="mine", summary="My model", api=1, create=MyModel)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import pluggy

from spinemorph.types import (
    Instance,
    LabeledSpine,
    Measurement,
    Radiograph,
    Region,
    Segmentation,
    Study,
)

#: Choices of the user that a report writer may ask for.
REPORT_OPTIONS: Final = ("language", "page")
#: The version of the descriptors below; a plugin made for another one is refused at load.
API: Final = 1

hookspec = pluggy.HookspecMarker("spinemorph")
hookimpl = pluggy.HookimplMarker("spinemorph")


class Segmenter(Protocol):
    """Finds bodies and implants. The plugin owns its resizing; results are in original pixels."""

    def segment(self, radiograph: Radiograph) -> Segmentation | Sequence[Instance]: ...


class Labeler(Protocol):
    """Gives every body its level."""

    def label(self, radiograph: Radiograph, segmentation: Segmentation) -> LabeledSpine: ...


@dataclass(frozen=True, eq=False)
class Findings:
    """What a postprocessor returns: measurements, values for others by name, flags, and regions of the
    film that a report may draw.
    """

    measurements: tuple[Measurement, ...] = ()
    provided: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    flags: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


class Postprocessor(Protocol):
    """Derives measurements; ``provided`` holds what the postprocessors it needs gave."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings: ...


class Evaluator(Protocol):
    """Scores one predicted annotation against its reference: metric name -> value or None."""

    def evaluate(self, predicted: Any, reference: Any) -> Mapping[str, float | None]: ...


class ReportWriter(Protocol):
    """Writes one file of a study. ``path`` does not exist yet; the core moves it into place."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None: ...


@dataclass(frozen=True)
class SegmenterPlugin:
    """``create(weights: Path | None, device: str)``; ``train(dataset, settings)`` where it can."""

    name: str
    summary: str
    api: int
    create: Callable[..., Segmenter]
    train: Callable[..., Any] | None = None


@dataclass(frozen=True)
class LabelerPlugin:
    """``create()``."""

    name: str
    summary: str
    api: int
    create: Callable[..., Labeler]


@dataclass(frozen=True)
class PostprocessorPlugin:
    """``create()``; runs after every plugin that provides what it ``needs``."""

    name: str
    summary: str
    api: int
    create: Callable[..., Postprocessor]
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluatorPlugin:
    """``create()``; ``metrics`` names the columns that it fills, in order."""

    name: str
    summary: str
    api: int
    create: Callable[..., Evaluator]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportWriterPlugin:
    """``create(**options)``; ``name`` is the word for ``--formats``, ``filename`` the file it writes.

    ``options``: which of the user's choices (``language``, ``page``) ``create`` takes by name.
    """

    name: str
    summary: str
    api: int
    create: Callable[..., ReportWriter]
    filename: str
    options: tuple[str, ...] = ()


class Specifications:
    """The hooks of the project ``spinemorph``; each returns a list of descriptors."""

    @hookspec
    def spinemorph_segmenters(self) -> list[SegmenterPlugin]:
        """Models that find vertebral bodies and implants."""
        return []

    @hookspec
    def spinemorph_labelers(self) -> list[LabelerPlugin]:
        """Ways to number the bodies."""
        return []

    @hookspec
    def spinemorph_postprocessors(self) -> list[PostprocessorPlugin]:
        """Measurements, and what they are derived from."""
        return []

    @hookspec
    def spinemorph_evaluators(self) -> list[EvaluatorPlugin]:
        """Metrics of a prediction against a reference."""
        return []

    @hookspec
    def spinemorph_report_writers(self) -> list[ReportWriterPlugin]:
        """Files that a study is written to."""
        return []
