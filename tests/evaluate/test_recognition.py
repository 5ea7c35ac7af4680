"""Recognition rules on drawn columns of square bodies."""

from __future__ import annotations

import numpy as np
import pytest

from spinemorph.evaluate.recognition import match_instances, overlapping_pairs, recognition
from spinemorph.types import Box, Instance


def body(top, left=50, height=40, width=50, category="lumbar"):
    box = Box(top, left, top + height, left + width)
    return Instance(category, 1.0, np.ones(box.shape, bool), box)


def column(first=100, pitch=50):
    """Five lumbar bodies and a sacrum."""
    bodies = [body(first + pitch * i) for i in range(5)]
    return [*bodies, body(first + pitch * 5, category="sacrum")]


def test_perfect_prediction_in_any_order():
    result = recognition(column()[::-1], column())
    assert result.recognized
    assert result.composite_recognized
    assert sorted(pair.reference for pair in result.matches) == list(range(6))


def test_missing_body_fails():
    result = recognition(column()[1:], column())
    assert not result.recognized
    assert not result.composite_recognized
    assert result.missed == (0,)


def test_missing_sacrum_fails():
    assert recognition(column()[:5], column()).missed == (5,)


def test_wrong_category_is_not_a_match():
    predicted = [*column()[:5], body(350)]
    result = recognition(predicted, column())
    assert result.missed == (5,)
    assert result.extra == (5,)


@pytest.mark.parametrize(("width", "recognized"), [(25, True), (24, False)])
def test_half_of_the_union_is_enough(width, recognized):
    predicted = column()
    predicted[2] = body(200, width=width)
    assert recognition(predicted, column()).recognized is recognized


def test_two_bodies_fused_into_one_area_fail():
    predicted = column()
    predicted[1:3] = [body(150, height=90)]
    assert not recognition(predicted, column()).recognized


def test_thoracic_bodies_above_are_excused():
    result = recognition([body(0), body(50), *column()], column())
    assert result.recognized
    assert result.excused == (0, 1)


def test_duplicate_of_the_topmost_body_is_not_above_the_column():
    result = recognition([*column(), body(92, height=38)], column())
    assert not result.recognized
    assert result.extra == (6,)


@pytest.mark.parametrize("top", [225, 410])
def test_extra_body_within_or_below_the_column_fails(top):
    result = recognition([*column(), body(top, left=30)], column())
    assert not result.recognized
    assert result.extra == (6,)


def test_second_sacrum_fails_even_above():
    result = recognition([*column(), body(0, category="sacrum")], column())
    assert result.extra == (6,)


def test_specks_and_implants_do_not_count():
    speck = body(240, left=10, height=4, width=4)
    screw = body(120, category="screw")
    assert recognition([*column(), speck, screw], column()).recognized
    assert recognition(column(), [*column(), screw]).recognized


def test_above_follows_a_tilted_column():
    leaning = [body(100 + 40 * i, left=300 - 40 * i, height=30, width=30) for i in range(6)]
    higher = body(60, left=340, height=30, width=30)
    beside = body(75, left=250, height=20, width=20)
    assert recognition([*leaning, higher], leaning).recognized
    assert not recognition([*leaning, beside], leaning).recognized


class TestComposite:
    reference = column(pitch=35)

    def test_overlap_kept(self):
        assert recognition(self.reference, self.reference).composite_recognized

    def test_overlap_predicted_as_separate_areas(self):
        apart = [body(100 + 35 * i, height=34) for i in range(5)]
        predicted = [*apart, body(275, height=34, category="sacrum")]
        result = recognition(predicted, self.reference)
        assert result.recognized
        assert result.composite_recognized is False
        assert result.separated == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))

    def test_unknown_where_the_reference_holds_no_overlaps(self):
        result = recognition(column(), column(), reference_holds_overlaps=False)
        assert result.recognized
        assert result.composite_recognized is None

    @pytest.mark.parametrize(("shared", "overlaps"), [(10, True), (9, False)])
    def test_one_percent_of_the_smaller_body_is_an_overlap(self, shared, overlaps):
        small = body(0, height=20, width=50)
        large = body(19, left=100 - shared, height=40, width=50)
        assert overlapping_pairs([small, large]) == (((0, 1),) if overlaps else ())


def test_reference_without_bodies_cannot_be_judged():
    result = recognition(column(), [body(0, category="rod")])
    assert result.recognized is None
    assert result.composite_recognized is None


def test_empty_prediction_misses_everything():
    result = recognition([], column())
    assert result.recognized is False
    assert result.missed == tuple(range(6))


def test_matching_prefers_more_pairs_over_a_better_one():
    reference = [body(0, height=100), body(30, height=100)]
    predicted = [body(15, height=100), body(45, height=100)]
    assert len(match_instances(predicted, reference)) == 2
