"""Processes that take jobs from ``families_gpu.py``: a network that fails takes nothing else with it."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import cv2


class Worker:
    """A process that does one job after the other, and is replaced when it fails or takes too long."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,))
        self.process.start()
        theirs.close()

    def submit(self, job: Callable[..., Any], **arguments: Any) -> None:
        self.connection.send((job, arguments))

    def result(self, until: float) -> Any:
        """What the job returned, or why it failed as RuntimeError; ``until``: time.monotonic."""
        try:
            if not self.connection.poll(max(until - time.monotonic(), 0)):
                raise EOFError
            done, value = self.connection.recv()
        except (EOFError, OSError) as fault:
            self.stop()
            code = self.process.exitcode
            self._start()
            raise RuntimeError(f"took too long or died (exit code {code})") from fault
        if not done:
            self.stop()
            self._start()
            raise RuntimeError(value)
        return value

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def serve(connection: Connection) -> None:
    """Jobs from the connection until it is closed."""
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    while True:
        try:
            job, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = True, job(**arguments)
        except Exception:  # noqa: BLE001  the other side reports it and goes on
            answer = False, traceback.format_exc()
        connection.send(answer)
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def together(
    workers: Sequence[Worker],
    job: Callable[..., Any],
    each: Sequence[Mapping[str, Any]],
    most: float,
) -> list[Any]:
    """One job a worker at the same time; results, or a RuntimeError in place of one."""
    until = time.monotonic() + most
    for worker, arguments in zip(workers, each, strict=False):
        worker.submit(job, **arguments)
    answers: list[Any] = []
    for worker, _ in zip(workers, each, strict=False):
        try:
            answers.append(worker.result(until))
        except RuntimeError as fault:
            answers.append(fault)
    return answers
