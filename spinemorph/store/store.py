"""The store of studies: add, find, read, remove; every change is one transaction."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from spinemorph.errors import ReadError, StoreError, UsageError
from spinemorph.report.json_writer import study_from_dict
from spinemorph.store.database import Database, plain_words
from spinemorph.store.packing import pack, unpack
from spinemorph.store.pseudonym import Key, is_pseudonym, patient_name, pseudonymized
from spinemorph.store.records import (
    Added,
    Entry,
    Removed,
    column_text,
    entry_of,
    path_of,
    study_id,
    summary,
    uri_of,
)
from spinemorph.store.schema import documents, films, kept, metadata, studies

#: How often two writers that meet try again, and how many rows a long read takes at once.
_ATTEMPTS: Final = 8
_PAGE: Final = 200
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


class Store:
    """Studies in a database of the present schema; see :func:`spinemorph.store.open_store`."""

    def __init__(self, database: Database, key: Key | None = None) -> None:
        self.database, self._key = database, key
        with database.reading() as connection:
            self._check_key(_kept(connection))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    @property
    def pseudonymized(self) -> bool:
        """Whether identifiers are kept as pseudonyms; an empty store has not decided yet."""
        with self.database.reading() as connection:
            found = _kept(connection)
        return self._key is not None if found is None else found != ""

    def require_form(self) -> None:
        """StoreError where this store keeps identifiers in another form than ``add`` would."""
        with self.database.reading() as connection:
            self._require_form(_kept(connection))

    def add(
        self,
        document: Mapping[str, Any],
        *,
        film: Path | None = None,
        thumbnail: bytes | None = None,
    ) -> Added:
        """Keep a study.json; nothing changes where the same film was analysed in the same way.

        ReadError where it is not a valid study, StoreError where the store keeps identifiers in
        the other form (clear or pseudonymised) than this call would.
        """
        study_from_dict(document)
        sha256 = document["source"]["sha256"]
        if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
            raise ReadError("not a study of a film: its source has no sha256")
        if self._key is not None:
            document, film = pseudonymized(document, self._key), None
        row = _columns(document)
        body, contours = pack(document)
        uri = None if film is None else uri_of(film)

        def write(connection: Connection) -> Added:
            self._decide_key(connection)
            _keep_film(connection, sha256, uri)
            number = connection.execute(
                _insert(connection, studies)
                .values(row)
                .on_conflict_do_nothing(index_elements=["id"])
                .returning(studies.c.number)
            ).scalar()
            if number is None:
                return Added(row["id"], new=False)
            connection.execute(
                documents.insert().values(
                    study=number, document=body, contours=contours, thumbnail=thumbnail
                )
            )
            return Added(row["id"], new=True)

        return self._write(write)

    def film_is_at(self, sha256: str, path: Path) -> None:
        """Note where a film is, where its stored place is unknown or it is no longer there."""
        if self._key is not None:
            return
        with self.database.reading() as connection:
            row = connection.execute(select(films.c.uri).where(films.c.sha256 == sha256)).first()
        if row is None or (row.uri is not None and path_of(row.uri).is_file()):
            return
        change = films.update().where(films.c.sha256 == sha256).values(uri=uri_of(path))
        self._write(lambda connection: connection.execute(change))

    def entries(
        self,
        *,
        patient: str | None = None,
        film: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> Iterator[Entry]:
        """Entries in the order of acquisition within a patient, a page at a time.

        ``patient`` is a patient ID, or a pseudonym; ``film`` a SHA-256; ``ids`` whole study IDs.
        """
        query = (
            select(*_ENTRY)
            .join(films, films.c.sha256 == studies.c.film)
            .order_by(studies.c.patient, studies.c.taken, studies.c.number)
        )
        if patient is not None:
            query = query.where(studies.c.patient == self.patient(patient))
        if film is not None:
            query = query.where(studies.c.film == film)
        if ids is not None:
            query = query.where(studies.c.id.in_(ids))
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=_PAGE).execute(query)
            for row in rows:
                yield entry_of(row)

    def find(self, prefix: str) -> Entry:
        """The entry whose ID begins with ``prefix``; UsageError where none or several do."""
        if not re.fullmatch(r"[0-9a-f]{1,16}", prefix):
            raise UsageError("a study is named by the digits of its ID; see spinemorph store list")
        query = (
            select(*_ENTRY)
            .join(films, films.c.sha256 == studies.c.film)
            .where(studies.c.id >= prefix, studies.c.id <= prefix.ljust(16, "f"))
            .limit(2)
        )
        with self.database.reading() as connection:
            found = [entry_of(row) for row in connection.execute(query)]
        if not found:
            raise UsageError(f"no study {prefix} in the store; see spinemorph store list")
        if len(found) > 1:
            raise UsageError(f"several studies begin with {prefix}: give more digits")
        return found[0]

    def newest(self, patient: str) -> list[Entry]:
        """The last added result of every film of a patient, in the order of acquisition."""
        results: dict[str, Entry] = {}
        for entry in self.entries(patient=patient):
            earlier = results.get(entry.film_sha256)
            if earlier is None or earlier.added_at <= entry.added_at:
                results[entry.film_sha256] = entry
        return sorted(results.values(), key=lambda entry: (entry.taken or "", entry.added_at))

    def documents(self, ids: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(ID, study.json) of each, read a page at a time; StoreError names a damaged one."""
        wanted = list(ids)
        for start in range(0, len(wanted), _PAGE // 4):
            page = wanted[start : start + _PAGE // 4]
            query = (
                select(studies.c.id, documents.c.document, documents.c.contours)
                .join(documents, documents.c.study == studies.c.number)
                .where(studies.c.id.in_(page))
            )
            with self.database.reading() as connection:
                found = {row.id: row for row in connection.execute(query)}
            for each in page:
                if each in found:
                    yield each, self._unpacked(found[each])

    def thumbnail(self, study: str) -> bytes | None:
        """The picture of a study (JPEG), where there is one."""
        query = (
            select(documents.c.thumbnail)
            .join(studies, documents.c.study == studies.c.number)
            .where(studies.c.id == study)
        )
        with self.database.reading() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def remove(self, ids: Sequence[str]) -> Removed:
        """Take studies away, and films that no study is left of; SQLite's file is rewritten."""

        def write(connection: Connection) -> tuple[int, int]:
            numbers = select(studies.c.number).where(studies.c.id.in_(ids))
            connection.execute(delete(documents).where(documents.c.study.in_(numbers)))
            gone = connection.execute(
                delete(studies).where(studies.c.id.in_(ids)).returning(studies.c.film)
            ).all()
            left = select(studies.c.film)
            of_them = films.c.sha256.in_({row.film for row in gone})
            lost = connection.execute(delete(films).where(of_them, films.c.sha256.not_in(left)))
            return len(gone), lost.rowcount

        count, lost = self._write(write)
        return Removed(count, lost, self._wipe())

    def patient(self, patient: str) -> str:
        """A patient as the store names them; StoreError where that needs the key."""
        if not self.pseudonymized or is_pseudonym(patient):
            return column_text(patient_name(patient))
        if self._key is None:
            raise StoreError("the store keeps pseudonyms: give the key to find a patient")
        return self._key.patient(patient)

    def _write(self, change: Callable[[Connection], T]) -> T:
        """One transaction, again where another writer was in its way."""
        for attempt in range(_ATTEMPTS):
            try:
                with self.database.writing() as connection:
                    return change(connection)
            except DBAPIError as fault:  # only those that pass; see Database
                reason = plain_words(fault.orig)
            time.sleep(0.01 * 2**attempt)
        raise StoreError(f"store {self.database.name}: {reason}")

    def _unpacked(self, row: Any) -> dict[str, Any]:
        try:
            return unpack(row.document, row.contours)
        except StoreError as fault:
            raise StoreError(f"store {self.database.name}: study {row.id}: {fault}") from fault

    def _decide_key(self, connection: Connection) -> None:
        """The first study decides whether identifiers are clear; the others must agree."""
        mine = None if self._key is None else self._key.check
        connection.execute(
            _insert(connection, kept)
            .values(id=1, key_check=mine)
            .on_conflict_do_nothing(index_elements=["id"])
        )
        self._require_form(_kept(connection))

    def _require_form(self, found: str | None) -> None:
        if found == "" and self._key is not None:
            raise StoreError(
                f"store {self.database.name} keeps clear identifiers: leave out the key"
            )
        if found and self._key is None:
            raise StoreError(f"store {self.database.name} keeps pseudonyms: give the key")
        self._check_key(found)

    def _check_key(self, found: str | None) -> None:
        if self._key is not None and found and found != self._key.check:
            raise StoreError(f"store {self.database.name} was made with another key")

    def _wipe(self) -> bool:
        """Give the space of removed rows back, so that their bytes are gone from the files."""
        try:
            with self.database.outside() as connection:
                if not self.database.is_sqlite:
                    for table in metadata.sorted_tables:
                        connection.execute(text(f"VACUUM FULL {table.name}"))
                    return True
                connection.execute(text("VACUUM"))
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
                return busy == 0
        except StoreError:
            return False


_ENTRY: Final = (
    *(column for column in studies.c if column is not studies.c.number),
    films.c.uri,
)


def _columns(document: Mapping[str, Any]) -> dict[str, Any]:
    source, manifest = document["source"], document["manifest"]
    patient = source.get("patient_id")
    taken = source.get("acquired_at") or source.get("study_date")
    named = {name: manifest.get(name) for name in ("spinemorph", "segmenter", "weights_sha256")}
    now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")
    return {
        "id": study_id(document),
        "film": source["sha256"],
        "patient": column_text(patient_name(str(patient))) or None if patient else None,
        "taken": None if taken is None else column_text(str(taken)),
        "file": column_text(str(source["file"])),
        **{k: None if v is None else column_text(str(v)) for k, v in named.items()},
        "added_at": now,
        **summary(document),
    }


def _keep_film(connection: Connection, sha256: str, uri: str | None) -> None:
    """The film's row; a place is filled in where there was none, never replaced."""
    query = _insert(connection, films).values(sha256=sha256, uri=uri)
    if uri is None:
        query = query.on_conflict_do_nothing(index_elements=["sha256"])
    else:
        query = query.on_conflict_do_update(
            index_elements=["sha256"], set_={"uri": uri}, where=films.c.uri.is_(None)
        )
    connection.execute(query)


def _kept(connection: Connection) -> str | None:
    """The check of the key; empty where identifiers are clear, None where nothing was stored."""
    row = connection.execute(select(kept.c.key_check).where(kept.c.id == 1)).first()
    return None if row is None else row.key_check or ""


def _insert(connection: Connection, table: Any) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
