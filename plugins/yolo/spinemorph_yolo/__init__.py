"""Segmentation models of ultralytics as a segmenter of spinemorph. AGPL-3.0-only, see LICENSE."""

from __future__ import annotations

import spinemorph
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.learn.plugin import family_plugin


@spinemorph.hookimpl
def spinemorph_segmenters() -> list[SegmenterPlugin]:
    return [
        family_plugin(
            "yolo", "YOLO11 segmentation of ultralytics (AGPL-3.0)", "spinemorph_yolo.model:Yolo"
        )
    ]
