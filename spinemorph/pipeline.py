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
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from spinemorph import __version__
from spinemorph.contract import checked_segmentation
from spinemorph.errors import PluginError, ReportError, UsageError
from spinemorph.hookspecs import Findings, ReportWriterPlugin
from spinemorph.plugins import Plugins
from spinemorph.preprocess import prepare
from spinemorph.read import read_radiograph
from spinemorph.types import (
    Facing,
    ImageInfo,
    Implant,
    Instance,
    LabeledSpine,
    Measurement,
    Numbering,
    Radiograph,
    Region,
    Segmentation,
    Study,
    Vertebra,
)
from spinemorph.withhold import LevelFlags, withheld

#: Below this belief in a lateral lumbar film nothing is measured.
LATERAL_LUMBAR = 0.5
#: Below this confidence in the numbering, values that depend on a level are withheld.
CERTAIN = 0.5
NOT_LATERAL, UNCERTAIN = "not_lateral_lumbar", "numbering_uncertain"


@dataclass(frozen=True)
class Options:
    """What the caller may choose; ``spacing`` is (row, column) in mm for every film.

    ``femoral_heads``: x, y of the centre of one or both femoral heads in pixels of the film; they
    replace what a model found.
    """

    segmenter: str = "compact"
    weights: Path | None = None
    device: str = "auto"
    labeler: str = "sacrum-first"
    spacing: tuple[float, float] | None = None
    facing: Literal["auto", "left", "right"] = "auto"
    contrast: Literal["none", "equalize"] = "none"
    formats: tuple[str, ...] = ("pdf", "json", "csv", "png")
    femoral_heads: tuple[tuple[float, float], ...] | None = None
    language: str = "en"
    page: str = "a4"


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
            (plugin := plugins.report_writer(name), _created(plugin, options))
            for name in options.formats
        ]
        _check_filenames([plugin for plugin, _ in self._writers])
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
        if segmentation.lateral_lumbar is None:
            segmentation = replace(segmentation, flags=(*segmentation.flags, "view_unchecked"))
        elif segmentation.lateral_lumbar < LATERAL_LUMBAR:
            nothing = LabeledSpine((), flags=segmentation.flags)
            return self._study(radiograph, nothing, Findings(flags=(NOT_LATERAL,)))
        spine = self._label(prepared, segmentation)
        findings = self._measure(prepared, spine)
        allowed = withheld(
            findings.measurements,
            (*radiograph.flags, *spine.flags, *findings.flags),
            findings.provided.get("level_flags", {}),
            scaled=radiograph.spacing is not None,
        )
        return self._study(radiograph, spine, replace(findings, measurements=allowed))

    def _segment(self, radiograph: Radiograph) -> Segmentation:
        found = checked_segmentation(
            self._segmenter.segment(radiograph), radiograph, self.options.segmenter
        )
        side = found.facing or _side(found)
        if self.options.facing != "auto":
            return _facing(found, side, self.options.facing)
        if radiograph.facing is None:
            return found
        disagrees = side is not None and side != radiograph.facing
        flags = (*found.flags, "facing_disagrees") if disagrees else found.flags
        return replace(found, facing=side or radiograph.facing, flags=flags)

    def _label(self, radiograph: Radiograph, segmentation: Segmentation) -> LabeledSpine:
        """The named bodies; a low confidence is flagged whatever the labeler makes of it."""
        spine = self._labeler.label(radiograph, segmentation)
        name = self.options.labeler
        if not isinstance(spine, LabeledSpine):
            raise PluginError(
                f"labeler {name!r} returned a {type(spine).__name__}, expected a LabeledSpine"
            )
        spine = self._with_femoral_heads(spine, segmentation, radiograph)
        levels = [body.level for body in spine.vertebrae if body.level is not None]
        if len(set(levels)) < len(levels):
            raise PluginError(f"labeler {name!r} gave one level to two bodies: {', '.join(levels)}")
        if levels and spine.numbering.confidence < CERTAIN and UNCERTAIN not in spine.flags:
            return replace(spine, flags=(*spine.flags, UNCERTAIN))
        return spine

    def _with_femoral_heads(
        self, spine: LabeledSpine, segmentation: Segmentation, radiograph: Radiograph
    ) -> LabeledSpine:
        """The heads that the caller gave, else those of the labeler, else those of the segmenter."""
        given = self.options.femoral_heads
        if given is None:
            found = spine.femoral_heads
            return replace(
                spine, femoral_heads=segmentation.femoral_heads if found is None else found
            )
        for x, y in given:
            if not (0 <= x < radiograph.columns and 0 <= y < radiograph.rows):
                raise UsageError(
                    f"femoral head at {x:g}, {y:g} lies outside the film of {radiograph.columns} x "
                    f"{radiograph.rows} pixels (x to the right, y down)"
                )
        heads = np.array(given)
        return replace(spine, femoral_heads=heads, flags=(*spine.flags, "femoral_heads_given"))

    def _measure(self, radiograph: Radiograph, spine: LabeledSpine) -> Findings:
        """What all postprocessors found, as one."""
        provided: dict[str, Any] = {}
        measurements: list[Measurement] = []
        flags: list[str] = []
        regions: list[Region] = []
        for plugin, postprocessor in self._postprocessors:
            findings = postprocessor.process(radiograph, spine, MappingProxyType(provided))
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
            regions += findings.regions
        return Findings(tuple(measurements), provided, tuple(flags), tuple(regions))

    def _study(self, radiograph: Radiograph, spine: LabeledSpine, findings: Findings) -> Study:
        every = dict.fromkeys((*radiograph.flags, *spine.flags, *findings.flags))
        landmarks = findings.provided.get("landmarks")
        bodies = () if landmarks is None else landmarks.bodies
        level_flags = findings.provided.get("level_flags", {})
        vertebrae = tuple(_vertebra(body, level_flags) for body in bodies)
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
            findings.measurements,
            spine.numbering if vertebrae else Numbering(0.0),
            tuple(every),
            {**self._manifest, "analyzed_at": now},
            findings.regions,
            spine.femoral_heads,
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
    if folder.is_symlink():
        raise ReportError(f"{folder}: is a link; results are not written through links")
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
            if not (part / plugin.filename).is_file():
                raise PluginError(f"report writer {plugin.name!r} wrote no {plugin.filename}")
        folder.mkdir(exist_ok=True)
        for plugin, _ in writers:
            (part / plugin.filename).replace(folder / plugin.filename)
    except OSError as fault:
        raise ReportError(f"{folder}: cannot be written: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [folder / plugin.filename for plugin, _ in writers]


def _created(plugin: ReportWriterPlugin, options: Options) -> Any:
    """A report writer with those of the user's choices that it asks for."""
    return plugin.create(**{name: getattr(options, name) for name in plugin.options})


def _check_filenames(writers: Sequence[ReportWriterPlugin]) -> None:
    """Two writers of one file would undo each other."""
    owners: dict[str, str] = {}
    for plugin in writers:
        other = owners.setdefault(plugin.filename.lower(), plugin.name)
        if other != plugin.name:
            raise PluginError(
                f"report writers {other!r} and {plugin.name!r} both write {plugin.filename}: "
                f"leave one out of --formats"
            )


def outline(instance: Instance) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The longest outer contour of an instance, (n, 2) x, y in pixels of the film."""
    import cv2

    contours, _ = cv2.findContours(
        np.ascontiguousarray(instance.mask, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    longest = max(contours, key=len).reshape(-1, 2).astype(np.float64)
    return longest + [instance.box.left, instance.box.top]


def _side(found: Segmentation) -> Facing | None:
    """The side that the names of the corners imply, where there are corners."""
    votes = [
        np.sign(item.corners[0, 0] - item.corners[1, 0])
        for item in found
        if item.corners is not None and np.isfinite(item.corners[:2]).all()
    ]
    balance = sum(votes)
    return None if balance == 0 else "left" if balance < 0 else "right"


def _facing(found: Segmentation, side: Facing | None, facing: Facing) -> Segmentation:
    """``found`` facing as the caller says; corners named for the other side change names."""
    if side is None or side == facing:
        return replace(found, facing=facing)
    other = [1, 0, 3, 2]
    turned = [
        item
        if item.corners is None
        else replace(
            item,
            corners=item.corners[other],
            covariance=None if item.covariance is None else item.covariance[other],
        )
        for item in found
    ]
    return replace(found, instances=tuple(turned), facing=facing)


def _vertebra(body: Any, level_flags: LevelFlags) -> Vertebra:
    """The body as the study keeps it, with what quality control says of its level."""
    found: Vertebra = body.vertebra()
    own = () if found.level is None else level_flags.get((found.level,), ())
    return replace(found, flags=tuple(dict.fromkeys((*found.flags, *own))))
