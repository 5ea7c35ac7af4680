"""The fonts of all reports: Open Sans, shipped here; DejaVu Sans and the Last Resort font, which
matplotlib ships, stand in for letters that it lacks. Found without importing matplotlib.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from spinemorph.errors import ReportError

#: Families in order of preference; the last one has a sign for every character.
FAMILIES: Final = ("Open Sans", "DejaVu Sans", "Last Resort High-Efficiency")
REGULAR, BOLD = "OpenSans-Regular", "OpenSans-Bold"
_OWN: Final = Path(__file__).with_name("typefaces")
#: Everything but Latin, Greek, Cyrillic, punctuation, arrows, signs: each is looked at by itself.
_UNUSUAL: Final = re.compile("[^\x20-\x7e\xa0-\u052f\u2010-\u2027\u2030-\u205e\u2070-\u2bff]")


@lru_cache(maxsize=8)
def font_file(name: str) -> Path:
    """Path of a TrueType file; ReportError where it is gone."""
    for folder in font_folders():
        path = folder / f"{name}.ttf"
        if path.is_file():
            return path
    raise ReportError(f"the font {name} is missing: install spinemorph and matplotlib again")


@lru_cache(maxsize=1)
def font_folders() -> tuple[Path, ...]:
    """Folders of all fonts that a report may use."""
    spec = find_spec("matplotlib")
    parts = spec.submodule_search_locations or () if spec is not None else ()
    return (_OWN, *(Path(part) / "mpl-data" / "fonts" / "ttf" for part in parts))


@lru_cache(maxsize=32)
def pillow_font(name: str, size: int) -> Any:
    """The font for Pillow, which measures and draws the text of pictures."""
    from PIL import ImageFont

    return ImageFont.truetype(str(font_file(name)), max(size, 6))


def printable(text: str) -> str:
    """``text`` without what no font can show: controls (also of direction), halves of pairs.

    Line breaks and tabulators become spaces.
    """
    return _UNUSUAL.sub(_replaced, text)


def _replaced(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in "\t\n\r\v\f\u2028\u2029":
        return " "
    if ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF:
        return ""
    return "" if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} else letter
