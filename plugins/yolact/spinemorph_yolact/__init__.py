"""YOLACT (Bolya et al. 2019) as a segmenter of spinemorph."""

from __future__ import annotations

import spinemorph
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.learn.plugin import family_plugin


@spinemorph.hookimpl
def spinemorph_segmenters() -> list[SegmenterPlugin]:
    return [
        family_plugin(
            "yolact",
            "YOLACT (Bolya et al. 2019): prototype masks, and their mixture for every body",
            "spinemorph_yolact.model:YolactFamily",
        )
    ]
