"""Accuracy on the six real films of ../shared/films (development only; not part of the project).

    python benchmarks/six_films.py [--weights FILE] [--invert] [--rotate DEG] [--mirror] [--above-sacrum]

Corners are compared with the mean of the readers; distances are in percent of the mean height of
the film's bodies. Two readers differ by a median of 2.3 % (90th percentile 5.3 %) and 2.9 degrees.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from looking import LUMBAR, Look, Looker, height, lordosis
from measuring import all_measures

from spinemorph.anatomy import LEVELS_UPWARD
from spinemorph.measure.landmarks import DRAWS, BodyLandmarks, Landmarks
from spinemorph.types import LabeledSpine, Radiograph, Source

FILMS = Path(__file__).parents[1] / "../shared/films"
#: Grades and indices with a bound tell nothing of an interval.
GRADED = ("slip_grade", "genant_grade")
KEYS = ("sa", "sp", "ia", "ip")


def readings(record: dict) -> dict[str, np.ndarray]:
    """Mean of the readers' corners (4, 2) by level."""
    found = {}
    for level in (*LUMBAR, "S1"):
        every = [
            [reader["vertebrae"][level].get(key, [np.nan, np.nan]) for key in KEYS]
            for reader in record["readers"]
            if level in reader["vertebrae"]
        ]
        if every:
            found[level] = np.mean(np.array(every, float), axis=0)
    return found


def changed(
    image: np.ndarray, options: argparse.Namespace, reference: dict
) -> tuple[np.ndarray, np.ndarray]:
    """The film as asked for, and the affine map of its points."""
    rows, columns = image.shape
    affine = np.hstack([np.eye(2), np.zeros((2, 1))])
    if options.invert:
        image = 1 - image
    if options.mirror:
        image, affine = image[:, ::-1], np.array([[-1.0, 0, columns - 1], [0, 1, 0]])
    if options.rotate:
        affine = cv2.getRotationMatrix2D((columns / 2, rows / 2), options.rotate, 1.0)
        image = cv2.warpAffine(image, affine, (columns, rows))
    if options.above_sacrum:
        end = np.nanmin(reference["S1"][:2, 1])
        image = image[: int(end - 0.05 * height(reference["L4"]))]
    return np.ascontiguousarray(image, np.float32), affine


def read_values(
    reference: dict[str, np.ndarray], facing: str | None
) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every measure that needs corners only, from the readers' mean corners; no lengths, no scale."""
    order = [level for level in LEVELS_UPWARD[::-1] if level in reference]
    bodies = tuple(
        BodyLandmarks(
            level,
            "sacrum" if level == "S1" else "lumbar",
            1.0,
            reference[level][np.isfinite(reference[level]).all(axis=1)],
            reference[level],
            np.zeros((4, 2, 2)),
            np.full((2, 2), np.nan),
            0.0,
            np.tile(reference[level], (1 + DRAWS, 1, 1)),
            np.full((1 + DRAWS, 2, 2), np.nan),
        )
        for level in order
    )
    given = {"landmarks": Landmarks(bodies, facing)}
    spine = LabeledSpine(())
    items = all_measures(blank_film(), spine, given, ("endplates", "osteophytes"))[0]
    return {
        (item.name, item.levels): item.value
        for item in items
        if item.value is not None and item.name not in GRADED
    }


def blank_film() -> Radiograph:
    return Radiograph(np.zeros((2, 2), np.float32), Source("film", ""))


def covered(look: Look, image: np.ndarray, read: dict) -> list[tuple[str, float, bool]]:
    """Name, error and whether the interval holds the readers' value, of every measure of a film."""
    provided = {"landmarks": look.landmarks, "mask_shapes": look.shapes}
    film = Radiograph(image, Source("film", ""))
    found = []
    for item in all_measures(film, look.spine, provided, ("endplates",))[0]:
        value = None if item.site else read.get((item.name, item.levels))
        if value is not None and item.value is not None and item.interval95 is not None:
            low, high = item.interval95
            found.append((item.name, item.value - value, low <= value <= high))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--invert", action="store_true")
    parser.add_argument("--mirror", action="store_true")
    parser.add_argument("--rotate", type=float, default=0.0)
    parser.add_argument("--above-sacrum", action="store_true")
    options = parser.parse_args()
    if not FILMS.is_dir():
        print("skipped: ../shared/films is not here")
        return 0
    looker = Looker(options.weights)
    body, endplate, angles, intervals, right, reported = [], [], [], [], 0, 0
    for name, record in json.loads((FILMS / "corners.json").read_text())["films"].items():
        reference = readings(record)
        image = (
            cv2.imread(str(FILMS / f"{name}.png"), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        )
        image, affine = changed(image, options, reference)
        look = looker.look(image)
        reported += look.numbered or any(
            v.instance.category == "sacrum" for v in look.spine.vertebrae
        )
        reference = {k: v @ affine[:, :2].T + affine[:, 2] for k, v in reference.items()}
        unit = float(np.mean([height(reference[level]) for level in LUMBAR]))
        found = look.corners()
        good = not look.withheld
        for level, corners in reference.items():
            ends = 2 if level == "S1" else 4
            if level not in found:
                good = False
                continue
            error = np.linalg.norm(found[level][:ends] - corners[:ends], axis=1) / unit * 100
            (endplate if level == "S1" else body).extend(error)
            middle = np.linalg.norm(found[level][:ends].mean(0) - corners[:ends].mean(0)) / unit
            good &= middle < 0.5
        if look.numbered:
            intervals += covered(look, image, read_values(reference, look.landmarks.facing))
        if "L1" in found and "S1" in found:
            here = lordosis(found["L1"], found["S1"]), lordosis(reference["L1"], reference["S1"])
            angles.append(abs(here[0] - here[1]))
            words = f"lordosis {here[0]:.1f} (readers {here[1]:.1f})"
        else:
            words = "no lordosis"
        right += good
        print(
            f"{name} {'right' if good else 'WRONG'} {words} flags {','.join(look.spine.flags) or '-'}"
        )
    print(
        f"recognised and rightly numbered: {right} of 6; with a sacrum or a number reported: {reported}"
    )
    if body:
        print(
            f"body corners: median {np.median(body):.1f} %, 90th percentile {np.percentile(body, 90):.1f} %"
        )
        print(
            f"S1 endplate: median {np.median(endplate):.1f} %, "
            f"90th percentile {np.percentile(endplate, 90):.1f} %"
        )
        print(
            f"lordosis: mean absolute difference {np.mean(angles):.1f} degrees over {len(angles)} films"
        )
    for name in dict.fromkeys(row[0] for row in intervals):
        rows = [row for row in intervals if row[0] == name]
        print(
            f"  {name}: n {len(rows)}, mean absolute difference from the readers "
            f"{np.mean([abs(row[1]) for row in rows]):.2f}, "
            f"their value in the interval {100 * np.mean([row[2] for row in rows]):.0f} %"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
