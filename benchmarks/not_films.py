"""What is reported for pictures that are no lateral lumbar film: nothing may be.

python benchmarks/not_films.py [--anatomy DIR] [--weights FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from looking import Looker

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

SIZE = (1024, 640)


def noise(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for grain in (1, 2, 4, 8, 16, 32, 64, 128):
        small = rng.uniform(0, 1, (SIZE[0] // grain + 1, SIZE[1] // grain + 1)).astype(np.float32)
        yield np.clip(cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def blanks() -> Iterator[np.ndarray]:
    for value in (0.0, 0.3, 1.0):
        yield np.full(SIZE, value, np.float32)
    yield np.broadcast_to(np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None], SIZE).copy()


def charts(rng: np.random.Generator) -> Iterator[np.ndarray]:
    board = np.indices(SIZE).sum(axis=0) // 64 % 2
    yield board.astype(np.float32)
    lines = (np.sin(np.linspace(0, 400, SIZE[0]) ** 1.1)[:, None] > 0) * np.ones(SIZE)
    yield lines.astype(np.float32)
    wedge = np.zeros(SIZE, np.float32)
    for step in range(10):
        cv2.rectangle(wedge, (220, 60 + 90 * step), (420, 140 + 90 * step), 0.1 + 0.09 * step, -1)
    yield wedge
    rings = np.zeros(SIZE, np.float32)
    for radius in range(20, 300, 25):
        cv2.circle(rings, (320, 512), radius, float(rng.uniform(0.3, 1)), 6)
    yield rings


def photographs() -> Iterator[np.ndarray]:
    """Pictures inside scikit-image, whole; training showed parts of some of them as counterexamples."""
    from skimage import data

    for name in (
        "astronaut",
        "camera",
        "cat",
        "coffee",
        "coins",
        "horse",
        "moon",
        "page",
        "rocket",
        "text",
        "cell",
        "colorwheel",
        "logo",
        "retina",
        "immunohistochemistry",
    ):
        try:
            picture = np.asarray(getattr(data, name)(), np.float32)
        except Exception:  # noqa: BLE001, S112  not in this release, or not inside the package
            continue
        picture = picture[..., :3].mean(axis=2) if picture.ndim == 3 else picture
        yield picture / max(float(picture.max()), 1e-6)


def ap_views(anatomy: Path | None) -> Iterator[np.ndarray]:
    settings = Settings()
    settings = replace(settings, framing=replace(settings.framing, ap_view=1.0))
    bones = load_anatomy(anatomy)
    for seed in range(900_000, 900_040):
        yield simulate_film(bones, settings, seed).pixels


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anatomy", type=Path)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    looker, rng = Looker(options.weights), np.random.default_rng(0)
    for name, pictures in (
        ("noise", noise(rng)),
        ("blank", blanks()),
        ("test charts", charts(rng)),
        ("photographs", photographs()),
        ("simulated AP views", ap_views(options.anatomy)),
    ):
        looks = [looker.look(np.clip(picture, 0, 1)) for picture in pictures]
        refused = sum(not look.lateral for look in looks)
        numbered = sum(look.numbered for look in looks)
        empty = sum(not look.spine.vertebrae for look in looks)
        print(
            f"{name}: {len(looks)} pictures, {refused} called not lateral lumbar, "
            f"{empty} without any body, {numbered} with numbered levels"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
