"""The six real films with other sets of crops than those that the embedded model looks at a body in.

    python benchmarks/crops.py

Printed for each set: what is off in lordosis on each film (degrees, less what the readers say), its mean
absolute value, and corners and S1 endplate in percent of the height of a body. The set that is used was
chosen by these films: they are a development set.
"""

from __future__ import annotations

import json
from itertools import product
from unittest import mock

import cv2
import numpy as np
from looking import LUMBAR, Looker, height, lordosis
from six_films import FILMS, readings

from spinemorph.segmenters.compact import refine

#: Crops by name: degrees of a turn, scale, shift to the right and down in parts of the crop's side.
SETS: dict[str, tuple[refine.View, ...]] = {
    "used": refine.VIEWS,
    "five as before": (
        refine.PLAIN,
        (4.0, 1.06, 0.03, 0.02),
        (-4.0, 0.95, -0.03, 0.03),
        (3.0, 0.94, -0.02, -0.03),
        (-3.0, 1.05, 0.02, -0.03),
    ),
    "its first three": (refine.PLAIN, (4.0, 1.06, 0.03, 0.02), (-4.0, 0.95, -0.03, 0.03)),
    "turned": tuple((turn, 1.0, 0.0, 0.0) for turn in (-10.0, -5.0, 0.0, 5.0, 10.0)),
    "zoomed": tuple((0.0, zoom, 0.0, 0.0) for zoom in (0.8, 0.9, 1.0, 1.1, 1.25)),
    "shifted": tuple((0.0, 1.0, x, y) for x, y in product((-0.06, 0.0, 0.06), repeat=2)),
}


def main() -> int:
    looker = Looker(None)
    records = json.loads((FILMS / "corners.json").read_text(encoding="utf-8"))["films"]
    for name, views in SETS.items():
        angles, bodies, sacra = [], [], []
        with mock.patch.object(refine, "VIEWS", views):
            for film, record in records.items():
                read = readings(record)
                pixels = cv2.imread(str(FILMS / f"{film}.png"), cv2.IMREAD_GRAYSCALE)
                found = looker.look(pixels.astype(np.float32) / 255).corners()
                unit = np.mean([height(read[level]) for level in LUMBAR])
                angles.append(lordosis(found["L1"], found["S1"]) - lordosis(read["L1"], read["S1"]))
                for level in LUMBAR:
                    bodies += list(np.linalg.norm(found[level] - read[level], axis=1) / unit)
                sacra += list(np.linalg.norm(found["S1"][:2] - read["S1"][:2], axis=1) / unit)
        mean, sacrum = np.mean(np.abs(angles)), 100 * np.percentile(sacra, 90)
        print(
            f"{name} ({len(views)}): lordosis {' '.join(f'{a:+.1f}' for a in angles)}, mean "
            f"{mean:.1f} degrees; corners {100 * np.median(bodies):.1f}, 90th percentile "
            f"{100 * np.percentile(bodies, 90):.1f} %; S1 90th percentile {sacrum:.1f} %"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
