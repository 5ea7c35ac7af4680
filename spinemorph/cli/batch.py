"""Many films through one pipeline: reports of one are written while the next is analysed."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spinemorph.errors import SpinemorphError
from spinemorph.pipeline import Analysis, Options, Pipeline
from spinemorph.plugins import load_plugins
from spinemorph.types import Study

if TYPE_CHECKING:
    from spinemorph.cli.keeping import Keeper
    from spinemorph.report.cohort import Cohort


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one path: a study and its folder, or why there is none.

    ``known``: skipped because the store has it.
    """

    path: Path
    folder: Path | None
    study: Study | None
    fault: str | None
    skipped: bool = False
    known: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        from spinemorph.report.json_writer import study_to_dict

        return {
            "file": str(self.path),
            "folder": None if self.folder is None else str(self.folder),
            "study": None if self.study is None else study_to_dict(self.study),
            "error": self.fault,
            "skipped": self.skipped,
            "known": self.known,
        }


def run_batch(
    jobs: Sequence[tuple[Path, Path]],
    options: Options,
    keeper: Keeper | None = None,
    *,
    cohort: Cohort | None = None,
    whole: bool = True,
) -> list[Outcome]:
    """Analyse every (film, result folder); a film that fails is an outcome with its fault.

    ``keeper`` leaves out films that its store knows, and keeps the results of the others. At most
    one analysed film waits to be written, so memory does not grow with the batch. ``cohort`` gets
    every study that was written. Not ``whole``: outcomes keep of a study only what the table on
    the screen shows.
    """

    def finish(path: Path, folder: Path, study: Study, future: Future[Any]) -> Outcome:
        outcome = _finished(path, folder, study, future)
        if outcome.study is None:
            return outcome
        if cohort is not None:
            cohort.add(study, folder.name)
        return outcome if whole else replace(outcome, study=_slim(study))

    from rich.console import Console
    from rich.progress import track

    pipeline = Pipeline(load_plugins(), options)
    console = Console(stderr=True)
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=1) as writer:
        waiting: tuple[Path, Path, Study, Future[Any]] | None = None
        progress = track(
            jobs, "analysing", console=console, transient=True, disable=not console.is_terminal
        )
        for path, folder in progress:
            try:
                known = None if keeper is None else keeper.known(path)
                if known is not None:
                    outcomes.append(Outcome(path, None, None, known, skipped=True, known=True))
                    continue
                analysis = pipeline.analyze(path)
            except Exception as fault:  # noqa: BLE001  one film never stops the others
                outcomes.append(_failed(path, fault))
                continue
            if waiting is not None:
                outcomes.append(finish(*waiting))
            future = writer.submit(_write, pipeline, keeper, path, analysis, folder)
            waiting = path, folder, analysis.study, future
        if waiting is not None:
            outcomes.append(finish(*waiting))
    place = {path: index for index, (path, _) in enumerate(jobs)}
    return sorted(outcomes, key=lambda outcome: place[outcome.path])


def _write(
    pipeline: Pipeline, keeper: Keeper | None, path: Path, analysis: Analysis, folder: Path
) -> None:
    pipeline.write(analysis, folder)
    if keeper is not None:
        keeper.keep(path, analysis)


def _finished(path: Path, folder: Path, study: Study, future: Future[Any]) -> Outcome:
    try:
        future.result()
    except Exception as fault:  # noqa: BLE001  one film never stops the others
        return _failed(path, fault)
    return Outcome(path, folder, study, None)


def _slim(study: Study) -> Study:
    """The study without contours, and of its measurements the lordosis alone."""
    lordosis = study.find("lumbar_lordosis")
    nothing = np.empty((0, 2))
    return replace(
        study,
        vertebrae=tuple(
            replace(body, contour=nothing, corner_covariance=None) for body in study.vertebrae
        ),
        implants=(),
        measurements=() if lordosis is None else (lordosis,),
    )


def _failed(path: Path, fault: Exception) -> Outcome:
    """A known fault is its own line; a bug leaves its traceback on stderr."""
    if isinstance(fault, SpinemorphError):
        return Outcome(path, None, None, str(fault))
    traceback.print_exception(fault)
    return Outcome(path, None, None, f"a bug, see above: {type(fault).__name__}: {fault}")
