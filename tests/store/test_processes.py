"""A process that is killed in the middle loses nothing; processes that write at once do not collide."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spinemorph.store import open_store
from spinemorph.store.schema import metadata

WRITER = Path(__file__).with_name("writer.py")


@pytest.fixture
def start(place, tmp_path, document):
    """Start a writer; stdout is its list of stored studies."""
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document()))
    running = []

    def start_it(first, count, *kill):
        command = [sys.executable, WRITER, place, file, first, count, *kill]
        running.append(
            subprocess.Popen(
                [str(each) for each in command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start_it
    for process in running:
        process.kill()
        process.communicate()


def stored(process):
    """IDs that the process said it had stored."""
    out, err = process.communicate(timeout=120)
    return [line.split()[0] for line in out.splitlines()], err


def assert_whole(place, expected):
    """Exactly these studies, every one with its document and picture, and nothing beside them."""
    with open_store(place, write=True) as store:
        entries = list(store.entries())
        assert sorted(entry.id for entry in entries) == sorted(expected)
        assert sum(1 for _ in store.documents(expected)) == len(expected)
        for entry in entries:
            assert store.thumbnail(entry.id) == b"p" * 20_000
            assert entry.film == Path(f"/films/{int(entry.film_sha256, 16)}.dcm")
        if store.database.is_sqlite:
            with store.database.reading() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
                assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        with store.database.reading() as connection:
            films = connection.exec_driver_sql("SELECT count(*) FROM spinemorph_films").scalar()
        assert films == len({entry.film_sha256 for entry in entries})


@pytest.mark.parametrize("moment", [*(table.name for table in metadata.sorted_tables), "commit"])
def test_a_process_killed_in_the_middle_of_a_study_keeps_what_it_had_stored(place, start, moment):
    process = start(0, 9, moment)
    said, err = stored(process)
    assert process.returncode == -signal.SIGKILL, err
    assert len(said) == 2
    assert_whole(place, said)
    again, err = stored(start(0, 4))
    assert again[:2] == said, err
    assert_whole(place, again)


def test_a_process_killed_at_any_time_keeps_what_it_had_stored(place, start):
    open_store(place, create=True).close()
    done = 0
    for _ in range(3):
        process = start(done, 1000)
        lines = [process.stdout.readline().split()[0] for _ in range(8)]
        time.sleep(0.005 * done)
        process.kill()
        rest, _ = process.communicate(timeout=60)
        lines += [line.split()[0] for line in rest.split("\n")[:-1]]
        with open_store(place) as store:
            found = {entry.id for entry in store.entries()}
        assert found >= set(lines)
        # The last one may be stored, but not yet said.
        assert len(found) - done - len(lines) in {0, 1}
        done = len(found)
        assert_whole(place, sorted(found))


def test_processes_write_at_once_and_each_study_is_stored_once(place, start):
    # All make the store, and each range overlaps with the next.
    processes = [start(first, 20) for first in (0, 10, 20)]
    said = [stored(process) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    ids = [study for each, _ in said for study in each]
    assert len(ids) == 60
    assert len(set(ids)) == 40
    assert_whole(place, sorted(set(ids)))


def test_threads_of_one_process_share_a_store(store, place, document):
    def add(first):
        for number in range(first, first + 10):
            given = document(number)
            store.add(given, film=Path(f"/films/{number}.dcm"), thumbnail=b"p" * 20_000)

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 5, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert_whole(place, [entry.id for entry in store.entries()])
    assert len(list(store.entries())) == 20


def test_one_adds_while_another_removes_the_same_film(place, document):
    """The film's row must neither vanish under a new study nor stay without one."""
    ways = [document(1, manifest={"segmenter": f"m{k}"}) for k in range(2)]
    faults = []
    open_store(place, create=True).close()

    def toggle(given):
        try:
            with open_store(place, write=True) as own:
                for _ in range(15):
                    added = own.add(given, film=Path("/films/1.dcm"), thumbnail=b"p" * 20_000)
                    own.remove([added.id])
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)

    threads = [threading.Thread(target=toggle, args=(given,)) for given in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not faults
    assert_whole(place, [])


def test_a_reader_sees_one_state_while_a_writer_writes(store, place, document):
    for number in range(5):
        store.add(document(number))
    with open_store(place) as reader:
        entries = reader.entries()
        first = next(entries)
        store.add(document(7))
        assert len([first, *entries]) == 5
        assert len(list(reader.entries())) == 6
