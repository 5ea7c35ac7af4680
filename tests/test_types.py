"""Values are valid once constructed, and stay so."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.anatomy import CATEGORIES, LEVELS_UPWARD, level_above
from spinemorph.flags import FLAGS
from spinemorph.types import (
    Box,
    ImageInfo,
    Instance,
    LabeledVertebra,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Segmentation,
    Source,
    Study,
    frozen_array,
)

SOURCE = Source("film.png", "0" * 64)


def an_instance(**changes):
    values = {
        "category": "lumbar",
        "score": 0.5,
        "mask": np.ones((3, 4), bool),
        "box": Box(1, 2, 4, 6),
        "corners": np.arange(8.0).reshape(4, 2),
        "covariance": np.tile(np.eye(2), (4, 1, 1)),
        "level_probabilities": {"L4": 0.7},
    }
    return Instance(**{**values, **changes})


def test_arrays_are_copies_that_cannot_be_written_to():
    pixels = np.zeros((4, 5), np.float32)
    film = Radiograph(pixels, SOURCE)
    pixels[0, 0] = 1
    assert film.pixels[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        film.pixels[0, 0] = 1
    body = an_instance()
    for array in (body.mask, body.corners, body.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_wrong_shape_says_what_was_expected_and_what_came():
    with pytest.raises(ValueError, match=r"points: expected shape \('n', 2\), got \(3, 3\)"):
        frozen_array(np.zeros((3, 3)), float, (None, 2), "points")
    with pytest.raises(ValueError, match=r"mask: expected shape \(3, 4\), got \(4, 3\)"):
        an_instance(mask=np.ones((4, 3), bool))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.zeros(3), "expected shape"),
        (np.full((2, 2), 1.5), r"\[0, 1\]"),
        (np.full((2, 2), -0.1), r"\[0, 1\]"),
        (np.array([[0.0, np.nan]]), "finite"),
        (np.array([[0.0, np.inf]]), "finite"),
    ],
)
def test_a_film_with_impossible_pixels_cannot_exist(pixels, message):
    with pytest.raises(ValueError, match=message):
        Radiograph(pixels, SOURCE)


def test_the_aspect_follows_the_spacing():
    film = Radiograph(np.zeros((2, 2)), SOURCE, spacing=PixelSpacing(0.3, 0.2, "user"), aspect=9.0)
    assert film.aspect == pytest.approx(1.5)
    assert Radiograph(np.zeros((2, 2)), SOURCE, aspect=1.2).aspect == 1.2
    with pytest.raises(ValueError, match="aspect"):
        Radiograph(np.zeros((2, 2)), SOURCE, aspect=0.0)


@pytest.mark.parametrize("bad", [0.0, -0.1, np.nan, np.inf])
def test_a_pixel_has_a_positive_size(bad):
    with pytest.raises(ValueError, match=r"pixel spacing \(row\)"):
        PixelSpacing(bad, 0.1, "user")
    with pytest.raises(ValueError, match=r"pixel spacing \(column\)"):
        PixelSpacing(0.1, bad, "user")


def test_a_scale_says_where_it_is_from():
    with pytest.raises(ValueError, match="basis"):
        PixelSpacing(0.1, 0.1, "guessed")


@pytest.mark.parametrize("edges", [(0, 0, 0, 5), (3, 0, 2, 5), (-1, 0, 2, 5), (0, 4, 2, 4)])
def test_a_box_is_not_empty_and_not_negative(edges):
    with pytest.raises(ValueError, match="half-open box"):
        Box(*edges)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category": "rib"}, "unknown category"),
        ({"score": 1.1}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": float("nan")}, "score"),
        ({"mask": np.zeros((3, 4), bool)}, "no pixel"),
        ({"corners": np.zeros((3, 2))}, "corners"),
        ({"covariance": np.zeros((4, 2))}, "covariance"),
    ],
)
def test_an_instance_that_breaks_the_contract_cannot_exist(changes, message):
    with pytest.raises(ValueError, match=message):
        an_instance(**changes)


def test_an_instance_survives_pickling_and_stays_frozen():
    body = an_instance()
    again = pickle.loads(pickle.dumps(body))  # noqa: S301  our own bytes
    assert np.array_equal(again.mask, body.mask)
    assert np.array_equal(again.corners, body.corners)
    assert dict(again.level_probabilities) == {"L4": 0.7}
    assert not again.mask.flags.writeable
    with pytest.raises(TypeError):
        again.level_probabilities["L4"] = 1.0


def test_a_segmentation_is_a_sequence_of_its_instances():
    bodies = [an_instance(), an_instance(category="cage")]
    found = Segmentation(bodies)
    assert len(found) == 2
    assert list(found) == bodies
    assert [body.is_implant for body in found] == [False, True]


def test_a_level_is_one_of_ours():
    assert LabeledVertebra(an_instance(), None).level is None
    with pytest.raises(ValueError, match="unknown level"):
        LabeledVertebra(an_instance(), "L7")


def measurement(**changes):
    values = {"name": "slip", "levels": ("L4", "L5"), "value": 1.0, "unit": "mm", "definition": "d"}
    return Measurement(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"value": None},
        {"reason": "no_sacrum"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"interval95": (2.0, 1.0)},
        {"interval95": (0.0, float("nan"))},
    ],
)
def test_a_measurement_has_either_a_finite_value_or_a_reason(changes):
    with pytest.raises(ValueError, match="slip"):
        measurement(**changes)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_value_is_a_measurement(value):
    assert measurement(value=value).value == value


def test_a_study_finds_its_measurements():
    wanted = measurement(levels=("L3", "L4"), value=2.0)
    study = Study(
        SOURCE,
        ImageInfo(2, 2, None, None),
        (),
        (),
        (measurement(), wanted, measurement(name="cage", site="anterior")),
        Numbering(0.0),
        (),
        {},
    )
    assert study.find("slip").levels == ("L4", "L5")
    assert study.find("slip", ("L3", "L4")) is wanted
    assert study.find("cage", site="posterior") is None
    assert study.find("nothing") is None


def test_levels_are_counted_upward():
    assert level_above("S1") == "L5"
    assert level_above("L5", 4) == "L1"
    assert level_above("L1", -5) == "S1"
    assert level_above("S1", -1) is None
    assert level_above(LEVELS_UPWARD[-1]) is None


def test_words_of_flags_are_sentences():
    for code, words in FLAGS.items():
        assert code.replace("_", "").isalnum(), code
        assert code.islower(), code
        assert words.endswith("."), code
        assert words[0].isupper(), code
    assert len(set(FLAGS.values())) == len(FLAGS)
    assert len(set(CATEGORIES)) == len(CATEGORIES)
