"""Speed and memory of a store: import, one patient's timeline, list and export.

    python benchmarks/store.py [--studies 1000 10000] [--store URL]

The studies are those of the example film with other patients, dates, outlines and values: 5 films of
each patient, every one with its picture. Each step runs in a process of its own, so that its peak
memory is its own. With --store (PostgreSQL) the database must be empty; what was stored is removed
again. The last 200 studies are imported one by one into
the store that already holds the others. Import is what
``spinemorph store add`` does with a file that is already in memory: parse, check,
pack, one transaction a study. A timeline is opening the store, finding the newest result of each film
of a patient, reading the studies and comparing them, without report files and without the import of
modules. Wall and processor time are both printed: on a busy machine they differ.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLE = Path(__file__).parents[1] / "examples" / "lateral_lumbar.dcm"
FILMS = 5
#: Different outlines and values; patients and dates differ in all studies.
VARIANTS = 50
#: Studies that are imported one by one into the store that holds all the others.
TIMED = 200


def template(folder: Path) -> None:
    """The example film's study and picture, made once."""
    from spinemorph.pipeline import Options, Pipeline
    from spinemorph.plugins import load_plugins
    from spinemorph.report.json_writer import document_text, study_to_dict
    from spinemorph.store.thumbnail import thumbnail

    analysis = Pipeline(load_plugins(), Options(formats=())).analyze(EXAMPLE)
    picture = thumbnail(analysis.radiograph, analysis.study)
    (folder / "study.json").write_text(document_text(study_to_dict(analysis.study)))
    (folder / "thumbnail.jpg").write_bytes(picture or b"")


def documents(folder: Path, count: int, start: int = 0) -> Iterator[str]:
    """Texts of ``count`` study.json; the films of a patient have other dates, outlines and values."""
    base = (folder / "study.json").read_text()
    variants = [variant(base, number) for number in range(min(count, VARIANTS))]
    for number in range(count):
        text = variants[number % len(variants)]
        for mark, value in named(number + start).items():
            text = text.replace(mark, value)
        yield text


def variant(base: str, seed: int) -> str:
    """The study with a moved and roughened spine and values 3 % off, without a film and a patient."""
    rng, noises = random.Random(seed), np.random.default_rng(seed)
    study: dict[str, Any] = json.loads(base)
    study["source"] |= {"sha256": "@SHA256@", "patient_id": "@PATIENT@", "acquired_at": "@DATE@"}
    shift = rng.uniform(-20, 20)
    for body in study["vertebrae"]:
        contour = np.array(body["contour"])
        noise = noises.normal(0, 0.1, contour.shape)
        body["contour"] = np.round(contour + [shift, 0] + noise, 2).tolist()
        for corner in body["corners"].values():
            if corner is not None:
                corner[0] += shift
    for item in study["measurements"]:
        if item["value"] is not None:
            item["value"] *= rng.uniform(0.97, 1.03)
    return json.dumps(study)


def step_fill(place: str, folder: Path, count: int) -> dict[str, float]:
    """All but the last :data:`TIMED` studies, in one transaction, not timed as an import."""
    from spinemorph.store import open_store
    from spinemorph.store.packing import pack
    from spinemorph.store.schema import documents as rows
    from spinemorph.store.schema import films, studies
    from spinemorph.store.store import _columns

    picture = (folder / "thumbnail.jpg").read_bytes()
    base = (folder / "study.json").read_text()
    packed = [pack(json.loads(variant(base, seed))) for seed in range(VARIANTS)]
    plain = [zlib.decompress(each).decode() for each, _ in packed]
    columns = [_columns(json.loads(variant(base, seed))) for seed in range(VARIANTS)]
    with open_store(place, create=True) as store:
        next(texts := documents(folder, TIMED))
        store.add(json.loads(next(texts)))  # decides the form of the store
        store.remove([entry.id for entry in store.entries()])
        with store.database.writing() as connection:
            for number in range(count - TIMED):
                names = named(number)
                kind = number % VARIANTS
                row = columns[kind] | {
                    "id": f"{number:016x}", "number": number + 1, "film": names["@SHA256@"],
                    "patient": names["@PATIENT@"], "taken": names["@DATE@"],
                }  # fmt: skip
                connection.execute(films.insert().values(sha256=row["film"]))
                connection.execute(studies.insert().values(row))
                text = plain[kind]
                for mark, value in names.items():
                    text = text.replace(mark, value)
                connection.execute(
                    rows.insert().values(
                        study=number + 1, document=zlib.compress(text.encode(), 2),
                        contours=packed[kind][1], thumbnail=picture,
                    )
                )  # fmt: skip
    return {"filled": float(count - TIMED)}


def named(number: int) -> dict[str, str]:
    """What differs in every study: film, patient, date."""
    patient, film = divmod(number, FILMS)
    return {
        "@SHA256@": f"{number:064x}",
        "@PATIENT@": f"PATIENT-{patient:05d}",
        "@DATE@": f"20{10 + film:02d}-0{1 + patient % 9}-1{film}T10:00:00",
    }


def step_import(place: str, folder: Path, count: int) -> dict[str, float]:
    from spinemorph.store import open_store

    picture = (folder / "thumbnail.jpg").read_bytes()
    spent, busy, slowest, size = 0.0, 0.0, 0.0, 0
    with open_store(place, create=True) as store:
        for number, text in enumerate(documents(folder, TIMED, count - TIMED)):
            size += len(text)
            begin, worked = time.perf_counter(), time.process_time()
            store.add(json.loads(text), film=Path(f"/films/{number}.dcm"), thumbnail=picture)
            taken = time.perf_counter() - begin
            busy += time.process_time() - worked
            spent, slowest = spent + taken, max(slowest, taken)
    return {
        "per_second": TIMED / spent,
        "processor_ms": 1000 * busy / TIMED,
        "slowest_ms": 1000 * slowest,
        "json_kb": size / TIMED / 1e3,
    }


def step_timeline(place: str, folder: Path, count: int) -> dict[str, float]:
    del folder
    from spinemorph.compare import compare_studies
    from spinemorph.report.json_writer import study_from_dict
    from spinemorph.store import open_store

    spent, reading, busy = [], [], []
    rng = random.Random(1)
    for _ in range(8):
        patient = f"PATIENT-{rng.randrange(count // FILMS):05d}"
        begin, worked = time.perf_counter(), time.process_time()
        with open_store(place) as store:
            ids = [entry.id for entry in store.newest(patient)]
            studies = [study_from_dict(document) for _, document in store.documents(ids)]
        reading.append(time.perf_counter() - begin)
        assert len(studies) == FILMS
        compare_studies(studies)
        spent.append(time.perf_counter() - begin)
        busy.append(time.process_time() - worked)
    return {
        "first_s": spent[0],
        "median_s": statistics.median(spent[1:]),
        "median_query_s": statistics.median(reading[1:]),
        "median_processor_s": statistics.median(busy[1:]),
    }


def step_list(place: str, folder: Path, count: int) -> dict[str, float]:
    from spinemorph.cli import cli

    with (folder / "list.txt").open("w") as out:
        old, sys.stdout = sys.stdout, out
        begin = time.perf_counter()
        try:
            cli.main(["store", "list", "--store", place], standalone_mode=False)
        finally:
            sys.stdout = old
    spent = time.perf_counter() - begin
    assert f"{count} studies" in (folder / "list.txt").read_text()
    return {"seconds": spent}


def step_export(place: str, folder: Path, count: int) -> dict[str, float]:
    from spinemorph.store import open_store
    from spinemorph.store.export import export_studies

    target = folder / "export"
    begin = time.perf_counter()
    with open_store(place) as store:
        done = export_studies(store, [entry.id for entry in store.entries()], target)
    spent = time.perf_counter() - begin
    assert done == count
    shutil.rmtree(target)
    return {"per_second": count / spent}


def peak_mb() -> float:
    """Most memory of this process since its program began (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


STEPS = {
    "fill": step_fill,
    "import": step_import,
    "timeline": step_timeline,
    "list": step_list,
    "export": step_export,
}


def run_step(step: str, place: str, folder: Path, count: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, "--store", place, "--folder", str(folder)]
    done = subprocess.run(  # noqa: S603  this very file
        [*command, "--studies", str(count)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--store")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        found = STEPS[options.step](options.store, options.folder, options.studies[0])
        found["peak_mb"] = peak_mb()
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template(folder)
        for count in options.studies:
            place = options.store or str(folder / f"{count}.db")
            print(f"{count} studies of {count // FILMS} patients")
            for step in STEPS:
                found = run_step(step, place, folder, count)
                print(f"  {step:9}", *(f"{key} {value:.4g}" for key, value in found.items()))
            if options.store:
                from spinemorph.store import open_store

                with open_store(place, write=True) as store:
                    store.remove([entry.id for entry in store.entries()])
            else:
                print(f"  {Path(place).stat().st_size / TIMED / 1e3:.3g} kB a study in the file")


if __name__ == "__main__":
    main()
