"""The package of a new plugin, written from the templates beside this module."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from spinemorph.errors import UsageError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST: Final = 40
_ENDING: Final = ".jinja"


def new_plugin(name: str, folder: Path, taken: Iterable[str] = ()) -> tuple[Path, ...]:
    """Write ``folder/spinemorph-NAME``, whole or not at all, and give its files back, sorted.

    UsageError where the name is none, is among ``taken`` (names of plugins and of distributions), or
    the folder cannot be made.
    """
    distribution = f"spinemorph-{_checked(name, set(taken))}"
    target = folder / distribution
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already: choose another name or another --output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as part:
            _write(Path(part, distribution), name, distribution)
            shutil.move(Path(part, distribution), target)
    except OSError as fault:
        raise UsageError(f"{target}: cannot be written: {fault.strerror}") from fault
    return tuple(sorted(path for path in target.rglob("*") if path.is_file()))


def _checked(name: str, taken: set[str]) -> str:
    if name.startswith("spinemorph"):
        raise UsageError(f"{name!r}: leave out 'spinemorph', it is put before the name")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} is no name for a plugin: small letters and digits, words joined by '-', "
            f"a letter first, {_LONGEST} characters at most"
        )
    for each in (name, f"spinemorph-{name}"):
        if each in taken:
            raise UsageError(f"{each!r} is the name of an installed plugin: choose another one")
    return name


def _write(root: Path, name: str, distribution: str) -> None:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    words = {
        "name": name,
        "distribution": distribution,
        "package": distribution.replace("-", "_"),
        "identifier": name.replace("-", "_"),
        "title": "".join(part.capitalize() for part in name.split("-")),
    }
    with as_file(files(__name__) / "templates") as templates:
        environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=False,  # noqa: S701  the words are checked, and this is no HTML
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )
        for each in environment.list_templates(extensions=[_ENDING.removeprefix(".")]):
            place = each.removesuffix(_ENDING)
            for word in ("package", "identifier"):
                place = place.replace(f"__{word}__", words[word])
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            text = environment.get_template(each).render(words)
            path.write_text(text, encoding="utf-8", newline="\n")
