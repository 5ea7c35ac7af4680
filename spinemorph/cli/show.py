"""Results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spinemorph.cli.batch import Outcome
from spinemorph.flags import FLAGS
from spinemorph.types import Study


def show_outcomes(outcomes: Sequence[Outcome], *, to_stderr: bool = False) -> None:
    """One row a film, then the flags in plain words, then what failed and why."""
    console = Console(stderr=to_stderr, highlight=False)
    done = [outcome for outcome in outcomes if outcome.study is not None]
    if done:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title, justify in (
            ("study", "left"),
            ("levels", "left"),
            ("lordosis L1-S1", "right"),
            ("flags", "left"),
        ):
            table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for outcome in done:
            assert outcome.study is not None and outcome.folder is not None  # noqa: S101, PT018
            table.add_row(
                escape(outcome.folder.name),
                _levels(outcome.study),
                _lordosis(outcome.study),
                ", ".join(outcome.study.flags) or "none",
            )
        console.print(table)
        codes = dict.fromkeys(code for outcome in done for code in outcome.study.flags)  # type: ignore[union-attr]
        for code in codes:
            console.print(f"  [dim]{code}: {escape(FLAGS.get(code, 'no description'))}[/dim]")
        folders = {outcome.folder.parent for outcome in done if outcome.folder is not None}
        for folder in sorted(folders):
            console.print(
                f"results: {escape(str(folder))}"
                + (f"/{escape(done[0].folder.name)}" if len(done) == 1 and done[0].folder else ""),
                soft_wrap=True,
            )
    for outcome in outcomes:
        if outcome.fault is not None:
            word = "skipped" if outcome.skipped else "failed"
            console.print(
                f"[bold]{word}[/bold] {escape(str(outcome.path))}: {escape(outcome.fault)}",
                soft_wrap=True,
            )
    if len(outcomes) > 1:
        failed = sum(o.fault is not None and not o.skipped for o in outcomes)
        skipped = sum(o.skipped for o in outcomes)
        console.print(f"{len(done)} done, {failed} failed, {skipped} skipped")


def _levels(study: Study) -> str:
    levels = [vertebra.level for vertebra in study.vertebrae if vertebra.level]
    if not levels:
        return f"{len(study.vertebrae)} bodies, not numbered" if study.vertebrae else "none"
    return levels[0] if len(levels) == 1 else f"{levels[0]}-{levels[-1]}"


def _lordosis(study: Study) -> str:
    found = study.find("lumbar_lordosis")
    if found is None or found.value is None:
        return "-"
    interval = found.interval95
    spread = "" if interval is None else f" ({interval[0]:.0f} to {interval[1]:.0f})"
    return f"{found.value:.1f}°{spread}"
