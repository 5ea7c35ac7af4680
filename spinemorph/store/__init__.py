"""Studies of patients over time in a database; needs the extra ``spinemorph[store]``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spinemorph.errors import StoreError

if TYPE_CHECKING:
    from spinemorph.store.pseudonym import Key
    from spinemorph.store.store import Store

_EXTRA = {"alembic", "psycopg", "sqlalchemy"}


def open_store(
    place: str, *, key: Key | None = None, create: bool = False, write: bool = False
) -> Store:
    """The store at ``place`` (a path, or a URL of SQLite or PostgreSQL).

    ``create`` makes an empty one where there is none and implies ``write``; ``key`` is the one of
    a pseudonymised store. StoreError where the extra is not installed, where there is no store, or
    where it is of another schema or another key.
    """
    with _extra():
        from spinemorph.store.database import open_database
        from spinemorph.store.store import Store
        from spinemorph.store.versions import require_current

        database = open_database(place, create=create, write=write or create)
        try:
            require_current(database, create=create)
            return Store(database, key)
        except BaseException:
            database.close()
            raise


def upgrade_store(place: str) -> tuple[str, str]:
    """Bring the store at ``place`` to the present schema; (schema before, schema now)."""
    with _extra():
        from spinemorph.store.database import open_database
        from spinemorph.store.versions import upgrade

        database = open_database(place, write=True)
        try:
            return upgrade(database)
        finally:
            database.close()


@contextmanager
def _extra() -> Iterator[None]:
    """One line where the extra is missing; any other missing module is a bug and stays itself."""
    try:
        yield
    except ModuleNotFoundError as fault:
        name = (fault.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        raise StoreError(f"the store needs {name}: pip install 'spinemorph[store]'") from fault
