"""Addresses: a path, SQLite, PostgreSQL; everything else is one clear line without a password."""

from pathlib import Path

import pytest

from spinemorph.errors import StoreError, UsageError
from spinemorph.store import open_store
from spinemorph.store.address import parse_address


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("studies.db", "studies.db"),
        ("a folder/ü?#%.db", "a folder/ü?#%.db"),
        ("sqlite:///studies.db", "studies.db"),
        ("sqlite:////abs/studies.db", "/abs/studies.db"),
    ],
)
def test_a_file(place, file):
    assert parse_address(place).file == Path(file)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_is_reached_by_the_installed_driver_and_its_password_is_not_shown(scheme):
    address = parse_address(f"{scheme}://me:geheim@host:5433/spine")
    assert address.url.drivername == "postgresql+psycopg"
    assert "geheim" in address.url.render_as_string(hide_password=False)
    assert "geheim" not in address.name
    assert "host:5433/spine" in address.name


@pytest.mark.parametrize(
    "place",
    [
        "", " ", "a\0b", "sqlite://", "sqlite:///:memory:", "sqlite://host/a.db",
        "mysql://me:geheim@host/db", "postgresql+psycopg2://me:geheim@h/db", "://", "http://x",
        "postgresql://me:geheim@host:port/db",
    ],
)  # fmt: skip
def test_what_is_no_store_is_wrong_use(place):
    with pytest.raises(UsageError) as fault:
        parse_address(place)
    assert "\n" not in str(fault.value)
    assert "geheim" not in str(fault.value)


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(StoreError) as fault:
        open_store(f"postgresql://me:geheim@/spine?host={tmp_path}")
    assert "\n" not in str(fault.value)
    assert "geheim" not in str(fault.value)
    with pytest.raises(StoreError):
        open_store("postgresql://me@127.0.0.1:1/spine")


def test_a_missing_database_or_role_is_one_line(postgresql):
    for place in (postgresql.format("absent"), postgresql.format("x").replace("tester", "nobody")):
        with pytest.raises(StoreError, match="does not exist") as fault:
            open_store(place, create=True)
        assert "\n" not in str(fault.value)


def test_a_missing_file_is_made_only_where_that_is_asked(tmp_path):
    place = tmp_path / "studies.db"
    for write in (False, True):
        with pytest.raises(StoreError, match="there is none"):
            open_store(str(place), write=write)
    assert not place.exists()
    with pytest.raises(StoreError, match="does not exist"):
        open_store(str(tmp_path / "absent" / "studies.db"), create=True)
    with pytest.raises(StoreError, match="is a folder"):
        open_store(str(tmp_path), create=True)
    open_store(str(place), create=True).close()
    open_store(str(place)).close()


def test_an_empty_database_is_no_store_until_it_is_made_one(place):
    if "://" not in place:
        Path(place).touch()
    with pytest.raises(StoreError, match="there is none"):
        open_store(place)
    open_store(place, create=True).close()
    open_store(place).close()


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path, content):
    place = tmp_path / "studies.db"
    place.write_bytes(content)
    for options in ({}, {"create": True}):
        with pytest.raises(StoreError, match=r"not a database|damaged") as fault:
            open_store(str(place), **options)
        assert "\n" not in str(fault.value)
    assert place.read_bytes() == content
