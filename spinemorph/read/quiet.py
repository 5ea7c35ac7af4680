"""Silence around the parsers: their warnings quote values of the header, which are patient data."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TALKATIVE: Final = ("pydicom", "tifffile", "PIL")


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log records of the parsers inside; both as before afterwards."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.disabled = True
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled
