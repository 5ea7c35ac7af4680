"""The plugin as spinemorph sees it: its hook, its presets, its distribution."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from spinemorph.errors import WeightsError
from spinemorph.hookspecs import API
from spinemorph.learn.settings import read_settings
from spinemorph_deeplabv3 import model, spinemorph_segmenters

ROOT = Path(model.__file__).parent


def test_the_hook_describes_a_segmenter_that_can_be_trained():
    (plugin,) = spinemorph_segmenters()
    assert (plugin.name, plugin.api) == ("deeplabv3", API)
    assert plugin.name == model.DeepLabV3.name
    assert plugin.train is not None


def test_the_hook_loads_no_heavy_library():
    code = (
        "import sys, spinemorph_deeplabv3 as p; p.spinemorph_segmenters();"
        "print([m for m in ('torch', 'segmentation_models_pytorch', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("preset", ["light", "full"])
def test_presets_name_every_setting_of_the_family_and_make_a_network(preset):
    path = ROOT / "presets" / f"{preset}.toml"
    settings = read_settings(path, model.DeepLabV3.options)
    assert settings.categories == ("lumbar", "sacrum")
    assert tomllib.loads(path.read_text())["family"].keys() == model.DeepLabV3.options.keys()
    network = model.DeepLabV3(settings).build()
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert millions < 15 if preset == "light" else millions > 20


def test_without_weights_it_says_how_to_get_some():
    (plugin,) = spinemorph_segmenters()
    with pytest.raises(WeightsError, match="spinemorph train"):
        plugin.create(weights=None, device="cpu")


def test_the_distribution_has_the_entry_point_and_the_licence():
    facts = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert facts["project"]["entry-points"]["spinemorph"] == {"deeplabv3": "spinemorph_deeplabv3"}
    assert facts["project"]["license"] == "Apache-2.0"
