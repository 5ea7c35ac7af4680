"""Films of operated patients and films cut above the sacrum, on the anatomy of the package."""

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.framing import FramingSettings
from spinemorph.simulate.implants import ImplantSettings
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.shape import ShapedBone

SIZE = (224, 144)
#: A whole lumbar spine in every film, nobody operated.
WHOLE = Settings(
    framing=FramingSettings(ap_view=0, above_sacrum=0, tilted=0, chain_over_height=(0.4, 0.45)),
    implants=ImplantSettings(operated=0),
)


@pytest.fixture(scope="module")
def anatomy():
    return load_anatomy()


def test_an_operated_film_carries_its_implants(anatomy):
    operated = replace(WHOLE, implants=ImplantSettings(operated=1.0, fusion=1.0))
    for seed in (3, 4):
        film = simulate_film(anatomy, operated, seed, SIZE)
        assert "screw" in {implant.category for implant in film.truth.implants}
        for implant in film.truth.implants:
            assert implant.mask.any()
            assert implant.box.bottom <= SIZE[0]
            assert implant.box.right <= SIZE[1]
    plain = simulate_film(anatomy, WHOLE, 3, SIZE)
    assert not plain.truth.implants


def test_films_cut_above_the_sacrum_have_no_sacrum(anatomy):
    cut = replace(WHOLE, framing=replace(WHOLE.framing, above_sacrum=1.0))
    shown = [simulate_film(anatomy, cut, seed, SIZE).truth for seed in range(4)]
    assert [truth.at("S1") for truth in shown].count(None) >= 3
    assert all(truth.at("L2") is not None for truth in shown)


def test_a_shaped_bone_is_valid_once_made():
    with pytest.raises(ValueError, match="vertices"):
        ShapedBone(
            np.zeros((4, 2)),
            np.zeros((1, 3), np.int32),
            np.zeros(4, bool),
            np.zeros((4, 2)),
            np.zeros((1, 3, 3)),
            40.0,
        )
