"""Processor time of numbering, and of every postprocessor, for one film.

    python benchmarks/measures.py [--rows 2870] [--columns 1100] [--repeat 20]

A drawn film with T12 to S1, a cage, two screws and a rod, and femoral heads; once with corners (as the
embedded model gives them) and once from masks alone. The aim is 50 ms for all measures on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from spinemorph.label import SacrumFirstLabeler
from spinemorph.plugins import load_plugins
from spinemorph.testing import Phantom, draw_phantom
from spinemorph.types import Box, FloatArray, Instance, LabeledSpine, Radiograph, Segmentation

AIM_MS = 50.0


def cost(work: Callable[[], object], repeat: int) -> float:
    """Least processor time of one call, in milliseconds."""
    best = float("inf")
    work()
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1000 * best


def implants(phantom: Phantom) -> tuple[Instance, ...]:
    """A cage in L4/L5, a screw in each of them, and a rod behind."""
    bodies = dict(zip(phantom.levels, (body.corners for body in phantom.instances), strict=True))
    l4, l5 = bodies["L4"], bodies["L5"]
    disc = np.array([l4[2], l4[3], l5[1], l5[0]])
    found = [_drawn(phantom, "cage", disc.mean(axis=0) + 0.6 * (disc - disc.mean(axis=0)))]
    heads = []
    for corners in (l4, l5):
        along, down = corners[0] - corners[1], corners[3] - corners[1]
        tip = corners[1] + 0.75 * along + 0.3 * down
        head, half = tip - 1.25 * along, 0.1 * down
        heads.append(head)
        ring = np.array([head - half, tip - half, tip + half, head + half])
        found.append(_drawn(phantom, "screw", ring))
    step = heads[1] - heads[0]
    side = 0.06 * np.array([-step[1], step[0]])
    ends = heads[0] - 0.3 * step, heads[1] + 0.3 * step
    found.append(
        _drawn(
            phantom,
            "rod",
            np.array([ends[0] - side, ends[1] - side, ends[1] + side, ends[0] + side]),
        )
    )
    return tuple(found)


def _drawn(phantom: Phantom, category: str, ring: FloatArray) -> Instance:
    canvas = np.zeros(phantom.radiograph.pixels.shape, np.uint8)
    cv2.fillPoly(canvas, [np.rint(ring).astype(np.int32)], 1)
    rows, columns = np.nonzero(canvas)
    box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    return Instance(category, 0.9, canvas[box.slices].astype(bool), box)


def report(name: str, phantom: Phantom, segmentation: Segmentation, repeat: int) -> None:
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, segmentation)
    spine = replace(spine, femoral_heads=[[film.columns / 2, film.rows - 10.0]])
    print(
        f"{name}: numbering {cost(lambda: SacrumFirstLabeler().label(film, segmentation), repeat):.1f} ms"
    )
    provided: dict[str, Any] = {}
    together = 0.0
    for plugin in load_plugins().postprocessors():
        taken, findings = _timed(plugin.create(), film, spine, dict(provided), repeat)
        provided.update(findings.provided)
        together += taken
        print(f"  {plugin.name}: {taken:.1f} ms, {len(findings.measurements)} measurements")
    print(f"  all measures of the film: {together:.1f} ms (aim {AIM_MS:.0f} ms)")


def _timed(
    postprocessor: Any,
    film: Radiograph,
    spine: LabeledSpine,
    provided: Mapping[str, Any],
    repeat: int,
) -> tuple[float, Any]:
    # landmarks keep what they have turned into anatomical axes: a film turns it once, so do the others here
    return (
        cost(lambda: postprocessor.process(film, spine, provided), repeat),
        postprocessor.process(film, spine, provided),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2870)
    parser.add_argument("--columns", type=int, default=1100)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    phantom = draw_phantom(options.rows, options.columns)
    bare = tuple(replace(item, corners=None, covariance=None) for item in phantom.instances)
    metal = implants(phantom)
    for name, instances in (("with corners", phantom.instances), ("masks alone", bare)):
        report(name, phantom, Segmentation((*instances, *metal), "left"), options.repeat)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
