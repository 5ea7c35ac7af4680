"""Settings of a family: from files and presets, to other processes and back."""

import json
import pickle
from types import MappingProxyType

import pytest

from spinemorph.errors import UsageError
from spinemorph.learn.settings import read_settings, settings_from


def test_settings_go_to_other_processes():
    settings = settings_from(
        {"backbone": "none", "rows": 64, "family": {"width": 3}}, "test", {"width": 6}
    )
    copied = pickle.loads(pickle.dumps(settings))  # noqa: S301  our own
    assert copied == settings
    assert isinstance(copied.family, MappingProxyType)


def test_settings_come_back_from_their_file_as_they_are():
    """Lists, too: a run is known again by them."""
    settings = settings_from({"backbone": "none"}, "tiny", {"sizes": [8, 16], "width": 8})
    assert json.loads(json.dumps(settings.to_dict())) == settings.to_dict()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows = 96", "no backbone"),
        ('backbone = "x"\nrow = 9', "unknown setting 'row'"),
        ('backbone = "x"\nrows = "many"', "expected int"),
        ('backbone = "x"\nrows = 3', "at least 32"),
        ('backbone = "x"\noptimizer = "best"', "adamw, sgd"),
        ('backbone = "x"\ncategories = ["bone"]', "unknown category"),
        ('backbone = "x"\n[family]\ndepth = 3', r"unknown setting 'depth' in \[family\]"),
        ("backbone = ", "not a TOML file"),
    ],
)
def test_settings_that_are_wrong_are_one_line(text, words, tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as fault:
        read_settings(path, {"width": 6})
    assert "\n" not in str(fault.value)
