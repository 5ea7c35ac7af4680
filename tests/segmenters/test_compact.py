"""The embedded model with its shipped weights: the example film, odd films, bad weights."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from spinemorph.errors import UsageError, WeightsError
from spinemorph.label import SacrumFirstLabeler
from spinemorph.read import read_radiograph
from spinemorph.segmenters.compact import CompactSegmenter, layout
from spinemorph.segmenters.compact.candidates import Candidate
from spinemorph.segmenters.compact.refine import (
    REACH,
    Refined,
    _moments,
    depth_of,
    with_true_depths,
    with_true_spread,
)
from spinemorph.segmenters.compact.weights import FACTS, FINDER, REFINER
from spinemorph.testing import check_segmenter
from spinemorph.types import Radiograph, Source

EXAMPLE = Path(__file__).parents[2] / "examples" / "lateral_lumbar.dcm"
LUMBAR = ["L1", "L2", "L3", "L4", "L5"]


@pytest.fixture(scope="module")
def segmenter():
    return CompactSegmenter(None, "cpu")


@pytest.fixture(scope="module")
def example():
    if not EXAMPLE.is_file():
        pytest.skip("the examples lie beside the sources, not in the package")
    return read_radiograph(EXAMPLE)


@pytest.fixture(scope="module")
def found(segmenter, example):
    return segmenter.segment(example)


def numbered(film, segmentation):
    spine = SacrumFirstLabeler().label(film, segmentation)
    return {body.level: body.instance for body in spine.vertebrae if body.level}


def test_the_example_film_is_found_as_a_whole(example, found):
    assert found.facing == "left"
    assert found.lateral_lumbar > 0.9
    assert found.sacrum_visible > 0.5
    bodies = numbered(example, found)
    assert {*LUMBAR, "S1"} <= set(bodies)
    for level in LUMBAR:
        body = bodies[level]
        assert body.score > 0.5
        assert np.isfinite(body.corners).all()
        assert (np.linalg.eigvalsh(body.covariance) > 0).all()
        assert sum(body.level_probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(bodies["S1"].corners[:2]).all()
    assert np.isnan(bodies["S1"].corners[2:]).all()


def test_two_films_on_one_picture_are_said_to_be_two(example, found, segmenter):
    assert "second_column" not in found.flags
    pixels = np.concatenate([example.pixels, example.pixels], axis=1)
    both = segmenter.segment(replace(example, pixels=pixels))
    assert "second_column" in both.flags
    assert "L3" in numbered(example, both)


def test_masks_are_whole_in_original_pixels_and_hold_their_corners(example, found):
    for body in numbered(example, found).values():
        assert body.box.bottom <= example.rows
        assert body.box.right <= example.columns
        assert body.mask.shape == body.box.shape
        corners = body.corners[np.isfinite(body.corners).all(axis=1)]
        size = np.array(body.box.shape[::-1])
        low = np.array([body.box.left, body.box.top]) - 0.15 * size
        high = np.array([body.box.right, body.box.bottom]) + 0.15 * size
        assert ((corners >= low) & (corners <= high)).all()
    bodies = numbered(example, found)
    heights = [np.ptp(np.nonzero(bodies[level].mask)[0]) for level in LUMBAR]
    assert min(heights) > 50  # a film of 2000 rows: nothing stayed in the window's pixels


def test_overlapping_masks_stay_overlapping(example, segmenter):
    """Masks are full instances: what one body covers is not taken from its neighbour."""
    found = segmenter.segment(example)
    merged = np.zeros(example.pixels.shape, np.int32)
    for body in found:
        if not body.is_implant:
            merged[body.box.slices] += body.mask
    total = sum(int(body.mask.sum()) for body in found if not body.is_implant)
    assert merged.sum() == total
    assert (merged > 0).sum() <= total


def test_the_same_film_gives_the_same_answer(example, found, segmenter):
    again = segmenter.segment(example)
    assert len(again) == len(found)
    for one, other in zip(found, again, strict=True):
        assert one.box == other.box
        assert np.array_equal(one.mask, other.mask)
        assert one.score == other.score


def test_a_mirrored_film_is_found_mirrored(example, found, segmenter):
    mirrored = replace(example, pixels=example.pixels[:, ::-1])
    other = segmenter.segment(mirrored)
    assert other.facing == "right"
    one, two = numbered(example, found), numbered(mirrored, other)
    for level in LUMBAR:
        height = np.linalg.norm(one[level].corners[0] - one[level].corners[2])
        flipped = two[level].corners * [-1, 1] + [example.columns - 1, 0]
        error = np.linalg.norm(flipped - one[level].corners, axis=1) / height
        assert np.median(error) < 0.12


def test_an_inverted_film_is_found_as_well(example, found, segmenter):
    inverted = replace(example, pixels=1 - example.pixels)
    one, two = numbered(example, found), numbered(inverted, segmenter.segment(inverted))
    assert {*LUMBAR, "S1"} <= set(two)
    for level in LUMBAR:
        height = np.linalg.norm(one[level].corners[0] - one[level].corners[2])
        shift = two[level].corners.mean(axis=0) - one[level].corners.mean(axis=0)
        assert np.linalg.norm(shift) < 0.4 * height


def test_pixels_that_are_not_square(example, found, segmenter):
    import cv2

    rows = round(example.rows / 1.4)
    pixels = cv2.resize(example.pixels, (example.columns, rows), interpolation=cv2.INTER_AREA)
    aspect = example.rows / rows
    film = Radiograph(np.clip(pixels, 0, 1), example.source, aspect=aspect)
    one, two = numbered(example, found), numbered(film, segmenter.segment(film))
    for level in LUMBAR:
        height = np.linalg.norm(one[level].corners[0] - one[level].corners[2])
        error = np.linalg.norm(two[level].corners * [1, aspect] - one[level].corners, axis=1)
        assert np.median(error) / height < 0.1


def odd_films():
    rng = np.random.default_rng(4)
    ramp = np.linspace(0, 1, 700, dtype=np.float32)
    yield "blank", np.zeros((400, 300), np.float32)
    yield "white", np.ones((300, 300), np.float32)
    yield "noise", rng.random((500, 400), dtype=np.float32)
    yield "ramp", np.tile(ramp, (900, 1))
    yield "chart", np.kron(np.indices((12, 10)).sum(axis=0) % 2, np.ones((50, 50)))
    yield "one pixel", np.full((1, 1), 0.5, np.float32)
    yield "tiny", rng.random((9, 7), dtype=np.float32)
    yield "narrow", rng.random((6000, 40), dtype=np.float32)
    yield "wide", rng.random((40, 6000), dtype=np.float32)
    yield "huge", np.tile(ramp[:500], (5000, 8))


ODD = dict(odd_films())


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_film_is_neither_measured_nor_a_crash(segmenter, name):
    film = Radiograph(ODD[name], Source(name, "0" * 64))
    found = segmenter.segment(film)
    refused = found.lateral_lumbar is not None and found.lateral_lumbar < 0.5
    assert refused or not numbered(film, found)


def test_the_contract_of_segmenters():
    check_segmenter(CompactSegmenter)


def test_the_weights_are_named_by_their_hash_and_small(segmenter):
    import hashlib

    shipped = resources.files("spinemorph.segmenters.compact") / "compact.zip"
    content = shipped.read_bytes()
    assert segmenter.weights_sha256 == hashlib.sha256(content).hexdigest()
    assert segmenter.device == "cpu"
    assert len(content) < 12e6


def shipped_parts():
    shipped = resources.files("spinemorph.segmenters.compact") / "compact.zip"
    with resources.as_file(shipped) as path, zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in (FACTS, FINDER, REFINER)}


def a_zip(path, **changed):
    parts = {**shipped_parts(), **{name.replace("_", "."): part for name, part in changed.items()}}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def test_a_copy_of_the_weights_is_as_good(tmp_path, segmenter):
    copy = CompactSegmenter(a_zip(tmp_path / "copy.zip"), "cpu")
    assert copy.weights_sha256 != segmenter.weights_sha256


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"refiner_onnx": None}, "not weights of the model"),
        ({"compact_json": b"{"}, "not weights of the model"),
        ({"compact_json": b"[1]"}, "not weights of the model"),
        ({"compact_json": b"7"}, "not weights of the model"),
        ({"compact_json": json.dumps({"format": 99}).encode()}, "format 99"),
        ({"finder_onnx": b"no network"}, "cannot be run"),
    ],
)
def test_a_zip_that_is_not_ours_is_refused(tmp_path, changed, words):
    path = a_zip(tmp_path / "other.zip", **changed)
    with pytest.raises(WeightsError, match=r"other\.zip") as caught:
        CompactSegmenter(path, "cpu")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_zip_are_refused(tmp_path):
    path = tmp_path / "weights.zip"
    for content in (b"", b"text", b"PK\x03\x04 damaged"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"weights\.zip: not weights"):
            CompactSegmenter(path, "cpu")
    with pytest.raises(WeightsError, match="cannot be read"):
        CompactSegmenter(tmp_path / "absent.zip", "cpu")


class Trap:
    """Whoever unpickles this is caught."""

    def __reduce__(self):
        return pytest.fail, ("pickled weights were loaded",)


def test_pickled_weights_are_refused_unopened(tmp_path):
    plain = tmp_path / "weights.pkl"
    plain.write_bytes(pickle.dumps(Trap()))
    zipped = tmp_path / "weights.pt"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("weights/data.pkl", pickle.dumps(Trap()))
    for path in (plain, zipped):
        with pytest.raises(WeightsError, match="pickled weights are refused"):
            CompactSegmenter(path, "cpu")


def test_cuda_that_is_not_there_is_an_error_and_not_the_cpu():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    with pytest.raises(UsageError, match="--device cuda"):
        CompactSegmenter(None, "cuda")
    assert CompactSegmenter(None, "auto").device == "cpu"


@pytest.mark.parametrize("facing_left", [True, False])
@pytest.mark.parametrize("superior", [True, False])
def test_the_middle_of_a_concave_endplate_lies_inside(superior, facing_left):
    """A body 10 high and 20 wide: its middle is 2 inside of whichever endplate is asked about."""
    anterior, posterior = (0.0, 20.0) if facing_left else (20.0, 0.0)
    row, middle = (0.0, 2.0) if superior else (10.0, 8.0)
    ends = np.array([[anterior, row], [posterior, row]])
    assert depth_of(ends, np.array([10.0, middle]), superior, facing_left) == pytest.approx(0.1)
    assert depth_of(ends, np.array([10.0, 2 * row - middle]), superior, facing_left) < 0


@pytest.mark.parametrize("facing_left", [True, False])
@pytest.mark.parametrize("sacrum", [True, False])
def test_middles_move_to_the_depth_that_the_seen_one_stands_for(sacrum, facing_left):
    x = np.array([0.0, 20.0]) if facing_left else np.array([20.0, 0.0])
    corners = np.array([[x[0], 0], [x[1], 0], [x[0], 10], [x[1], 10]])
    middles = np.array([[10.0, 2.0], [10.0, 8.0]])
    candidate = Candidate(sacrum, 0.9, np.array([10.0, 5.0]), corners, np.zeros(9))
    none = np.zeros((2, 2, 2))
    seen = Refined(candidate, np.zeros((4, 2, 2)), middles, none, 1.0, np.eye(3), np.eye(3))
    lines = {"superior": (0.5, 0.02), "inferior": (2.0, 0.0), "sacrum": (1.0, -0.1)}
    moved = with_true_depths(seen, facing_left, lines).middles
    expected = [[10.0, 0.0], [10.0, 8.0]] if sacrum else [[10.0, 1.4], [10.0, 6.0]]
    assert moved == pytest.approx(np.array(expected))


def test_spreads_grow_by_a_power_of_what_was_seen():
    """Endplate 20 long: spreads of 1 and 2 % of it, of which the second is told four times as wide."""
    corners = np.array([[0.0, 0], [20, 0], [0, 10], [20, 10]])
    candidate = Candidate(False, 0.9, np.array([10.0, 5.0]), corners, np.zeros(9))
    covariance = np.tile(np.eye(2) * 0.2**2, (4, 1, 1))
    covariance[1] *= 4
    covariance[2] = np.nan
    seen = Refined(candidate, covariance, corners[:2], covariance[:2], 1.0, np.eye(3), np.eye(3))
    told = with_true_spread(seen, 100.0, 2.0)
    assert told.covariance[0] == pytest.approx(np.eye(2) * 0.2**2)
    assert told.covariance[1] == pytest.approx(np.eye(2) * 0.8**2)
    assert np.isnan(told.covariance[2]).all()
    assert told.middle_covariance == pytest.approx(told.covariance[:2])


@pytest.mark.parametrize("place", [(12.25, 17.5), (1.0, 26.0)])
def test_moments_of_a_corner_map_tell_where_and_how_wide_it_is(place):
    """Against the sums over the window around the peak of one map, a spot at x, y, also near an edge."""
    x, y = place
    columns, rows = np.meshgrid(np.arange(28.0), np.arange(28.0))
    logits = -((columns - x) ** 2 / 8 + (rows - y) ** 2 / 18 + (columns - x) * (rows - y) / 20)
    mean, covariance = _moments(np.stack([logits, logits.T]).astype(np.float32))
    peak = np.unravel_index(logits.argmax(), logits.shape)
    near = (np.abs(columns - peak[1]) <= REACH) & (np.abs(rows - peak[0]) <= REACH)
    p = np.exp(logits)[near] / np.exp(logits)[near].sum()
    points = np.stack([columns[near], rows[near]], axis=1)
    stride = layout.CROP_STRIDE
    assert mean[0] == pytest.approx((p @ points) * stride + (stride - 1) / 2, abs=1e-3)
    away = points - p @ points
    wanted = (np.einsum("n,ni,nj->ij", p, away, away) + 0.02 * np.eye(2)) * stride**2
    assert covariance[0] == pytest.approx(wanted, rel=1e-3)
    assert mean[1] == pytest.approx(mean[0][::-1])
