"""Words of one language: looked up by dotted key, with its own way to write numbers and dates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from spinemorph.errors import UsageError
from spinemorph.flags import FLAGS

_FOLDER: Final = Path(__file__).parent
#: Codes of the languages that reports can be written in.
LANGUAGES: Final = ("en", "de")
MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True, eq=False)
class Words:
    """The catalogue of one language; ``entries`` is a tree of strings."""

    language: str
    entries: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """The text at ``key`` ('section.name'), filled in; KeyError where there is none."""
        found: Any = self.entries
        for part in key.split("."):
            found = found[part]
        if not isinstance(found, str):
            raise KeyError(key)
        return found.format(**values) if values else found

    def section(self, key: str) -> Mapping[str, str]:
        """All texts below ``key``, in the order of the file."""
        found: Any = self.entries
        for part in key.split("."):
            found = found[part]
        return found

    def of(self, section: str, key: str | None, default: str = "") -> str:
        """A text that may be missing, as for the names of a plugin's own measures."""
        found: str = self.section(section).get(str(key), default)
        return found

    def flag(self, code: str) -> str:
        """A flag or reason in plain words; the code itself where it is a plugin's own."""
        return self.of("flags", code, FLAGS.get(code, code))

    def measure(self, name: str) -> str:
        """The name of a measurement; ``my_measure`` as ``My measure`` where it is a plugin's."""
        plain = name.replace("_", " ")
        return self.of("measures", name, plain[:1].upper() + plain[1:])

    def label(self, label: str) -> str:
        """A class or type in words."""
        return self.of("labels", label, label)

    def unit(self, unit: str) -> str:
        """A unit as it follows its number."""
        return self.of("units", unit, f"\N{NO-BREAK SPACE}{unit}")

    def definition(self, name: str, own: str) -> str:
        """The definition of a measurement; ``own``: as the study says it, in English."""
        return self.of("definitions", name, own)

    def number(self, value: float, digits: int) -> str:
        """Rounded, with a real minus sign, no minus zero, and the decimal sign of the language."""
        text = f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)
        return text.replace(".", self("format.decimal"))

    def date(self, iso: str) -> str:
        """An ISO date as the language writes it; what is no date stays as it is."""
        parts = iso[:10].split("-")
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            return iso
        return self("format.date", year=parts[0], month=parts[1], day=parts[2]) + iso[10:]


@lru_cache(maxsize=8)
def load_words(language: str = "en") -> Words:
    """The catalogue of ``language``; UsageError names the languages where it is another one."""
    if language not in LANGUAGES:
        raise UsageError(f"no report language {language!r}; known: {', '.join(LANGUAGES)}")
    text = (_FOLDER / f"{language}.json").read_text(encoding="utf-8")
    entries = json.loads(text)
    if language == "en":
        entries["flags"] = FLAGS
    return Words(language, entries)
