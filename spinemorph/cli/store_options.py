"""Options of the commands that use a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from spinemorph.errors import UsageError

if TYPE_CHECKING:
    from spinemorph.store.pseudonym import Key

#: Holds the key itself where no file does.
KEY_VARIABLE: Final = "SPINEMORPH_STORE_KEY"

store_option = click.option(
    "--store",
    "place",
    required=True,
    metavar="URL",
    help="The store: a file, or the URL of a PostgreSQL database.",
)
key_option = click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"File with the key of a pseudonymised store; without it {KEY_VARIABLE} may hold the key.",
)
patient_option = click.option(
    "--patient", metavar="ID", help="Only this patient: an ID, or a pseudonym of the store."
)
json_option = click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")


def key_from(key_file: Path | None) -> Key | None:
    """The key in the file, else in the environment, else none."""
    from spinemorph.store.pseudonym import Key, read_key

    if key_file is not None:
        return read_key(key_file)
    text = os.environ.get(KEY_VARIABLE, "").strip()
    return Key(text.encode()) if text else None


def required_key(key_file: Path | None) -> Key:
    """The key; UsageError where there is none."""
    key = key_from(key_file)
    if key is None:
        raise UsageError(f"--pseudonymize needs a key: --key-file FILE, or {KEY_VARIABLE}")
    return key
