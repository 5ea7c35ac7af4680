"""The font of all reports: DejaVu Sans, which matplotlib ships; found without importing it."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from spinemorph.errors import ReportError

REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"


@lru_cache(maxsize=2)
def font_file(name: str) -> Path:
    """Path of the TrueType file; ReportError where matplotlib's fonts are gone."""
    spec = find_spec("matplotlib")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
        if path.is_file():
            return path
    raise ReportError(f"the font {name} is missing: install matplotlib again")
