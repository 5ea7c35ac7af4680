"""Names of result folders: safe on every file system, distinct in a batch, the same each time."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from spinemorph.cli.naming import LONGEST, safe_stem, study_names

ROOT = Path("/films")


@given(st.text(min_size=1, max_size=120).filter(lambda text: "/" not in text and "\0" not in text))
def test_a_folder_name_is_safe_whatever_the_film_is_called(name):
    stem = safe_stem(ROOT / "x" / name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", stem)
    assert len(stem) <= LONGEST + len("film_")
    assert not stem.startswith(".")


@given(st.lists(st.sampled_from(["a", "A", "b c", "b_c", "b?c", "con", "ü"]), max_size=6))
def test_folder_names_of_a_batch_are_distinct_even_where_case_is_not(stems):
    paths = [ROOT / str(i) / f"{stem}.png" for i, stem in enumerate(stems)]
    names = study_names(paths)
    assert list(names) == paths
    assert len({name.lower() for name in names.values()}) == len(paths)
    assert study_names(reversed(paths)) == names


def test_a_lonely_name_carries_no_hash():
    assert study_names([ROOT / "Müller 1.dcm"]) == {ROOT / "Müller 1.dcm": "Muller_1"}
