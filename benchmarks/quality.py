"""Where quality control draws its lines: errors of the measures against what it sees of a film.

    python benchmarks/quality.py --anatomy DIR [--films 120] [--first SEED] [--settings FILE] [--blur]

Corner errors are in percent of the height of a body, from the embedded model on simulated films; a film
counts with the mean over its bodies. ``--blur``: the same films again, blurred more and more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from looking import Look, Looker, height

from spinemorph.measure import film_quality, geometry
from spinemorph.measure.implant_levels import covered_corners
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import _scene, simulate_film
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm

BLURS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.12)
#: Bounds of the bins of each check.
EDGES = {
    "edge width": (0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1),
    "blur added": BLURS[1:],
    "clipped share": (0.001, 0.01, 0.03, 0.1, 0.2, 0.4),
    "grey range": (0.05, 0.1, 0.15, 0.2, 0.3, 0.5),
    "corners covered by implants": (1, 2, 3, 4),
    "cut by the edge": (0.5,),
    "true roll": (2, 4, 6, 8, 12),
    "roll seen": (2, 4, 6, 8, 12),
    "median roll of the film": (2, 4, 6, 8, 12),
}


@dataclass(frozen=True)
class Row:
    """One film or one body: what was seen of it and how far its corners were off."""

    seen: float
    error: float
    lordosis: float = float("nan")


def body_errors(film: SimulatedFilm, look: Look) -> dict[str, float]:
    """Mean corner error of every body that was found under its right name, percent of the height."""
    found = look.corners()
    truth = {body.level: body.corners for body in film.truth.bodies if not body.replaced}
    heights = [height(corners) for level, corners in truth.items() if level != "S1"]
    if not heights:
        return {}
    unit = float(np.mean(heights))
    errors = {}
    for level in set(found) & set(truth):
        away = np.linalg.norm(found[level] - truth[level], axis=1)
        if np.nanmedian(away) < 0.6 * unit:  # else it is another body
            errors[level] = 100 * float(np.nanmean(away)) / unit
    return errors


def lordosis_error(film: SimulatedFilm, look: Look) -> float:
    for name, levels, value in film.truth.measurements:
        if name == "lumbar_lordosis":
            marks = look.landmarks
            corners = [marks.corners(level)[0] for level in levels]
            return abs(float(geometry.lordosis(*corners)) - value)
    return float("nan")


def table(title: str, rows: Iterable[Row], edges: tuple[float, ...]) -> None:
    """Errors by what was seen, one line a bin."""
    rows = list(rows)
    seen, error = np.array([r.seen for r in rows]), np.array([r.error for r in rows])
    angle = np.array([r.lordosis for r in rows])
    print(f"{title}: n {len(rows)}")
    for low, high in zip((-np.inf, *edges), (*edges, np.inf), strict=True):
        here = (seen >= low) & (seen < high)
        if here.any():
            known = here & np.isfinite(angle)
            words = f", lordosis off by {np.mean(angle[known]):.1f}" if known.any() else ""
            middle, most = np.percentile(error[here], [50, 90])
            print(
                f"  {low:g} to {high:g}: n {here.sum()}, corners off by median {middle:.1f} %, "
                f"90th percentile {most:.1f} %{words}"
            )


def rolls(bones: object, settings: Settings, seed: int) -> dict[str, float]:
    """True degrees by which each body is rolled against the beam."""
    _, placed, _, camera, _ = _scene(bones, settings, np.random.default_rng(seed), None)
    angles = {}
    for level, bone in placed.items():
        centre = bone.to_world(np.array([[0.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, -10.0, 0.0]]))
        up = bone.to_world(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 10.0]]))
        ends = camera.project(centre)[1:, :2]
        axis = camera.project(up)[:, :2]
        direction = (axis[1] - axis[0]) / max(np.linalg.norm(axis[1] - axis[0]), 1e-9)
        # the two sides of a rolled body lie at different heights on the film
        split = abs(float((ends[0] - ends[1]) @ direction)) * camera.pixel_mm
        angles[level] = float(np.degrees(np.arcsin(min(split / 20.0, 1.0))))
    return angles


Note = Callable[..., None]


def look_at_bodies(
    film: SimulatedFilm, look: Look, true_rolls: dict[str, float], note: Note
) -> None:
    """Obliquity, edges of the picture and implants, body by body."""
    marks, errors = look.landmarks, body_errors(film, look)
    covered = covered_corners(marks, look.spine.implants)
    rolled = []
    for body in marks.bodies:
        own = errors.get(body.level or "")
        if own is None:
            continue
        note("corners covered by implants", covered.get(body.level, 0), own)
        note("cut by the edge", float("cut_by_edge" in body.flags), own)
        seen = film_quality.obliquity(body, marks.aspect)
        if body.level != "S1" and seen is not None:
            note("true roll", true_rolls[body.level], own)
            note("roll seen", seen, own)
            note("pairs", seen, true_rolls[body.level])
            rolled.append(seen)
    if rolled:
        error = float(np.mean(list(errors.values())))
        note("median roll of the film", float(np.median(rolled)), error, lordosis_error(film, look))


def blurred(film: SimulatedFilm, part: float) -> np.ndarray:
    """The film blurred by a Gaussian of ``part`` of the height of a body."""
    heights = [height(body.corners) for body in film.truth.bodies if body.level != "S1"]
    if not part or not heights:
        return film.pixels
    sigma = part * float(np.mean(heights))
    return np.clip(cv2.GaussianBlur(film.pixels, (0, 0), sigma), 0, 1)


def gather(options: argparse.Namespace, settings: Settings) -> dict[str, list[Row]]:
    """What was seen of each film and body, and its error, by the name of the check."""
    bones, looker = load_anatomy(options.anatomy), Looker(options.weights)
    parts: dict[str, list[Row]] = {}

    def note(part: str, seen: float | None, error: float, angle: float = float("nan")) -> None:
        if seen is not None and np.isfinite(seen):
            parts.setdefault(part, []).append(Row(seen, error, angle))

    for seed in range(options.first, options.first + options.films):
        film = simulate_film(bones, settings, seed)
        if film.truth.view != "lateral":
            continue
        for blur in BLURS if options.blur else (0.0,):
            pixels = blurred(film, blur)
            look = looker.look(pixels, film.truth.spacing_mm)
            errors = body_errors(film, look)
            if not look.numbered or not errors:
                continue
            error, angle = float(np.mean(list(errors.values()))), lordosis_error(film, look)
            values = film_quality.column_pixels(pixels, look.landmarks)
            note("edge width", film_quality.edge_width(pixels, look.landmarks), error, angle)
            if options.blur:
                note("blur added", blur, error, angle)
            else:
                note("clipped share", film_quality.clipped_share(values), error, angle)
                note("grey range", film_quality.grey_range(values), error, angle)
                look_at_bodies(film, look, rolls(bones, settings, seed), note)
    return parts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--films", type=int, default=120)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--blur", action="store_true")
    options = parser.parse_args()
    settings = Settings.load(options.settings) if options.settings else Settings()
    last = options.first + options.films - 1
    print(f"settings sha256 {settings.digest()[:16]}; seeds {options.first} to {last}")
    parts = gather(options, settings)
    pairs = np.array([(row.seen, row.error) for row in parts.pop("pairs", [])])
    if len(pairs):
        print(
            f"roll seen against true roll: correlation {np.corrcoef(pairs.T)[0, 1]:.2f}, "
            f"mean difference {np.mean(pairs[:, 0] - pairs[:, 1]):+.1f} degrees"
        )
    for part, rows in parts.items():
        table(part, rows, EDGES[part])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
