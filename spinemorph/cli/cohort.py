"""What many films have in common: cohort.csv and cohort.pdf beside the results of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemorph.cli.batch import Outcome
from spinemorph.errors import ReportError, SpinemorphError

if TYPE_CHECKING:
    from spinemorph.pipeline import Options
    from spinemorph.report.cohort import Cohort


def summary_of(jobs: Sequence[Any]) -> Cohort | None:
    """An empty summary for a batch; None for a single film."""
    if len(jobs) < 2:
        return None
    from spinemorph.report.cohort import Cohort

    return Cohort()


def sum_up(
    cohort: Cohort, outcomes: Sequence[Outcome], output: Path, options: Options
) -> list[Outcome]:
    """Add what failed to ``cohort`` and write it, as far as the formats ask for it.

    A summary that cannot be written is an outcome with its fault, like a film; else [].
    """
    for outcome in outcomes:
        if outcome.fault is not None:
            status = "skipped" if outcome.skipped else "failed"
            cohort.add_without(outcome.path.name, status, outcome.fault)
    faults = []
    for name in ("csv", "pdf"):
        if name not in options.formats or not cohort.count("done"):
            continue
        path = output / f"cohort.{name}"
        try:
            _write(cohort, path, options)
        except SpinemorphError as fault:
            faults.append(Outcome(path, None, None, str(fault)))
    return faults


def _write(cohort: Cohort, path: Path, options: Options) -> None:
    """The file appears whole or not at all; ReportError where it cannot be written."""
    from spinemorph.report.cohort import write_cohort_csv
    from spinemorph.report.cohort_pdf import write_cohort_pdf

    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".csv":
            write_cohort_csv(cohort, part)
        else:
            write_cohort_pdf(cohort, part, options.language, options.page)
        part.replace(path)
    except OSError as fault:
        raise ReportError(f"{path}: cannot be written: {fault.strerror or fault}") from fault
    finally:
        part.unlink(missing_ok=True)
