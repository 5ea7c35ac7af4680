"""One answer for every body."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.learn.distinct import distinct
from spinemorph.learn.family import Found

CATEGORIES = ("lumbar", "sacrum", "screw", "cage")
squares = st.tuples(
    st.integers(1, 4), st.floats(0, 1), st.integers(0, 20), st.integers(0, 20), st.integers(0, 9)
)


def square(label, score, top, left, size=8):
    mask = torch.zeros(32, 32)
    mask[top : top + size, left : left + size] = 0.9
    return Found(label, score, mask)


def test_the_more_certain_of_two_answers_for_a_body_stays():
    better, worse = square(1, 0.9, 4, 4), square(1, 0.8, 5, 5)
    assert distinct([worse, better], CATEGORIES) == [better]


def test_bodies_that_overlap_less_both_stay():
    first, second = square(1, 0.9, 4, 4), square(1, 0.8, 9, 4)  # 3 of 8 rows in common
    assert distinct([first, second], CATEGORIES) == [first, second]
    assert distinct([first, second], CATEGORIES, shared=0.3) == [first]


def test_s1_is_not_a_lumbar_body_as_well():
    sacrum, lumbar = square(2, 0.9, 4, 4), square(1, 0.8, 4, 4)
    assert distinct([sacrum, lumbar], CATEGORIES) == [sacrum]


def test_there_is_one_sacrum():
    first, second = square(2, 0.9, 4, 4), square(2, 0.8, 20, 20)
    assert distinct([second, first], CATEGORIES) == [first]


def test_a_screw_stays_in_its_body_and_empty_masks_go():
    body, screw, cage = square(1, 0.9, 4, 4), square(3, 0.5, 6, 6, 3), square(4, 0.4, 6, 6, 3)
    nothing = Found(1, 1.0, torch.full((32, 32), 0.49))
    assert distinct([screw, nothing, cage, body], CATEGORIES) == [body, screw, cage]


@given(st.lists(squares, max_size=8))
def test_what_stays_is_distinct_and_stays_again(drawn):
    kept = distinct([square(*each) for each in drawn], CATEGORIES)
    scores = [each.score for each in kept]
    assert scores == sorted(scores, reverse=True)
    assert distinct(kept, CATEGORIES) == kept
    assert sum(each.label == 2 for each in kept) <= 1
    assert all(bool((each.mask >= 0.5).any()) for each in kept)
