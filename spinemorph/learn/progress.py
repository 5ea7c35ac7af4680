"""Progress of a training on stderr: a bar on a terminal, a line an epoch anywhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from spinemorph.learn.trainer import Epoch


class Progress:
    """A context; ``quiet`` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        self.bars.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        self.console.print(escape(line), soft_wrap=True)

    def start(self, what: str) -> None:
        self.say(what)
        self._task = self.bars.add_task(escape(what), total=None)

    def step(self, done: int, total: int) -> None:
        if self._task is not None:
            self.bars.update(self._task, completed=done, total=total)

    def epoch(self, epoch: Epoch, best: bool) -> None:
        mark = "  best so far" if best else ""
        judged = ""
        if epoch.validation_loss is not None and epoch.mean_iou is not None:
            iou = 100 * epoch.mean_iou
            judged = f", validation loss {epoch.validation_loss:.4f}, mean IoU {iou:.2f} %"
        self.say(f"epoch {epoch.number}: loss {epoch.loss:.4f}{judged}{mark}")

    def stop(self) -> None:
        if self._task is not None:
            self.bars.remove_task(self._task)
            self._task = None
