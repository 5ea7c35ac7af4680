"""docs/measurements.md says what the code measures, all of it and nothing else."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from spinemorph.flags import FLAGS
from spinemorph.measure.values import Quantity

PAGE = Path(__file__).parents[2] / "docs" / "measurements.md"
MODULES = {
    "Angles": "lordosis",
    "Pelvis": "pelvis",
    "Disc spaces": "discs",
    "Vertebral bodies": "heights",
    "Deformity": "deformity",
    "Osteophytes": "osteophytes",
    "Slip": "slip",
    "Implants": "implants",
}


@pytest.fixture(scope="module")
def sections():
    """Heading -> rows of its tables as lists of cells."""
    found, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
            found[heading] = []
        elif line.startswith("| `"):
            found[heading].append([cell.strip() for cell in line.strip("|").split("|")])
    return found


@pytest.mark.parametrize("heading", MODULES)
def test_every_quantity_is_documented_as_it_is(sections, heading):
    module = import_module(f"spinemorph.measure.{MODULES[heading]}")
    quantities = [each for each in vars(module).values() if isinstance(each, Quantity)]
    documented = {row[0].strip("`"): row[1:4] for row in sections[heading]}
    assert list(documented) == [quantity.name for quantity in quantities]
    for quantity in quantities:
        low, high = quantity.possible
        possible = "any" if low == -float("inf") else f"{low:g} to {high:g}"
        assert documented[quantity.name] == [quantity.unit, quantity.definition, possible]


def test_every_reason_has_words_and_every_reason_of_the_code_is_there(sections):
    documented = {row[0].strip("`") for row in sections["Why there is no number"]}
    assert documented <= set(FLAGS)
    folder = Path(import_module("spinemorph.measure").__file__).parent
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r'(?:return |reason=)"([a-z0-9_]+)"', code)) & set(FLAGS)
    assert used
    assert used <= documented
