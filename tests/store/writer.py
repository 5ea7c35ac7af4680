"""A process that writes studies, run by the tests: ``writer.py PLACE DOCUMENT FIRST COUNT [KILL]``.

It says the ID of each study when it is stored. With KILL (the name of a table, or ``commit``) it kills
itself in the third study, without any chance to tidy up, before it writes to that table or commits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from spinemorph.store import open_store


def main(place: str, file: str, first: int, count: int, kill: str | None) -> None:
    document = json.loads(Path(file).read_text())
    with open_store(place, create=True) as store:
        for number in range(first, first + count):
            if kill is not None and number == first + 2:
                arm(store.database.engine, kill)
            document["source"]["sha256"] = f"{number:064x}"
            document["source"]["patient_id"] = f"P-{number % 5}"
            added = store.add(document, film=Path(f"/films/{number}.dcm"), thumbnail=b"p" * 20_000)
            sys.stdout.write(f"{added.id} {int(added.new)}\n")
            sys.stdout.flush()


def arm(engine: object, kill: str) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(f"INSERT INTO {kill} "):
            die()

    if kill == "commit":
        event.listen(engine, "commit", die)
    else:
        event.listen(engine, "before_cursor_execute", look)


if __name__ == "__main__":
    place, file, first, count, *rest = sys.argv[1:]
    main(place, file, int(first), int(count), rest[0] if rest else None)
