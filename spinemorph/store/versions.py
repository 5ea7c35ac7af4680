"""Which schema a database has, and the way to the present one (alembic)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from spinemorph.errors import StoreError
from spinemorph.store.database import Database
from spinemorph.store.schema import VERSION_TABLE

#: The revision that this program reads and writes; a test compares it with the migrations.
PRESENT: Final = "0002"
#: Held in PostgreSQL while the schema changes, so that two programs do not change it at once.
_LOCK: Final = 0x5350_494E_454D


def require_current(database: Database, *, create: bool) -> None:
    """StoreError unless the database has the present schema; an empty one gets it with ``create``."""
    with database.reading() as connection:
        found = revision_of(connection)
    if found == PRESENT:
        return
    if found is None:
        if not create:
            raise StoreError(f"store {database.name}: there is none; analyze --store makes one")
        upgrade(database)
        return
    _refuse_newer(database, found)
    raise StoreError(
        f"store {database.name}: its schema {found} is older than this program's {PRESENT}: "
        "make a copy of it, then run spinemorph store upgrade"
    )


def upgrade(database: Database, to: str = PRESENT) -> tuple[str, str]:
    """Run the migrations in one transaction; (schema before or "none", schema now)."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _folder())
    config.set_main_option("path_separator", "os")
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = revision_of(connection)
        if before is not None:
            _refuse_newer(database, before)
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        command.upgrade(config, to)
    return before or "none", to


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at; None where it holds no store."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)


def _refuse_newer(database: Database, found: str) -> None:
    if found > PRESENT or not found.isdigit():
        raise StoreError(
            f"store {database.name}: its schema {found} is newer than this program knows "
            f"({PRESENT}): install a newer spinemorph"
        )


def _folder() -> str:
    """The migrations' folder as a ConfigParser takes it."""
    return str(Path(__file__).with_name("migrations")).replace("%", "%%")
