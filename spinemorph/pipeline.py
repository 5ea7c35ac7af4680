"""The only module that knows the order of the stages: read, prepare, segment, label, measure, report."""

from __future__ import annotations

import datetime as dt
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spinemorph import __version__
from spinemorph.errors import PluginError, ReportError
from spinemorph.hookspecs import Findings, ReportWriterPlugin
from spinemorph.plugins import Plugins
from spinemorph.preprocess import prepare
from spinemorph.read import read_radiograph
from spinemorph.types import (
    ImageInfo,
    Implant,
    Instance,
    LabeledSpine,
    Measurement,
    Numbering,
    Radiograph,
    Segmentation,
    Study,
    Vertebra,
)

#: Below this belief in a lateral lumbar film nothing is measured.
LATERAL_LUMBAR = 0.5
NOT_LATERAL, UNCERTAIN = "not_lateral_lumbar", "numbering_uncertain"


@dataclass(frozen=True)
class Options:
    """What the caller may choose; ``spacing`` is (row, column) in mm for every film."""

    segmenter: str = "compact"
    weights: Path | None = None
    device: str = "auto"
    labeler: str = "sacrum-first"
    spacing: tuple[float, float] | None = None
    facing: Literal["auto", "left", "right"] = "auto"
    contrast: Literal["none", "equalize"] = "none"
    formats: tuple[str, ...] = ("pdf", "json", "csv", "png")


@dataclass(frozen=True, eq=False)
class Analysis:
    """A study and the film it came from."""

    study: Study
    radiograph: Radiograph


class Pipeline:
    """Everything that is loaded once and used for many films."""

    def __init__(self, plugins: Plugins, options: Options | None = None) -> None:
        """Loads the model; raises PluginError, UsageError or WeightsError before any film is read."""
        self.options = options = options if options is not None else Options()
        self._writers = [
            (plugin := plugins.report_writer(name), plugin.create()) for name in options.formats
        ]
        self._labeler = plugins.labeler(options.labeler).create()
        self._postprocessors = [(plugin, plugin.create()) for plugin in plugins.postprocessors()]
        self._segmenter = plugins.segmenter(options.segmenter).create(
            weights=options.weights, device=options.device
        )
        self._manifest = {
            "spinemorph": __version__,
            "segmenter": options.segmenter,
            "segmenter_from": plugins.owner(plugins.segmenter(options.segmenter)),
            "weights_sha256": getattr(self._segmenter, "weights_sha256", None),
            "labeler": options.labeler,
            "postprocessors": [plugin.name for plugin, _ in self._postprocessors],
            "preprocessing": options.contrast,
            "device": getattr(self._segmenter, "device", options.device),
            "onnxruntime": metadata.version("onnxruntime"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        }

    def analyze(self, path: Path) -> Analysis:
        """Read, segment, number and measure one film; SpinemorphError names what went wrong."""
        radiograph = read_radiograph(path, spacing=self.options.spacing)
        return Analysis(self.study_of(radiograph), radiograph)

    def study_of(self, radiograph: Radiograph) -> Study:
        """The study of a film that is already in memory."""
        prepared = prepare(radiograph, contrast=self.options.contrast)
        segmentation = self._segment(prepared)
        if segmentation.lateral_lumbar is not None and segmentation.lateral_lumbar < LATERAL_LUMBAR:
            return self._study(
                radiograph, LabeledSpine((), flags=segmentation.flags), (), (), (NOT_LATERAL,)
            )
        spine = self._labeler.label(prepared, segmentation)
        vertebrae, measurements, flags = self._measure(prepared, spine)
        if UNCERTAIN in spine.flags:
            measurements = tuple(_withheld(item) for item in measurements)
        return self._study(radiograph, spine, vertebrae, measurements, flags)

    def _segment(self, radiograph: Radiograph) -> Segmentation:
        found = self._segmenter.segment(radiograph)
        name = self.options.segmenter
        if not isinstance(found, Segmentation):
            found = Segmentation(_instances(found, name))
        for instance in _instances(found.instances, name):
            _check(instance, radiograph, name)
        facing = self.options.facing
        if facing != "auto":
            return replace(found, facing=facing)
        if radiograph.facing is not None:
            disagrees = found.facing is not None and found.facing != radiograph.facing
            flags = (*found.flags, "facing_disagrees") if disagrees else found.flags
            return replace(found, facing=found.facing or radiograph.facing, flags=flags)
        return found

    def _measure(
        self, radiograph: Radiograph, spine: LabeledSpine
    ) -> tuple[tuple[Vertebra, ...], tuple[Measurement, ...], tuple[str, ...]]:
        provided: dict[str, Any] = {}
        measurements: list[Measurement] = []
        flags: list[str] = []
        for plugin, postprocessor in self._postprocessors:
            findings = postprocessor.process(radiograph, spine, provided)
            if not isinstance(findings, Findings):
                raise PluginError(
                    f"postprocessor {plugin.name!r} returned {type(findings).__name__}, not Findings"
                )
            missing = set(plugin.provides) - set(findings.provided)
            if missing:
                raise PluginError(
                    f"postprocessor {plugin.name!r} did not provide {', '.join(sorted(missing))}"
                )
            provided.update(findings.provided)
            measurements += findings.measurements
            flags += findings.flags
        landmarks = provided.get("landmarks")
        bodies = () if landmarks is None else landmarks.bodies
        return tuple(body.vertebra() for body in bodies), tuple(measurements), tuple(flags)

    def _study(
        self,
        radiograph: Radiograph,
        spine: LabeledSpine,
        vertebrae: tuple[Vertebra, ...],
        measurements: tuple[Measurement, ...],
        flags: tuple[str, ...],
    ) -> Study:
        every = dict.fromkeys((*radiograph.flags, *spine.flags, *flags))
        image = ImageInfo(
            radiograph.rows, radiograph.columns, spine.facing, radiograph.spacing, radiograph.aspect
        )
        now = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()
        return Study(
            radiograph.source,
            image,
            vertebrae,
            tuple(
                Implant(
                    item.id,
                    item.instance.category,
                    item.levels,
                    outline(item.instance),
                    item.instance.score,
                )
                for item in spine.implants
            ),
            measurements,
            spine.numbering if vertebrae else Numbering(0.0),
            tuple(every),
            {**self._manifest, "analyzed_at": now},
        )

    def write(self, analysis: Analysis, folder: Path) -> list[Path]:
        """Write the files of one study into ``folder``; each appears whole or not at all."""
        return write_study(self._writers, analysis, folder)


def write_study(
    writers: Sequence[tuple[ReportWriterPlugin, Any]], analysis: Analysis, folder: Path
) -> list[Path]:
    """Every file is made beside the folder first and then moved into place.

    ReportError names the file that could not be written; a fault of a plugin keeps its traceback.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(
            tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", suffix=".part", dir=folder.parent)
        )
    except OSError as fault:
        raise ReportError(f"{folder}: cannot be written: {fault.strerror}") from fault
    try:
        for plugin, writer in writers:
            writer.write(analysis.study, analysis.radiograph, part / plugin.filename)
        folder.mkdir(exist_ok=True)
        for plugin, _ in writers:
            (part / plugin.filename).replace(folder / plugin.filename)
    except OSError as fault:
        raise ReportError(f"{folder}: cannot be written: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [folder / plugin.filename for plugin, _ in writers]


def outline(instance: Instance) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The longest outer contour of an instance, (n, 2) x, y in pixels of the film."""
    import cv2

    contours, _ = cv2.findContours(
        np.ascontiguousarray(instance.mask, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    longest = max(contours, key=len).reshape(-1, 2).astype(np.float64)
    return longest + [instance.box.left, instance.box.top]


def _instances(found: Any, name: str) -> tuple[Instance, ...]:
    try:
        instances = tuple(found)
    except TypeError:
        raise PluginError(
            f"segmenter {name!r} returned {type(found).__name__}, not a list of Instance"
        ) from None
    for instance in instances:
        if not isinstance(instance, Instance):
            raise PluginError(
                f"segmenter {name!r} returned {type(instance).__name__}, not Instance"
            )
    return instances


def _check(instance: Instance, radiograph: Radiograph, name: str) -> None:
    box = instance.box
    if box.bottom > radiograph.rows or box.right > radiograph.columns:
        raise PluginError(
            f"segmenter {name!r}: {instance.category} in box {box} lies outside the film of "
            f"{radiograph.rows} x {radiograph.columns} pixels: instances belong in original pixels"
        )
    for what, values in (("corners", instance.corners), ("covariance", instance.covariance)):
        if values is not None and np.isinf(values).any():
            raise PluginError(f"segmenter {name!r}: {what} of a {instance.category} are infinite")


def _withheld(item: Measurement) -> Measurement:
    """The measurement without what depends on a level that may be wrong."""
    if not item.levels or item.value is None:
        return item
    return replace(item, value=None, label=None, interval95=None, reason=UNCERTAIN)
