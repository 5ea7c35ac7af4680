"""For tests, ours and yours: drawn films with known corners, and the contract checks of segmenters.

>>> from spinemorph.testing import PhantomSegmenter, check_segmenter
>>> check_segmenter(PhantomSegmenter, finds_phantoms=True, takes_weights=False)

Nothing here needs pytest: a broken contract is an AssertionError that says which rule and how.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from spinemorph.contract import checked_segmentation
from spinemorph.errors import PluginError, SegmentationError, WeightsError
from spinemorph.hookspecs import Segmenter
from spinemorph.types import (
    Box,
    Facing,
    FloatArray,
    Instance,
    PixelSpacing,
    Radiograph,
    Segmentation,
    Source,
)

__all__ = [
    "Phantom",
    "PhantomSegmenter",
    "check_segmenter",
    "draw_phantom",
    "write_png",
]

#: Grey values of a phantom: bodies lie above, the sacrum above them, soft tissue below.
TISSUE: Final = 0.30
BODY: Final = 0.60
SACRUM: Final = 0.90
_LEVELS: Final = ("L5", "L4", "L3", "L2", "L1", "T12")
#: A segmenter that finds phantoms has to cover each body to this intersection over union.
FOUND_IOU: Final = 0.5


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn lateral film and what is known of it.

    ``instances``: from above downward, S1 last, with exact masks and corners; ``levels``: their
    names in the same order; ``lordosis``: superior L1 to superior S1 in degrees.
    """

    radiograph: Radiograph
    instances: tuple[Instance, ...]
    levels: tuple[str, ...]
    lordosis: float
    facing: Facing


def draw_phantom(
    rows: int = 900,
    columns: int = 600,
    *,
    facing: Facing = "left",
    lordosis: float = 50.0,
    sacral_slope: float = 38.0,
    bodies: int = 6,
    sacrum: bool = True,
    spacing: float | None = 0.25,
) -> Phantom:
    """A film of ``bodies`` bodies above S1 (5: up to L1), each body and disc an equal wedge.

    ``lordosis`` and ``sacral_slope`` in degrees, ``spacing`` in mm a pixel (None: no scale).
    The film holds no noise: equal arguments give equal pixels.
    """
    if not 1 <= bodies <= len(_LEVELS):
        raise ValueError(f"bodies must be 1 to {len(_LEVELS)}, got {bodies}")
    quads = _column(bodies, math.radians(sacral_slope), math.radians(lordosis) / 10)
    if not sacrum:
        quads = quads[1:]
    quads = _fitted(quads, rows, columns, facing)
    pixels = np.full((rows, columns), TISSUE, np.float32)
    pixels *= np.linspace(0.6, 1.0, columns, dtype=np.float32)
    instances = []
    for index, quad in enumerate(quads):
        is_sacrum = sacrum and index == 0
        instance = _instance(quad, (rows, columns), is_sacrum)
        pixels[instance.box.slices][instance.mask] = SACRUM if is_sacrum else BODY
        instances.append(instance)
    levels = (("S1",) if sacrum else ()) + _LEVELS[:bodies]
    size = None if spacing is None else PixelSpacing(spacing, spacing, "user")
    film = Radiograph(pixels, Source(file="phantom.png", sha256="0" * 64), spacing=size)
    return Phantom(film, tuple(reversed(instances)), tuple(reversed(levels)), lordosis, facing)


class PhantomSegmenter:
    """Finds what :func:`draw_phantom` drew, by its grey values: the smallest honest segmenter."""

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        """WeightsError if weights are given: grey values need none."""
        if weights is not None:
            raise WeightsError(f"{weights}: the phantom segmenter takes no weights")
        del device  # a threshold runs anywhere
        self.device = "cpu"

    def segment(self, radiograph: Radiograph) -> Segmentation:
        """Connected regions as bright as a body or a sacrum, without corners."""
        from scipy import ndimage

        found = []
        bounds = {
            "lumbar": ((TISSUE + BODY) / 2, (BODY + SACRUM) / 2),
            "sacrum": ((BODY + SACRUM) / 2, 1.0),
        }
        for category, (low, high) in bounds.items():
            bright = (radiograph.pixels > low) & (radiograph.pixels <= high)
            regions, _ = ndimage.label(bright)
            for number, (down, across) in enumerate(ndimage.find_objects(regions), start=1):
                mask = regions[down, across] == number
                if mask.sum() < 16:
                    continue
                box = Box(down.start, across.start, down.stop, across.stop)
                found.append(Instance(category, 0.99, mask, box))
        return Segmentation(tuple(found))


def write_png(pixels: NDArray[np.float32], path: Path) -> Path:
    """Write pixels (rows, columns) in 0 to 1 as a 16-bit PNG and give the path back."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", np.rint(pixels * 65535).astype(np.uint16))
    path.write_bytes(data.tobytes())
    return path


def check_segmenter(
    create: Callable[..., Segmenter],
    *,
    finds_phantoms: bool = False,
    takes_weights: bool = True,
) -> None:
    """Check what the core relies on; AssertionError names the rule that is broken.

    ``create(weights: Path | None, device: str)`` is what the descriptor holds. The rules: results
    are a Segmentation or a list of Instance in original pixels on films of any size, of either
    facing and of none; the same film gives the same result twice, also from a second object; only
    SegmentationError may be raised on a film. ``finds_phantoms``: the model knows drawn films, so
    each of their bodies must be covered, at two sizes and both facings, which no model that
    answers in its own resolution can do. ``takes_weights``: files that are no weights must give
    WeightsError.
    """
    segmenter = create(weights=None, device="cpu")
    for name, film in _films():
        _assert_repeatable(name, segmenter, create(weights=None, device="cpu"), film)
    if finds_phantoms:
        for facing in get_args(Facing):
            for scale in (1, 2):
                phantom = draw_phantom(450 * scale, 300 * scale, facing=facing)
                _assert_found(segmenter, phantom)
    if takes_weights:
        _assert_bad_weights_refused(create)


def _films() -> Iterator[tuple[str, Radiograph]]:
    """Films that a hospital may send, and some that it should not."""
    noise = np.random.default_rng(1)

    def film(pixels: NDArray[np.float64]) -> Radiograph:
        return Radiograph(pixels.astype(np.float32), Source(file="film.png", sha256="0" * 64))

    yield "a film that faces left", draw_phantom(facing="left").radiograph
    yield "a film that faces right", draw_phantom(facing="right").radiograph
    yield "a film without a sacrum", draw_phantom(sacrum=False).radiograph
    yield "a film of 64 x 64 pixels", film(noise.random((64, 64)))
    yield "a strip of 1200 x 64 pixels", film(noise.random((1200, 64)))
    yield "a strip of 64 x 1200 pixels", film(noise.random((64, 1200)))
    yield "a film of 3000 x 2500 pixels", draw_phantom(3000, 2500).radiograph
    yield "a blank film", film(np.zeros((400, 300)))


def _segment(name: str, segmenter: Segmenter, film: Radiograph) -> Segmentation | None:
    """The checked result, or None where the segmenter declined the film."""
    before = film.pixels.copy()
    try:
        found = segmenter.segment(film)
    except SegmentationError:
        return None
    except Exception as error:
        raise AssertionError(f"{name}: raised {type(error).__name__}: {error}") from error
    assert np.array_equal(before, film.pixels), f"{name}: the film's pixels were changed"
    try:
        return checked_segmentation(found, film, type(segmenter).__name__)
    except PluginError as error:
        raise AssertionError(f"{name}: {error}") from error


def _assert_repeatable(name: str, one: Segmenter, other: Segmenter, film: Radiograph) -> None:
    first = _segment(name, one, film)
    for again in (_segment(name, one, film), _segment(name, other, film)):
        if (first is None) != (again is None):
            raise AssertionError(f"{name}: declined once and answered once")
        if first is not None and again is not None and not _same(first, again):
            raise AssertionError(f"{name}: the same film gave two different results")


def _same(one: Segmentation, other: Segmentation) -> bool:
    return len(one) == len(other) and all(
        a.category == b.category
        and a.box == b.box
        and math.isclose(a.score, b.score, abs_tol=1e-6)
        and np.array_equal(a.mask, b.mask)
        and _close(a.corners, b.corners)
        for a, b in zip(one, other, strict=True)
    )


def _close(one: FloatArray | None, other: FloatArray | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.allclose(one, other, atol=1e-3, equal_nan=True))


def _assert_found(segmenter: Segmenter, phantom: Phantom) -> None:
    film = phantom.radiograph
    name = f"a phantom of {film.rows} x {film.columns} pixels that faces {phantom.facing}"
    found = _segment(name, segmenter, film)
    assert found is not None, f"{name}: declined"
    for level, body in zip(phantom.levels, phantom.instances, strict=True):
        best = max((_iou(body, each) for each in found), default=0.0)
        if best < FOUND_IOU:
            raise AssertionError(
                f"{name}: {level} is covered to {best:.2f}, expected at least {FOUND_IOU} "
                f"(are the instances in original pixels?)"
            )


def _iou(one: Instance, other: Instance) -> float:
    """Intersection over union; 0 where the categories differ."""
    if one.category != other.category:
        return 0.0
    top, left = max(one.box.top, other.box.top), max(one.box.left, other.box.left)
    bottom, right = min(one.box.bottom, other.box.bottom), min(one.box.right, other.box.right)
    if top >= bottom or left >= right:
        return 0.0
    parts = [
        each.mask[top - each.box.top : bottom - each.box.top, left - each.box.left :][
            :, : right - left
        ]
        for each in (one, other)
    ]
    common = float((parts[0] & parts[1]).sum())
    return common / float(one.mask.sum() + other.mask.sum() - common)


def _assert_bad_weights_refused(create: Callable[..., Segmenter]) -> None:
    contents = {"empty": b"", "text": b"no weights\n" * 10, "pickle": b"\x80\x04]\x94."}
    with tempfile.TemporaryDirectory() as folder:
        missing = Path(folder, "missing.weights")
        files = [Path(folder, name) for name in contents]
        for file, content in zip(files, contents.values(), strict=True):
            file.write_bytes(content)
        for file in (missing, *files):
            try:
                create(weights=file, device="cpu")
            except WeightsError as error:
                if "\n" in str(error):
                    raise AssertionError(f"{file.name} weights: not one line: {error}") from error
            except Exception as error:
                raise AssertionError(
                    f"{file.name} weights: expected WeightsError, got {type(error).__name__}"
                ) from error
            else:
                raise AssertionError(f"{file.name} weights: expected WeightsError, got a model")


def _column(bodies: int, slope: float, step: float) -> FloatArray:
    """Corners (1 + bodies, 4, 2) of S1 and the bodies above, facing right, y down, depth 1.

    The endplate at angle t runs from posterior to anterior along (cos t, sin t).
    """

    def along(angle: float) -> FloatArray:
        return np.array([math.cos(angle), math.sin(angle)])

    def upward(angle: float) -> FloatArray:
        return np.array([math.sin(angle), -math.cos(angle)])

    def ends(middle: FloatArray, angle: float) -> list[FloatArray]:
        return [middle + along(angle) / 2, middle - along(angle) / 2]

    middle, angle = np.zeros(2), slope
    below = middle - 0.9 * upward(slope)
    taper = [below + 0.35 * along(slope), below - 0.35 * along(slope)]
    quads: list[list[FloatArray]] = [[*ends(middle, angle), *taper]]
    for _ in range(bodies):
        middle = middle + 0.28 * upward(angle - step / 2)
        angle -= step
        inferior = ends(middle, angle)
        middle = middle + 0.78 * upward(angle - step / 2)
        angle -= step
        quads.append([*ends(middle, angle), *inferior])
    return np.array(quads)


def _fitted(quads: FloatArray, rows: int, columns: int, facing: Facing) -> FloatArray:
    """The column scaled into a film with a margin, and mirrored where it faces left."""
    low, high = quads.min(axis=(0, 1)), quads.max(axis=(0, 1))
    size = np.array([columns, rows], float)
    scale = 0.86 * float((size / (high - low)).min())
    placed: FloatArray = (quads - (low + high) / 2) * scale + (size - 1) / 2
    if facing == "left":
        placed[..., 0] = columns - 1 - placed[..., 0]
    return placed


def _instance(quad: FloatArray, shape: tuple[int, int], is_sacrum: bool) -> Instance:
    """An exact instance of the quadrilateral; S1's inferior corners are NaN, as the contract is."""
    from skimage.draw import polygon

    down, across = polygon(*quad[[0, 1, 3, 2]].T[::-1], shape=shape)
    box = Box(int(down.min()), int(across.min()), int(down.max()) + 1, int(across.max()) + 1)
    mask = np.zeros(box.shape, bool)
    mask[down - box.top, across - box.left] = True
    corners = quad.copy()
    if is_sacrum:
        corners[2:] = np.nan
    covariance = np.tile(np.eye(2) * 0.25, (4, 1, 1))
    return Instance("sacrum" if is_sacrum else "lumbar", 1.0, mask, box, corners, covariance)
