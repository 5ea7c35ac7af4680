"""The error tree: a known fault is one of these, anything else is a bug and keeps its traceback."""

from __future__ import annotations


class SpinemorphError(Exception):
    """A known fault. The message is one line: which file or option, what was wrong, what to do."""


class UsageError(SpinemorphError):
    """The call itself is wrong (options that exclude each other, an unknown name)."""


class ReadError(SpinemorphError):
    """A file cannot be read as a radiograph."""


class NotAFilm(ReadError):
    """The file is readable, but not a film (wrong modality, multi-frame, a text file)."""


class PluginError(SpinemorphError):
    """A plugin failed to load, or what it returned breaks the contract."""


class WeightsError(SpinemorphError):
    """A weights file is missing, damaged or of the wrong kind."""


class SegmentationError(SpinemorphError):
    """No trustworthy segmentation can be given for this film."""


class AnnotationError(SpinemorphError):
    """An annotation file cannot be understood."""


class ReportError(SpinemorphError):
    """A report cannot be written."""


class StoreError(SpinemorphError):
    """A store of studies cannot be opened, read or written."""
