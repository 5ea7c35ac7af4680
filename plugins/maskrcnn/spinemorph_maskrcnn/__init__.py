"""Mask R-CNN (He et al. 2017) as a segmenter of spinemorph."""

from __future__ import annotations

import spinemorph
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.learn.plugin import family_plugin


@spinemorph.hookimpl
def spinemorph_segmenters() -> list[SegmenterPlugin]:
    return [
        family_plugin(
            "maskrcnn",
            "Mask R-CNN with a feature pyramid (He et al. 2017), one mask for every body",
            "spinemorph_maskrcnn.model:MaskRCNNFamily",
        )
    ]
