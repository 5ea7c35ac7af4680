"""U-Net as a segmenter of spinemorph; loads its libraries only when it is used."""

from __future__ import annotations

import spinemorph
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.learn.plugin import family_plugin


@spinemorph.hookimpl
def spinemorph_segmenters() -> list[SegmenterPlugin]:
    return [
        family_plugin(
            "unet",
            "U-Net: a class for every pixel, bodies split out of it; trained with spinemorph train",
            "spinemorph_unet.model:UNet",
        )
    ]
