"""Processor time of numbering and of all measures of one film.

    python benchmarks/measures.py [--rows 2870] [--columns 1100] [--repeat 20]

A drawn film with T12 to S1, once with corners (as the embedded model gives them) and once from masks alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

from measuring import all_measures

from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.testing import Phantom, draw_phantom
from spinemorph.types import Segmentation


def cost(work: Callable[[], object], repeat: int) -> float:
    """Least processor time of one call, in milliseconds."""
    best = float("inf")
    work()
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1000 * best


def report(name: str, phantom: Phantom, segmentation: Segmentation, repeat: int) -> None:
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, segmentation)
    provided = all_measures(film, spine)[1]
    parts = {
        "numbering": cost(lambda: SacrumFirstLabeler().label(film, segmentation), repeat),
        "landmarks": cost(lambda: EndplatesAndCorners().process(film, spine, {}), repeat),
        "measures": cost(lambda: all_measures(film, spine, provided, ("endplates",)), repeat),
    }
    listed = ", ".join(f"{part} {value:.1f} ms" for part, value in parts.items())
    together = parts["landmarks"] + parts["measures"]
    print(f"{name}: {listed}; all measures of the film {together:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2870)
    parser.add_argument("--columns", type=int, default=1100)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    phantom = draw_phantom(options.rows, options.columns)
    bare = tuple(replace(item, corners=None, covariance=None) for item in phantom.instances)
    report("with corners", phantom, Segmentation(phantom.instances, "left"), options.repeat)
    report("masks alone", phantom, Segmentation(bare, "left"), options.repeat)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
