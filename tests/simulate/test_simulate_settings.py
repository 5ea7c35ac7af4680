import json
from dataclasses import replace

import pytest

from spinemorph.errors import SpinemorphError
from spinemorph.simulate.implants import ImplantSettings
from spinemorph.simulate.pose import PoseSettings
from spinemorph.simulate.settings import Settings


def written(folder, text):
    path = folder / "settings.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_round_trip(tmp_path):
    changed = Settings(
        pose=PoseSettings(chain_mm=(150.0, 4.0)),
        implants=ImplantSettings(operated=1.0),
        inverted=0.5,
    )
    for settings in (Settings(), changed):
        assert Settings.load(written(tmp_path, settings.to_json())) == settings
    assert changed.digest() != Settings().digest()
    assert replace(changed).digest() == changed.digest()


def test_what_is_left_out_keeps_its_default(tmp_path):
    path = written(tmp_path, '{"framing": {"rows": 512}, "inverted": 1}')
    settings = Settings.load(path)
    assert settings.framing.rows == 512
    assert settings.inverted == 1
    assert settings.pose == Settings().pose


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "not valid JSON"),
        ("[1]", "expected an object"),
        ('{"colour": 1}', "unknown setting 'colour'"),
        ('{"pose": 3}', "pose: expected an object"),
        ('{"pose": {"chain": [1, 2]}}', "unknown setting 'chain'"),
        ('{"pose": {"chain_mm": [1]}}', "a list of 2 values"),
        ('{"pose": {"scoliosis": "often"}}', "scoliosis cannot be 'often'"),
        ('{"framing": {"rows": 512.5}}', "rows cannot be 512.5"),
    ],
)
def test_faults_name_the_file_and_the_setting(tmp_path, text, names):
    path = written(tmp_path, text)
    with pytest.raises(SpinemorphError, match=r"settings\.json") as fault:
        Settings.load(path)
    assert names in str(fault.value)
    assert "\n" not in str(fault.value)


def test_missing_file(tmp_path):
    with pytest.raises(SpinemorphError, match=r"none\.json: cannot be read"):
        Settings.load(tmp_path / "none.json")


def test_every_setting_is_in_the_file():
    parts = json.loads(Settings().to_json())
    assert set(parts) >= {"pose", "shape", "framing", "bones", "tissue", "detector", "display"}
    assert parts["pose"]["chain_mm"] == list(PoseSettings().chain_mm)


def test_a_later_setting_at_its_neutral_value_keeps_the_hash():
    frozen = "e6ece2a0c09ceca9"
    assert Settings().digest().startswith(frozen)
    shape = Settings().shape
    assert not replace(Settings(), shape=replace(shape, dysplastic=0.1)).digest().startswith(frozen)
