"""What the core relies on in a segmenter, checked on films and files of every kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, get_args

import numpy as np

from spinemorph.contract import checked_segmentation
from spinemorph.errors import PluginError, SegmentationError, SpinemorphError, WeightsError
from spinemorph.hookspecs import Segmenter
from spinemorph.testing.films import films, flattened, huge_films
from spinemorph.testing.phantoms import Phantom, draw_phantom
from spinemorph.testing.weights import assert_bad_weights_refused, assert_one_line
from spinemorph.types import Facing, FloatArray, Instance, Radiograph, Segmentation

#: A segmenter that finds phantoms has to cover each body to this intersection over union.
FOUND_IOU: Final = 0.5


def check_segmenter(
    create: Callable[..., Segmenter],
    *,
    weights: Path | None = None,
    foreign_weights: Sequence[Path] = (),
    finds_phantoms: bool = False,
    takes_weights: bool = True,
) -> None:
    """Check what the core relies on; AssertionError names the rule that is broken.

    ``create(weights: Path | None, device: str)`` is what the descriptor holds. The rules: results
    are a Segmentation or a list of Instance in original pixels on films from 1 x 1 to 6000 x 5000
    pixels, of either facing, with and without bodies, with pixels that are not square; the same
    film gives the same result twice, also from a second object; films are not changed; only
    SegmentationError may be raised on a film. Device ``auto`` works everywhere, ``cuda`` where there
    is one, and is a known fault of one line elsewhere.

    ``weights``: a file to use, for models that bring none. ``foreign_weights``: good files of other
    models, which must be refused. ``takes_weights``: files that are no weights must give a
    WeightsError of one line that names the file, and pickled ones must not be unpickled.
    ``finds_phantoms``: the model knows drawn films, so each of their bodies must be covered, at two
    sizes, both facings and in pixels that are not square, on every device that there is, which no
    model that answers in its own resolution can do.
    """
    one, other = (create(weights=weights, device="cpu") for _ in range(2))
    for name, film in films():
        _assert_repeatable(name, one, other, film)
    for name, film in huge_films():
        _segment(name, one, film)
    if finds_phantoms:
        for facing in get_args(Facing):
            for scale in (1, 2):
                _assert_found(one, draw_phantom(450 * scale, 300 * scale, facing=facing))
            _assert_found(one, flattened(draw_phantom(900, 300, facing=facing)))
    _assert_devices(create, weights, finds_phantoms)
    if weights is not None:
        _assert_works_or_says_why("without weights", create, None, "cpu")
    if takes_weights:
        assert_bad_weights_refused(create, weights, foreign_weights)


def _segment(name: str, segmenter: Segmenter, film: Radiograph) -> Segmentation | None:
    """The checked result, or None where the segmenter declined the film."""
    before = film.pixels.copy()
    try:
        found = segmenter.segment(film)
    except SegmentationError as error:
        assert_one_line(name, error)
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


def _assert_devices(
    create: Callable[..., Segmenter], weights: Path | None, finds_phantoms: bool
) -> None:
    phantom = draw_phantom(450, 300)
    for device in ("auto", "cuda"):
        segmenter = _assert_works_or_says_why(f"device {device}", create, weights, device)
        if segmenter is None:
            assert device == "cuda", "device auto: expected a model on any machine"
        elif finds_phantoms:
            _assert_found(segmenter, phantom, f"on device {device}")
        else:
            _segment(f"device {device}", segmenter, phantom.radiograph)


def _assert_works_or_says_why(
    name: str, create: Callable[..., Segmenter], weights: Path | None, device: str
) -> Segmenter | None:
    try:
        return create(weights=weights, device=device)
    except SpinemorphError as error:
        assert_one_line(name, error)
        if weights is None and not isinstance(error, WeightsError) and device == "cpu":
            raise AssertionError(
                f"{name}: expected WeightsError, got {type(error).__name__}: {error}"
            ) from error
        return None
    except Exception as error:
        raise AssertionError(
            f"{name}: expected a model or a known fault, got {type(error).__name__}: {error}"
        ) from error


def _assert_found(segmenter: Segmenter, phantom: Phantom, where: str = "") -> None:
    film = phantom.radiograph
    name = f"a phantom of {film.rows} x {film.columns} pixels that faces {phantom.facing} {where}"
    found = _segment(name.strip(), segmenter, film)
    assert found is not None, f"{name.strip()}: declined"
    for level, body in zip(phantom.levels, phantom.instances, strict=True):
        best = max((_iou(body, each) for each in found), default=0.0)
        if best < FOUND_IOU:
            raise AssertionError(
                f"{name.strip()}: {level} is covered to {best:.2f}, expected at least {FOUND_IOU} "
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
