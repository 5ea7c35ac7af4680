"""Where a store is: a path or a URL, understood without opening it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from spinemorph.errors import UsageError

_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}
_EXAMPLES = "studies.db, sqlite:///studies.db or postgresql://user@host/database"


@dataclass(frozen=True)
class Address:
    """``file`` for SQLite, ``url`` for PostgreSQL; ``name`` is safe to show: it has no password."""

    name: str
    file: Path | None = None
    url: URL | None = None


def parse_address(place: str) -> Address:
    """The address behind ``--store``; UsageError where it is neither a path nor a URL we know."""
    if not place.strip() or "\0" in place:
        raise UsageError(f"--store names no store; give {_EXAMPLES}")
    if "://" not in place:
        return Address(place, file=Path(place))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as fault:
        raise UsageError(
            f"--store is not a URL that can be understood; give {_EXAMPLES}"
        ) from fault
    name = url.render_as_string(hide_password=True)
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if url.host or not url.database or url.database == ":memory:" or url.query:
            raise UsageError(f"--store {name}: SQLite needs a file: sqlite:///studies.db")
        return Address(url.database, file=Path(url.database))
    if url.drivername in _POSTGRESQL:
        return Address(name, url=url.set(drivername="postgresql+psycopg"))
    raise UsageError(f"--store: {url.drivername} is not supported; give {_EXAMPLES}")
