"""Presets, and settings that make no network."""

from pathlib import Path

import pytest

from spinemorph.errors import UsageError
from spinemorph.learn.settings import read_settings
from spinemorph_yolact import model
from spinemorph_yolact.network import Yolact

PRESETS = Path(model.__file__).parent / "presets"


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
