"""The words of comparisons: the catalogue of all reports with a section of its own."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from spinemorph.report.catalogue import Words, load_words


@lru_cache(maxsize=8)
def comparison_words(language: str = "en") -> Words:
    """The catalogue of ``language`` with the section ``comparison``; UsageError where it is unknown."""
    plain = load_words(language)
    own = json.loads(Path(__file__).with_name(f"{language}.json").read_text(encoding="utf-8"))
    return Words(language, {**plain.entries, "comparison": own})
