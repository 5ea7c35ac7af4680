"""One database: how it is opened, how a transaction begins, and its faults as one line."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from spinemorph.errors import StoreError
from spinemorph.store.address import Address, parse_address

#: Seconds that a writer waits for another one.
PATIENCE: Final = 60.0
_WRITES: Final = "spinemorph_writes"


class Database:
    """An engine with its transactions; ``name`` is safe to show."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view; what cannot be read is a StoreError."""
        with self._faults(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing. Writers of SQLite wait for each other."""
        with self._faults(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """A connection without a transaction, for what must not be in one (VACUUM)."""
        with self._faults(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Known faults without the values of the statement, which may be a patient's."""
        try:
            yield
        except DBAPIError as fault:
            if is_passing(fault):
                raise
            raise StoreError(f"store {self.name}: {plain_words(fault.orig)}") from None
        except SQLAlchemyError as fault:
            raise StoreError(f"store {self.name}: {type(fault).__name__}") from None


def open_database(place: str, *, create: bool = False, write: bool = False) -> Database:
    """The database at ``place``; only a missing SQLite file can be created."""
    address = parse_address(place)
    if address.file is not None:
        return _sqlite(address, address.file, create=create, write=write or create)
    assert address.url is not None  # noqa: S101  an address has one of the two
    engine = create_engine(
        address.url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "application_name": "spinemorph"},
    )
    database = Database(engine, address.name)
    with database.reading():
        return database


def is_passing(fault: BaseException) -> bool:
    """Two writers of PostgreSQL in each other's way: one of them tries again."""
    return getattr(getattr(fault, "orig", None), "sqlstate", None) in {
        "23503", "23505", "40001", "40P01",
    }  # fmt: skip


def plain_words(fault: BaseException | None) -> str:
    """The database's own message in one line, without the details that repeat stored values."""
    primary = getattr(getattr(fault, "diag", None), "message_primary", None)
    text = primary or str(fault) or type(fault).__name__
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return {
        "file is not a database": "the file is not a database",
        "database disk image is malformed": "the file is damaged; restore it from a copy",
        "attempt to write a readonly database": "it may only be read",
        "database is locked": "another process kept it locked too long",
    }.get(first, first)


def _sqlite(address: Address, file: Path, *, create: bool, write: bool) -> Database:
    if file.is_dir():
        raise StoreError(f"store {address.name}: is a folder; name a file in it")
    if not file.exists():
        if not create:
            raise StoreError(f"store {address.name}: there is none; analyze --store makes one")
        if not file.parent.is_dir():
            raise StoreError(f"store {address.name}: the folder {file.parent} does not exist")
    mode = "rwc" if create else "rw" if write else "ro"
    engine = create_engine(
        "sqlite://",
        creator=_connector(file.absolute(), mode),
        poolclass=QueuePool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    database = Database(engine, address.name)
    try:
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except StoreError:
        database.close()
        raise
    return database


def _connector(file: Path, mode: str) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        # A reader that may write still tidies the log away when it is the last to leave.
        shared = all(os.access(place, os.W_OK) for place in (file, file.parent))
        how = mode if mode != "ro" else "rw" if shared else "ro"
        where = f"{file.as_uri()}?mode={how}"
        if how == "ro" and not file.with_name(f"{file.name}-wal").exists():
            where += "&immutable=1"  # no log can be made here, and none is needed
        connection = sqlite3.connect(
            where, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys=ON")
            if mode == "ro":
                connection.execute("PRAGMA query_only=ON")
            else:
                _keep_a_log(connection)
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA secure_delete=ON")
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Write-ahead log: readers never wait. The switch itself does not wait for others, so we do."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if "locked" not in str(fault) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    options: Any = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        writes = options.get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
