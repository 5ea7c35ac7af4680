"""The schema: made by migrations, upgraded with what is in it, refused where it is too new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from spinemorph.errors import StoreError
from spinemorph.store import open_store, upgrade_store, versions
from spinemorph.store.database import open_database
from spinemorph.store.records import summary
from spinemorph.store.schema import VERSION_TABLE, metadata

#: Rows as the first release wrote them: two films, one of them analysed in two ways.
OLD = Path(__file__).with_name("schema-0001.json")


def old_store(place):
    """A store of schema 0001 with the rows of the first release."""
    database = open_database(place, create=True)
    versions.upgrade(database, "0001")
    with database.writing() as connection:
        for table, rows in json.loads(OLD.read_text()).items():
            for row in rows:
                values = {
                    name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
                    for name, value in row.items()
                }
                names = ", ".join(values)
                marks = ", ".join(f":{name}" for name in values)
                connection.execute(
                    text(f"INSERT INTO {table} ({names}) VALUES ({marks})"),  # noqa: S608
                    values,
                )
        if not database.is_sqlite:
            connection.execute(
                text(
                    "SELECT setval(pg_get_serial_sequence('spinemorph_studies', 'number'), "
                    "(SELECT max(number) FROM spinemorph_studies))"
                )
            )
    return database


def set_revision(place, revision):
    database = open_database(place, write=True)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"))  # noqa: S608
    database.close()


def test_the_migrations_end_at_the_present_revision_and_are_one_line():
    scripts = ScriptDirectory(versions._folder())
    assert scripts.get_heads() == [versions.PRESENT]
    assert [script.revision for script in scripts.walk_revisions()] == ["0002", "0001"]


def test_the_migrations_make_the_tables_that_the_program_uses(place):
    open_store(place, create=True).close()
    database = open_database(place)
    with database.reading() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_an_older_store_is_upgraded_with_its_studies(place, document):
    old_store(place).close()
    with pytest.raises(StoreError, match=r"older.*store upgrade"):
        open_store(place)
    assert upgrade_store(place) == ("0001", "0002")
    assert upgrade_store(place) == ("0002", "0002")
    with open_store(place, write=True) as store:
        entries = list(store.entries())
        assert len(entries) == 3
        found = dict(store.documents([entry.id for entry in entries]))
        for entry in entries:
            expected = summary(found[entry.id])
            assert entry.levels == expected["levels"] == "T12-S1"
            assert entry.lordosis == expected["lordosis"] is not None
            assert " ".join(entry.flags) == expected["flags"]
        assert len(store.newest("OLD-1")) == 2
        assert store.thumbnail(entries[0].id).startswith(b"\xff\xd8")
        assert not store.add(found[entries[0].id]).new, "known as it was before"
        assert store.add(document(9)).new


def test_an_upgrade_that_fails_changes_nothing(place):
    database = old_store(place)
    with database.writing() as connection:
        connection.execute(text("UPDATE spinemorph_documents SET document = :x"), {"x": b"damaged"})
    database.close()
    with pytest.raises(StoreError, match="damaged: nothing was changed"):
        upgrade_store(place)
    database = open_database(place)
    with database.reading() as connection:
        assert versions.revision_of(connection) == "0001"
        columns = connection.execute(text("SELECT * FROM spinemorph_studies")).keys()
        assert "lordosis" not in columns
    database.close()


@pytest.mark.parametrize("newer", ["0003", "9999", "future"])
def test_a_newer_store_is_refused_in_one_line_and_not_touched(place, newer):
    open_store(place, create=True).close()
    set_revision(place, newer)
    for act in (open_store, upgrade_store, lambda place: open_store(place, create=True)):
        with pytest.raises(StoreError, match="newer") as fault:
            act(place)
        assert "\n" not in str(fault.value)
    database = open_database(place)
    with database.reading() as connection:
        assert versions.revision_of(connection) == newer
    database.close()


def test_there_is_a_way_back(place):
    from alembic import command

    database = old_store(place)
    versions.upgrade(database)
    config = Config()
    config.set_main_option("script_location", versions._folder())
    config.set_main_option("path_separator", "os")
    with database.writing() as connection:
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        command.downgrade(config, "0001")
        count = connection.execute(text("SELECT count(*) FROM spinemorph_studies")).scalar()
    assert count == 3
    database.close()
