"""Presets, and settings that make no network."""

from pathlib import Path

import pytest

from spinemorph.errors import UsageError
from spinemorph.learn.settings import read_settings
from spinemorph_maskrcnn import model
from spinemorph_maskrcnn.network import build_network

PRESETS = Path(model.__file__).parent / "presets"


@pytest.mark.parametrize("preset", ["light", "full"])
def test_presets_are_settings_of_the_family(preset):
    settings = read_settings(PRESETS / f"{preset}.toml", model.MaskRCNNFamily.options)
    assert settings.family.keys() == model.MaskRCNNFamily.options.keys()
    assert settings.categories == ("lumbar", "sacrum")


def test_the_full_preset_has_the_backbone_of_the_paper():
    settings = read_settings(PRESETS / "full.toml", model.MaskRCNNFamily.options)
    network = model.MaskRCNNFamily(settings).build()
    assert settings.backbone == "resnet50"
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(44e6, rel=0.02)


def test_unknown_backbones_and_missing_anchors_are_named():
    options = dict(model.MaskRCNNFamily.options)
    with pytest.raises(UsageError, match="no backbone 'vgg'; known: resnet10"):
        build_network("vgg", 2, options)
    with pytest.raises(UsageError, match="anchor_sizes"):
        build_network("resnet10", 2, {**options, "anchor_sizes": (32.0,)})
