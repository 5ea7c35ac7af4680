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
from spinemorph_yolact import model, spinemorph_segmenters
from spinemorph_yolact.network import Yolact

PRESETS = Path(model.__file__).parent / "presets"


def test_the_hook_describes_a_segmenter_that_can_be_trained():
    (plugin,) = spinemorph_segmenters()
    assert (plugin.name, plugin.api) == ("yolact", API)
    assert plugin.name == model.YolactFamily.name
    assert plugin.train is not None


def test_the_hook_loads_neither_torch_nor_torchvision():
    code = (
        "import sys, spinemorph_yolact as p; p.spinemorph_segmenters();"
        "print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("preset", ["light", "full"])
def test_presets_are_settings_of_the_family(preset):
    settings = read_settings(PRESETS / f"{preset}.toml", model.YolactFamily.options)
    assert len(settings.family["anchor_sizes"]) >= 3
    assert settings.categories == ("lumbar", "sacrum")


def test_the_full_preset_is_the_published_network():
    settings = read_settings(PRESETS / "full.toml", model.YolactFamily.options)
    network = model.YolactFamily(settings).build()
    published = ("channels", "prototypes", "near", "far", "negatives", "mask_weight", "box_weight")
    assert [settings.family[name] for name in published] == [256, 32, 0.5, 0.4, 3, 6.125, 1.5]
    assert settings.backbone == "resnet50"
    assert 30e6 < sum(p.numel() for p in network.parameters()) < 36e6


@pytest.mark.parametrize(
    ("backbone", "changes", "words"),
    [
        ("vgg", {}, "no backbone 'vgg'; known: resnet10"),
        ("resnet10", {"anchor_sizes": (32.0,)}, "three levels or more, not 1"),
        ("resnet10", {"channels": 20}, "multiple of 8"),
    ],
)
def test_settings_that_make_no_network_are_named(backbone, changes, words):
    with pytest.raises(UsageError, match=words):
        Yolact(backbone, 2, {**model.YolactFamily.options, **changes})


def test_without_weights_it_says_how_to_get_some():
    (plugin,) = spinemorph_segmenters()
    with pytest.raises(WeightsError, match="spinemorph train"):
        plugin.create(weights=None, device="cpu")


def test_the_version_is_that_of_the_distribution():
    facts = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert facts["project"]["entry-points"]["spinemorph"] == {"yolact": "spinemorph_yolact"}
    assert facts["project"]["license"] == "Apache-2.0"
    assert version("spinemorph")
