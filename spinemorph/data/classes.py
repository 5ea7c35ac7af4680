"""Class names as annotators write them, read as our categories and levels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spinemorph.anatomy import CATEGORIES, LEVELS_UPWARD
from spinemorph.errors import UsageError

#: Words (small letters, no separators, singular) for each category.
WORDS: Final[Mapping[str, str]] = {
    "lumbar": "lumbar",
    "lumbarvertebra": "lumbar",
    "lumbarvertebrae": "lumbar",
    "lumbarbody": "lumbar",
    "vertebra": "lumbar",
    "vertebrae": "lumbar",
    "vertebralbody": "lumbar",
    "thoracic": "lumbar",
    "thoracicvertebra": "lumbar",
    "sacrum": "sacrum",
    "sacral": "sacrum",
    "sacralvertebra": "sacrum",
    "sacralvertebrae": "sacrum",
    "cage": "cage",
    "interbodycage": "cage",
    "screw": "screw",
    "pediclescrew": "screw",
    "rod": "rod",
    "plate": "plate",
    "cement": "cement",
    "bonecement": "cement",
    "bodyreplacement": "body_replacement",
    "vertebralbodyreplacement": "body_replacement",
    "vbr": "body_replacement",
}
#: Where the class stands among several attributes of a region, best first.
CLASS_KEYS: Final = ("category", "class", "label", "type", "structure", "object", "name", "level")

_LEVEL: Final = re.compile(r"(th|t|d|l|s)(\d{1,2})")


@dataclass(frozen=True)
class ClassNames:
    """``renamed``: names of the user's own -> category or level, looked up before our words."""

    renamed: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str) -> tuple[str, str | None] | None:
        """Category and level (or None) of a class name; None where it is not known."""
        name = str(name).strip()
        name = self.renamed.get(name, name)
        word = re.sub(r"[\s_\-]+", "", name).lower()
        if word in CATEGORIES:
            return word, None
        category = WORDS.get(word) or WORDS.get(word.removesuffix("s"))
        if category:
            return category, None
        found = _LEVEL.fullmatch(word)
        if not found:
            return None
        region = "T" if found[1] in {"t", "th", "d"} else found[1].upper()
        limit = {"T": 12, "L": 6, "S": 1}[region]
        if not 1 <= int(found[2]) <= limit:
            return None
        level = f"{region}{int(found[2])}"
        return "sacrum" if region == "S" else "lumbar", level if level in LEVELS_UPWARD else None

    def of_attributes(self, attributes: Mapping[str, Any]) -> tuple[str, str | None] | None:
        """Category and level among the attributes of a region (text, or ticked boxes)."""
        keys = [key for key in CLASS_KEYS if key in attributes]
        keys += [key for key in attributes if key not in CLASS_KEYS]
        readings = [
            reading
            for key in keys
            for name in _ticked(attributes[key])
            if (reading := self.read(name)) is not None
        ]
        if not readings:
            return None
        category = readings[0][0]
        levels = (level for kind, level in readings if kind == category and level)
        return category, next(levels, None)


def class_names(pairs: Mapping[str, str] | None = None) -> ClassNames:
    """Class names with the user's own; UsageError where a target is neither category nor level."""
    plain = ClassNames()
    for name, target in (pairs or {}).items():
        if plain.read(target) is None:
            raise UsageError(
                f"class {name!r} cannot become {target!r}: give one of {', '.join(CATEGORIES)} "
                "or a level such as L3"
            )
    return ClassNames(dict(pairs or {}))


def _ticked(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [str(name) for name, on in value.items() if on and on != "false"]
    return [str(value)] if isinstance(value, str | int) else []
