"""Options that the commands on annotations share."""

from __future__ import annotations

from pathlib import Path

import click

from spinemorph.data.classes import class_names
from spinemorph.data.collection import ReadOptions
from spinemorph.errors import UsageError

images_option = click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the films, for the size of those whose annotation does not tell it.",
)
class_option = click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME=CATEGORY",
    help="What a class of the source is called here, e.g. vertebra_3=L3. May be given often.",
)


def read_options(images: Path | None, classes: tuple[str, ...]) -> ReadOptions:
    """What the readers need; UsageError where a class is not NAME=CATEGORY."""
    pairs = {}
    for text in classes:
        name, equals, target = text.rpartition("=")
        if not (equals and name and target):
            raise UsageError(f"--class {text!r}: expected NAME=CATEGORY")
        pairs[name] = target
    return ReadOptions(images, class_names(pairs))
