"""Raw results on simulated films, one JSON line a film: what every figure of accuracy is computed from.

    python benchmarks/rows.py OUT.jsonl --anatomy DIR [--films 2000] [--first 0] [--settings FILE] \\
        [--workers 2] [--weights A B ...] [--no-model]

Each film is drawn once and looked at from its true masks alone and with every model (the embedded one, or
those of ``--weights``). ``--no-model``: from true masks only. Films that OUT holds already are skipped, so a
run that was stopped goes on. ``summary.py`` prints figures from OUT; ``calibrate_intervals.py`` fits
intervals to it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import Value
from pathlib import Path
from typing import Any

import numpy as np
from looking import Look, Looker
from measuring import all_measures
from simulated import judge, load

from spinemorph.anatomy import CORNERS
from spinemorph.measure.deformity import grade_of
from spinemorph.measure.intervals import factor
from spinemorph.measure.landmarks import DRAWS, BodyLandmarks, Landmarks
from spinemorph.measure.osteophytes import graded
from spinemorph.measure.outline import contour
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.meshes import Anatomy
from spinemorph.simulate.truth import SimulatedFilm, Truth
from spinemorph.types import (
    Instance,
    LabeledSpine,
    LabeledVertebra,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
)

#: A mask that is cut off tells of no corner.
WHOLE = 0.98
Key = tuple[str, tuple[str, ...], str | None]


def true_spine(truth: Truth) -> LabeledSpine:
    """The bodies that are whole on the film, named."""
    bodies = [body for body in truth.bodies if body.visible > WHOLE and not body.replaced]
    vertebrae = tuple(
        LabeledVertebra(Instance(body.category, 1.0, body.mask, body.box), body.level)
        for body in bodies
    )
    return LabeledSpine(vertebrae, (), Numbering(1.0), truth.facing)


def blank(truth: Truth) -> Radiograph:
    """A film without a picture, of which measures on true landmarks need size and scale only."""
    rows = max((body.box.bottom for body in truth.bodies), default=1) + 1
    columns = max((body.box.right for body in truth.bodies), default=1) + 1
    spacing = PixelSpacing(truth.spacing_mm, truth.spacing_mm, "user")
    return Radiograph(np.zeros((rows, columns), np.float32), Source("film", ""), spacing)


def by_key(items: Iterable[Measurement]) -> dict[Key, Measurement]:
    return {(item.name, item.levels, item.site): item for item in items if item.instance is None}


def true_values(truth: Truth, levels: Collection[str]) -> dict[Key, tuple[float, str | None]]:
    """True value and label of every measure: from the simulator, else its definition on true landmarks of the
    bodies of these ``levels``, since some compare with neighbours, and not all may have been found.
    """
    film = blank(truth)
    bodies = [body for body in truth.bodies if not body.replaced and body.level in levels]
    spine = LabeledSpine(
        tuple(
            LabeledVertebra(Instance(body.category, 1.0, body.mask, body.box), body.level)
            for body in bodies
        ),
        (),
        Numbering(1.0),
        truth.facing,
    )
    marks = tuple(
        BodyLandmarks(
            body.level,
            body.category,
            1.0,
            contour(body.mask) + [body.box.left, body.box.top],
            body.corners,
            np.zeros((4, 2, 2)),
            body.middles,
            0.0,
            np.tile(body.corners, (1 + DRAWS, 1, 1)),
            np.tile(body.middles, (1 + DRAWS, 1, 1)),
        )
        for body in bodies
    )
    landmarks = Landmarks(marks, truth.facing, 1.0, film.spacing)
    known: dict[Key, tuple[float, str | None]] = {}
    items, _ = all_measures(film, spine, {"landmarks": landmarks}, ("endplates", "osteophytes"))
    for key, item in by_key(items).items():
        if item.value is not None:
            known[key] = item.value, item.label
    for name, own, value in truth.measurements:
        key = "disc_area" if name == "disc_area_midline" else name, own, None
        known[key] = value, known.get(key, (0, None))[1]
    for body in bodies:
        if body.level != "S1":
            area = float(body.mask.sum()) * truth.spacing_mm**2
            for site, own in zip(CORNERS, body.osteophyte_mm2, strict=True):
                share = 100 * float(own) / area
                item = Measurement(
                    "", (body.level,), share, "%", "", site, None, None, (share,) * 2
                )
                known["osteophyte_area", (body.level,), site] = float(own), None
                known["osteophyte_area_percent", (body.level,), site] = share, None
                known["osteophyte_grade", (body.level,), site] = graded(item).value or 0.0, None
    return known


def rows(
    items: dict[Key, Measurement], known: dict[Key, tuple[float, str | None]], marks: Landmarks
) -> list[list[Any]]:
    """Name, levels, site, value, standard deviation before its factor, truth, label, true label."""
    found = []
    for key, item in items.items():
        if item.value is None or key not in known:
            continue
        true, label = known[key]
        spread = None
        if item.interval95 is not None and item.name != "genant_grade":
            half = item.interval95[1] - item.value
            spread = round(half / 1.96 / factor(item.name, marks.route(item.levels)), 5)
        found.append(
            [item.name, "-".join(item.levels), item.site, item.value, spread]
            + [round(true, 4), item.label, label]
        )
    return found


def from_masks(film: SimulatedFilm) -> dict[str, Any]:
    spine = true_spine(film.truth)
    if not spine.vertebrae:
        return {"rows": []}
    radiograph = Radiograph(film.pixels, Source("film", ""), blank(film.truth).spacing)
    known = true_values(film.truth, {body.level or "" for body in spine.vertebrae})
    items, provided = all_measures(radiograph, spine)
    return {"rows": rows(by_key(items), known, provided["landmarks"])}


def from_model(film: SimulatedFilm, look: Look) -> dict[str, Any]:
    tally = judge(film, look, with_measures=False)
    kept = {name: value for name, value in vars(tally).items() if value not in ([], 0)}
    for name, value in kept.items():
        if isinstance(value, list):
            kept[name] = [round(float(each), 4) for each in value]
    shown = {body.level for body in film.truth.bodies if not body.replaced}
    found: list[list[Any]] = []
    if look.numbered:
        provided = {"landmarks": look.landmarks, "mask_shapes": look.shapes}
        spacing = PixelSpacing(film.truth.spacing_mm, film.truth.spacing_mm, "user")
        radiograph = Radiograph(film.pixels, Source("film", ""), spacing)
        items, _ = all_measures(radiograph, look.spine, provided, ("endplates",))
        known = true_values(film.truth, look.landmarks.levels())
        kept_items = by_key(item for item in items if set(item.levels) <= shown)
        found = rows(kept_items, known, look.landmarks)
    return {"tally": kept, "rows": found}


def fractures(truth: Truth) -> dict[str, list[Any]]:
    """Type and grade by what each body has lost against itself before the fracture."""
    return {
        body.level: [body.deformity, grade_of(float(np.max(body.loss_percent)))]
        for body in truth.bodies
        if body.level != "S1" and not body.replaced
    }


@lru_cache(maxsize=1)
def _anatomy(folder: Path | None) -> Anatomy:
    return load_anatomy(folder)


@lru_cache(maxsize=4)
def _looker(weights: Path | None) -> Looker:
    return Looker(weights)


def keep_to_a_core(number: Any) -> None:
    """Every worker on a core of its own: threads of its libraries would only wait for each other."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        with number.get_lock():
            number.value += 1
            os.sched_setaffinity(0, {cores[number.value % len(cores)]})


def film_line(job: tuple[int, Path | None, Path | None, tuple[Path | None, ...]]) -> str:
    """The line of one film."""
    seed, folder, settings, weights = job
    film = simulate_film(_anatomy(folder), load(settings), seed)
    truth = film.truth
    line: dict[str, Any] = {"seed": seed, "view": truth.view, "routes": {}}
    if truth.view == "lateral":
        line["fractures"] = fractures(truth)
        line["routes"]["masks"] = from_masks(film)
        for path in weights:
            look = _looker(path).look(film.pixels, truth.spacing_mm)
            name = "model" if path is None or len(weights) == 1 else path.stem
            line["routes"][name] = from_model(film, look)
    return json.dumps(line)


def kept_seeds(path: Path) -> Iterator[int]:
    """Seeds of the films that a file holds; a line that was cut off counts as not there."""
    if path.is_file():
        whole = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                seed = json.loads(line)["seed"]
            except ValueError:
                continue
            whole.append(line)
            yield seed
        path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--weights", type=Path, nargs="+")
    parser.add_argument("--no-model", action="store_true")
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    weights: tuple[Path | None, ...] = tuple(options.weights or [None])
    if options.no_model:
        weights = ()
    done = set(kept_seeds(options.out))
    todo = [
        seed for seed in range(options.first, options.first + options.films) if seed not in done
    ]
    jobs = [(seed, options.anatomy, options.settings, weights) for seed in todo]
    with (
        options.out.open("a", encoding="utf-8") as stream,
        ProcessPoolExecutor(
            options.workers, initializer=keep_to_a_core, initargs=(Value("i", 0),)
        ) as pool,
    ):
        for count, line in enumerate(pool.map(film_line, jobs, chunksize=2), 1):
            stream.write(line + "\n")
            stream.flush()
            if count % 50 == 0:
                print(f"{count} of {len(todo)} films", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
