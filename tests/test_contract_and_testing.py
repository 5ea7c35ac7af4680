"""The kit that plugin authors rely on finds what it says it finds."""

import dataclasses
import doctest

import numpy as np
import pytest

from spinemorph import testing
from spinemorph.contract import checked_segmentation
from spinemorph.errors import PluginError, SegmentationError
from spinemorph.testing import PhantomSegmenter, check_segmenter, checks, draw_phantom
from spinemorph.types import Box, Instance, Segmentation


def small_films():
    yield "a small phantom", draw_phantom(180, 120).radiograph
    yield (
        "a film of 64 x 64 pixels",
        dataclasses.replace(draw_phantom(64, 64, sacrum=False).radiograph),
    )


@pytest.fixture
def quick(monkeypatch):
    """The same checks on small films."""
    monkeypatch.setattr(checks, "films", small_films)
    monkeypatch.setattr(checks, "huge_films", tuple)


def angle(endplate):
    (ax, ay), (px, py) = endplate
    return np.degrees(np.arctan2(ay - py, abs(ax - px)))


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize("lordosis", [0.0, 35.0, 70.0])
def test_a_phantom_has_the_lordosis_that_was_asked_for(facing, lordosis):
    phantom = draw_phantom(facing=facing, lordosis=lordosis)
    corners = dict(zip(phantom.levels, (each.corners for each in phantom.instances), strict=True))
    assert angle(corners["S1"][:2]) - angle(corners["L1"][:2]) == pytest.approx(lordosis, abs=1e-9)
    assert angle(corners["S1"][:2]) == pytest.approx(38)
    front = corners["L3"][0, 0] < corners["L3"][1, 0]
    assert front == (facing == "left")
    assert phantom.levels == ("T12", "L1", "L2", "L3", "L4", "L5", "S1")
    heights = [each.box.top for each in phantom.instances]
    assert heights == sorted(heights)


def test_the_phantom_segmenter_finds_exactly_what_was_drawn():
    phantom = draw_phantom(300, 200, facing="right")
    found = PhantomSegmenter().segment(phantom.radiograph)
    drawn = {(each.category, each.box): each.mask for each in phantom.instances}
    assert len(found) == len(drawn)
    for each in found:
        assert np.array_equal(drawn[each.category, each.box], each.mask)


@pytest.mark.parametrize("bodies", [0, 7])
def test_a_phantom_with_an_impossible_number_of_bodies_is_refused(bodies):
    with pytest.raises(ValueError, match="1 to 6"):
        draw_phantom(bodies=bodies)


def test_the_example_of_the_kit_runs():
    assert doctest.testmod(testing).failed == 0


@pytest.mark.usefixtures("quick")
class TestBrokenSegmenters:
    def broken(self, expected, **options):
        def decorate(change):
            class Broken(PhantomSegmenter):
                def segment(self, radiograph):
                    return change(self, super().segment(radiograph), radiograph)

            with pytest.raises(AssertionError, match=expected):
                check_segmenter(Broken, **{"takes_weights": False, **options})

        return decorate

    def test_result_in_the_resolution_of_the_model(self):
        @self.broken("in original pixels", finds_phantoms=True)
        def halved(self, found, radiograph):
            return [
                Instance(each.category, each.score, each.mask[:h, :w], Box(t, x, t + h, x + w))
                for each in found
                for t, x in [(each.box.top // 2, each.box.left // 2)]
                for h, w in [(each.box.shape[0] // 2 + 1, each.box.shape[1] // 2 + 1)]
                if each.mask[:h, :w].any()
            ]

    def test_outside_the_film(self):
        @self.broken("lies outside the film")
        def outside(self, found, radiograph):
            box = Box(radiograph.rows - 1, 0, radiograph.rows + 1, 2)
            return [Instance("lumbar", 0.9, np.ones((2, 2), bool), box)]

    def test_not_the_same_twice(self):
        calls = []

        @self.broken("two different results")
        def flaky(self, found, radiograph):
            calls.append(1)
            return found.instances[: len(calls) % 2]

    def test_a_generator(self):
        @self.broken("returned a generator")
        def lazy(self, found, radiograph):
            return (each for each in found)

    def test_another_exception(self):
        @self.broken("raised ZeroDivisionError")
        def fails(self, found, radiograph):
            raise ZeroDivisionError

    def test_writing_into_the_film(self):
        @self.broken("pixels were changed")
        def vandal(self, found, radiograph):
            radiograph.pixels.setflags(write=True)
            radiograph.pixels[0, 0] = 1.0
            return found

    def test_weights_that_are_swallowed(self):
        class Careless(PhantomSegmenter):
            def __init__(self, weights=None, device="cpu"):
                super().__init__(None, device)

        with pytest.raises(AssertionError, match="expected WeightsError, got a model"):
            check_segmenter(Careless)

    def test_weights_with_another_error(self):
        class Surprised(PhantomSegmenter):
            def __init__(self, weights=None, device="cpu"):
                if weights is not None:
                    raise KeyError(weights)

        with pytest.raises(AssertionError, match="expected WeightsError, got KeyError"):
            check_segmenter(Surprised)

    def test_declining_every_film_is_allowed(self):
        class Modest(PhantomSegmenter):
            def segment(self, radiograph):
                raise SegmentationError("not for me")

        check_segmenter(Modest)
        with pytest.raises(AssertionError, match="declined"):
            check_segmenter(Modest, finds_phantoms=True)


FILM = draw_phantom(120, 80, bodies=2).radiograph
BODY = Instance("lumbar", 0.9, np.ones((4, 4), bool), Box(10, 10, 14, 14))
SQUARE = np.array([[10.0, 10], [13, 10], [10, 13], [13, 13]])


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "returned a NoneType"),
        ({BODY: 1}, "returned a dict"),
        ([BODY, "body"], "instance 1: expected an Instance, got a str"),
        ([dataclasses.replace(BODY, corners=SQUARE + [np.inf, 0])], "must be finite"),
        ([dataclasses.replace(BODY, corners=SQUARE + [np.nan, 0])], "NaN in both"),
        ([dataclasses.replace(BODY, covariance=np.zeros((4, 2, 2)))], "without corners"),
        (
            [dataclasses.replace(BODY, corners=SQUARE, covariance=-np.ones((4, 2, 2)))],
            "symmetric and not negative",
        ),
        (
            [dataclasses.replace(BODY, corners=SQUARE, covariance=np.full((4, 2, 2), np.nan))],
            "symmetric and not negative",
        ),
        ([dataclasses.replace(BODY, middles=SQUARE[:2] + [np.nan, 0])], "middles of a lumbar"),
        ([dataclasses.replace(BODY, middle_covariance=np.zeros((2, 2, 2)))], "without middles"),
        (
            [dataclasses.replace(BODY, middles=SQUARE[:2], middle_covariance=-np.ones((2, 2, 2)))],
            "covariance of middles of a lumbar must be symmetric",
        ),
        (Segmentation((BODY,), lateral_lumbar=1.5), r"lateral_lumbar must be in \[0, 1\]"),
    ],
)
def test_what_breaks_the_contract_is_named(found, message):
    with pytest.raises(PluginError, match=message):
        checked_segmentation(found, FILM, "mine")


def test_what_keeps_the_contract_passes():
    sacrum = dataclasses.replace(
        BODY,
        category="sacrum",
        corners=np.vstack([SQUARE[:2], np.full((2, 2), np.nan)]),
        covariance=np.concatenate([np.ones((2, 2, 2)), np.full((2, 2, 2), np.nan)]),
    )
    assert checked_segmentation([BODY, sacrum], FILM, "mine").instances == (BODY, sacrum)
    whole = Segmentation((BODY,))
    assert checked_segmentation(whole, FILM, "mine") is whole
