"""The embedded model: find the column, zoom, refine every body. No torch here."""

from spinemorph.segmenters.compact.segmenter import CompactSegmenter

__all__ = ["CompactSegmenter"]
