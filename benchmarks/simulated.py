"""Accuracy on new simulated films.

    python benchmarks/simulated.py --anatomy DIR --films N --first SEED [--settings FILE] [--workers 2]

Training used seeds from 1,000,000; tests use seeds below. Prints the hash of the settings.
Recognition and composite recognition as in docs/evaluation.md over L1-L5 and S1 as far as the film
shows them; bodies replaced by an implant are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from looking import LUMBAR, Look, Looker, height, lordosis
from measuring import all_measures

from spinemorph.evaluate.metrics import pixel_metrics
from spinemorph.evaluate.recognition import recognition
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm, TrueBody
from spinemorph.types import Instance, PixelSpacing, Radiograph, Source


@dataclass
class Tally:
    """Sums over films."""

    films: int = 0
    blank: int = 0
    recognized: int = 0
    composite: int = 0
    composite_films: int = 0
    numbered_right: int = 0
    numbered_wrong: int = 0
    withheld: int = 0
    not_lateral: int = 0
    sacrum_invented: int = 0
    without_sacrum: int = 0
    iou: list[float] = field(default_factory=list)
    corners: list[float] = field(default_factory=list)
    endplate: list[float] = field(default_factory=list)
    s1_doubted: int = 0
    angles: list[float] = field(default_factory=list)
    scaled: list[float] = field(default_factory=list)  # squared corner errors over their covariance
    measures: list[tuple[str, float, float]] = field(
        default_factory=list
    )  # name, error, half width

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def judge(film: SimulatedFilm, look: Look, *, with_measures: bool = True) -> Tally:
    """One film."""
    tally = Tally(films=1)
    reference = [b for b in film.truth.bodies if b.level in (*LUMBAR, "S1") and not b.replaced]
    # replaced bodies and those that can hardly be seen count neither for nor against
    excused = [b for b in film.truth.bodies if b.replaced] + list(film.truth.hidden)
    predicted = [v for v in look.spine.vertebrae if not _is_one_of(v.instance, excused)]
    if not reference:
        return Tally(films=1, blank=1, numbered_wrong=int(look.numbered))
    judged = recognition([v.instance for v in predicted], reference)
    tally.not_lateral = not look.lateral
    if not any(b.level == "S1" for b in (*film.truth.bodies, *film.truth.hidden)):
        tally.without_sacrum = 1
        tally.sacrum_invented = look.numbered
    tally.recognized = bool(judged.recognized)
    if judged.composite_recognized is not None:
        tally.composite_films, tally.composite = 1, int(judged.composite_recognized)
    tally.iou.append(
        pixel_metrics(
            _merged([v.instance for v in predicted if v.level in (*LUMBAR, "S1", None)], film),
            _merged(reference, film),
        ).mean_iou
    )
    truth = {b.level: b for b in reference}
    tally.withheld = look.withheld
    if look.numbered:
        pairs = [
            (v, reference[m.reference]) for m in judged.matches for v in [predicted[m.predicted]]
        ]
        right = all(v.level == b.level for v, b in pairs)
        tally.numbered_right, tally.numbered_wrong = int(right), int(not right)
    found = {body.level: body for body in look.landmarks.bodies if body.level}
    for level, body in truth.items():
        if level in found and np.isnan(found[level].corners[:2]).any():
            tally.s1_doubted += 1  # only S1 may be counted from without an endplate
        elif level in found:
            ends = 2 if level == "S1" else 4
            away = found[level].corners[:ends] - body.corners[:ends]
            unit = np.mean(
                [height(b.corners) for name, b in truth.items() if name != "S1"] or [1.0]
            )
            (tally.endplate if level == "S1" else tally.corners).extend(
                np.linalg.norm(away, axis=1) / unit * 100
            )
            inverse = np.linalg.inv(found[level].covariance[:ends])
            tally.scaled.extend(np.einsum("ni,nij,nj->n", away, inverse, away))
    if look.numbered and with_measures:
        tally.measures = measured(film, look)
    if {"L1", "S1"} <= set(found) & set(truth):
        values = [
            lordosis(corners["L1"], corners["S1"])
            for corners in (
                {k: b.corners for k, b in found.items()},
                {k: b.corners for k, b in truth.items()},
            )
        ]
        if np.isfinite(values[0]):
            tally.angles.append(abs(values[0] - values[1]))
    return tally


def measured(film: SimulatedFilm, look: Look) -> list[tuple[str, float, float]]:
    """Every measurement that has a true value: its error and half the width of its interval."""
    shown = {body.level for body in film.truth.bodies if not body.replaced}
    true = {(name, levels): value for name, levels, value in film.truth.measurements}
    spacing = PixelSpacing(film.truth.spacing_mm, film.truth.spacing_mm, "user")
    radiograph = Radiograph(film.pixels, Source("film", ""), spacing)
    provided = {"landmarks": look.landmarks, "mask_shapes": look.shapes}
    found = []
    for item in all_measures(radiograph, look.spine, provided, ("endplates",))[0]:
        value = None if item.site else true.get((item.name, item.levels))
        if value is not None and item.value is not None and set(item.levels) <= shown:
            low, high = item.interval95
            found.append((item.name, item.value - value, (high - low) / 2))
    return found


def _is_one_of(instance: Instance, bodies: list[TrueBody]) -> bool:
    rows, columns = np.nonzero(instance.mask)
    x, y = columns.mean() + instance.box.left, rows.mean() + instance.box.top
    for body in bodies:
        known = np.isfinite(body.corners).all(axis=1)
        size = np.linalg.norm(body.corners[0] - body.corners[1])
        if np.linalg.norm(body.corners[known].mean(axis=0) - [x, y]) < 0.5 * size:
            return True
    return False


def _merged(instances: Iterable[Instance | TrueBody], film: SimulatedFilm) -> np.ndarray:
    """0 background, 1 lumbar, 2 sacrum."""
    merged = np.zeros(film.pixels.shape, np.uint8)
    for category, value in (("lumbar", 1), ("sacrum", 2)):
        for item in instances:
            if item.category == category:
                merged[item.box.slices][item.mask] = value
    return merged


def run(job: tuple[Path, Path | None, Path | None, range]) -> Tally:
    anatomy, settings, weights, seeds = job
    bones, chosen, looker = load_anatomy(anatomy), load(settings), Looker(weights)
    total = Tally()
    for seed in seeds:
        film = simulate_film(bones, chosen, seed)
        if film.truth.view == "lateral":
            total.add(judge(film, looker.look(film.pixels, film.truth.spacing_mm)))
    return total


def load(settings: Path | None) -> Settings:
    return Settings.load(settings) if settings else Settings()


def jobs(options: argparse.Namespace) -> Iterator[tuple[Path, Path | None, Path | None, range]]:
    last = options.first + options.films
    for worker in range(options.workers):
        seeds = range(options.first + worker, last, options.workers)
        yield options.anatomy, options.settings, options.weights, seeds


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % ({part} of {whole})" if whole else "-"


def print_measures(total: Tally) -> None:
    """Error and coverage of each measure; the factor on standard deviations that would cover 95 %."""
    for name in dict.fromkeys(item[0] for item in total.measures):
        rows = np.array([item[1:] for item in total.measures if item[0] == name])
        error, half = np.abs(rows[:, 0]), np.maximum(rows[:, 1], 1e-9)
        print(
            f"  {name}: n {len(rows)}, mean absolute error {error.mean():.2f}, "
            f"median {np.median(error):.2f}, "
            f"bias {rows[:, 0].mean():+.2f}, covered {100 * np.mean(error <= half):.1f} %, "
            f"factor for 95 % {np.percentile(error / half, 95):.2f}"
        )


def print_tally(total: Tally) -> None:
    """Recognition, numbering, overlap and corners."""
    print(f"lateral films: {total.films}; called not lateral lumbar: {total.not_lateral}")
    print(f"films on which no body from L1 to S1 can be seen (not judged): {total.blank}")
    print(f"recognition: {share(total.recognized, total.films - total.blank)}")
    print(f"composite recognition: {share(total.composite, total.composite_films)}")
    print(
        f"numbering right {total.numbered_right}, wrong {total.numbered_wrong}, "
        f"withheld {total.withheld}"
    )
    print(
        f"numbered although no sacrum shows: {share(total.sacrum_invented, total.without_sacrum)}"
    )
    print(f"mean IoU: {100 * np.mean(total.iou):.1f} %")
    print(
        f"body corners: median {np.median(total.corners):.2f} %, "
        f"90th percentile {np.percentile(total.corners, 90):.2f} %"
    )
    if total.endplate:
        print(
            f"S1 endplate: median {np.median(total.endplate):.2f} %, "
            f"90th percentile {np.percentile(total.endplate, 90):.2f} %, not believed on "
            f"{total.s1_doubted} films"
        )
    if total.angles:
        print(
            f"lordosis: mean absolute error {np.mean(total.angles):.2f} degrees, "
            f"median {np.median(total.angles):.2f}"
        )


def print_scaled(total: Tally) -> None:
    """Whether the covariance of corners fits their errors."""
    scaled = np.array(total.scaled)
    print(
        f"corner variance factor for a median of chi-square(2): {np.median(scaled) / 1.386:.2f}; "
        f"inside 95 %: {100 * np.mean(scaled < 5.99):.1f} %"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    total = Tally()
    with ProcessPoolExecutor(options.workers) as pool:
        for tally in pool.map(run, jobs(options)):
            total.add(tally)
    settings = load(options.settings)
    print(
        f"settings sha256 {settings.digest()[:16]}; "
        f"seeds {options.first} to {options.first + options.films - 1}"
    )
    print_tally(total)
    print_measures(total)
    print_scaled(total)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
