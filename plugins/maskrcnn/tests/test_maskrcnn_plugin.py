"""The plugin as spinemorph sees it: its hook, its presets, its name."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from spinemorph.errors import UsageError, WeightsError
from spinemorph.hookspecs import API
from spinemorph.learn.settings import read_settings
from spinemorph_maskrcnn import model, spinemorph_segmenters
from spinemorph_maskrcnn.network import build_network

PRESETS = Path(model.__file__).parent / "presets"


def test_the_hook_describes_a_segmenter_that_can_be_trained():
    (plugin,) = spinemorph_segmenters()
    assert (plugin.name, plugin.api) == ("maskrcnn", API)
    assert plugin.name == model.MaskRCNNFamily.name
    assert plugin.train is not None


def test_the_hook_loads_neither_torch_nor_torchvision():
    code = (
        "import sys, spinemorph_maskrcnn as p; p.spinemorph_segmenters();"
        "print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


def test_without_weights_it_says_how_to_get_some():
    (plugin,) = spinemorph_segmenters()
    with pytest.raises(WeightsError, match="spinemorph train"):
        plugin.create(weights=None, device="cpu")


def test_the_version_is_that_of_the_distribution():
    facts = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert facts["project"]["entry-points"]["spinemorph"] == {"maskrcnn": "spinemorph_maskrcnn"}
    assert facts["project"]["license"] == "Apache-2.0"
    assert version("spinemorph")
