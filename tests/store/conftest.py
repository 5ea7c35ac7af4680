"""Stores on SQLite and on a PostgreSQL server of the session's own, and studies to keep in them."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="the extra spinemorph[store] is not installed")

from spinemorph.report.json_writer import study_to_dict
from spinemorph.store import open_store
from spinemorph.testing import draw_phantom
from spinemorph.types import (
    AlternativeNumbering,
    ImageInfo,
    Implant,
    Measurement,
    Numbering,
    PixelSpacing,
    Source,
    Study,
    Vertebra,
)

#: One line that a skipped test shows.
ABSENT = "PostgreSQL's server programs are not installed (Debian package postgresql)"


def server_programs() -> Path | None:
    """The folder of initdb, pg_ctl and postgres; Debian keeps them out of PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    whole = [each for each in folders if all((each / p).exists() for p in ("initdb", "pg_ctl"))]
    return whole[-1] if whole else None


def unprivileged() -> str | None:
    """Whom the server runs as: initdb refuses root. None where we are no root ourselves."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a server on a Unix socket in a folder of its own, without the database's name."""
    programs = server_programs()
    if programs is None:
        pytest.skip(ABSENT)
    user = unprivileged()
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL refuses root, and there is no user postgres or nobody to run it as")
    folder = Path(tempfile.mkdtemp(prefix="spinemorph-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*command: Any) -> None:
        # The server keeps its output open: a file, or we would wait for its end.
        with (folder / "output").open("a") as output:
            done = subprocess.run(
                [str(each) for each in command],
                user=user, cwd=folder, stdout=output, stderr=output, check=False,
            )  # fmt: skip
        assert done.returncode == 0, (folder / "output").read_text()

    settings = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    try:
        run(programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync")  # fmt: skip
        run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", settings, "-w", "start")
        try:
            yield f"postgresql://tester@/{{}}?host={folder}"
        finally:
            run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_place(postgresql: str) -> Iterator[str]:
    """URL of an empty database, which is gone after the test."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgresql.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgresql.format(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store may be made, once on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "studies.db")
    return request.getfixturevalue("postgresql_place")


@pytest.fixture
def store(place: str):
    """An empty store that is open for writing."""
    with open_store(place, create=True) as opened:
        yield opened


def film_hash(number: int) -> str:
    return f"{number:064x}"


def drawn_study(number: int = 1, patient: str | None = "P-1", **changes: Any) -> Study:
    """A study of a drawn film, with what a study can hold; ``number`` makes its film another."""
    phantom = draw_phantom(300, 200)
    vertebrae = []
    for level, body in zip(phantom.levels, phantom.instances, strict=True):
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        contour = body.corners[:2].mean(axis=0) + 9 * np.column_stack([np.cos(turn), np.sin(turn)])
        vertebrae.append(
            Vertebra(level, body.category, 0.9, contour.round(2), body.corners, body.covariance)
        )
    source = {
        "patient_id": patient,
        "patient_name": "Doe^Jane",
        "birth_date": "1950-03-04",
        "sex": "F",
        "study_date": f"2020-01-{1 + number % 28:02d}",
        "acquired_at": f"2020-01-{1 + number % 28:02d}T08:{number % 60:02d}:00",
        "institution": "St. Elsewhere",
        "study_instance_uid": f"1.2.3.{number}",
        "sop_instance_uid": f"1.2.3.4.{number}",
        "description": "LWS of Jane Doe",
        **changes.pop("source", {}),
    }
    manifest = {"spinemorph": "0.1.0", "segmenter": "compact", **changes.pop("manifest", {})}
    square = np.array([[1.0, 2.0], [30.5, 2.0], [30.5, 11.25]])
    return Study(
        source=Source("Doe_Jane.dcm", film_hash(number), **source),
        image=ImageInfo(300, 200, "left", PixelSpacing(0.2, 0.2, "detector")),
        vertebrae=tuple(vertebrae),
        implants=(Implant("cage-1", "cage", ("L4", "L5"), square, 0.8),),
        measurements=(
            Measurement(
                "lumbar_lordosis", ("L1", "S1"), 40.0 + number, "degrees", "Cobb",
                interval95=(35.0, 47.5 + number),
            ),
            Measurement("slip", ("L4", "L5"), None, "mm", "Taillard", reason="level_not_found"),
        ),
        numbering=Numbering(0.9, AlternativeNumbering(1, 0.05, "possible_l6")),
        flags=("detector_scale", "possible_l6"),
        manifest=manifest,
    )  # fmt: skip


@pytest.fixture(scope="session")
def study() -> Callable[..., Study]:
    return drawn_study


@pytest.fixture(scope="session")
def document() -> Callable[..., dict[str, Any]]:
    """A parsed study.json of :func:`drawn_study`."""

    def make(*arguments: Any, **changes: Any) -> dict[str, Any]:
        return json.loads(json.dumps(study_to_dict(drawn_study(*arguments, **changes))))

    return make


@pytest.fixture
def key():
    from spinemorph.store.pseudonym import Key

    return Key(b"a key for these tests only, 32 b")
