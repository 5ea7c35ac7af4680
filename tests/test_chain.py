"""The column as a path through candidates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.chain import PITCH_OVER_HEIGHT, Nodes, another_beside, best_path, misfit, pitches


def straight(n, *, height=40.0, sacrum=True, scores=None):
    """``n`` candidates in a vertical row, the lowest first."""
    y = -PITCH_OVER_HEIGHT * height * np.arange(n)
    return Nodes(
        np.stack([np.zeros(n), y], axis=1),
        np.tile([0.0, -1.0], (n, 1)),
        np.full(n, height),
        np.full(n, 0.9) if scores is None else np.asarray(scores, float),
        np.arange(n) == (0 if sacrum else -1),
    )


def test_no_candidates_make_no_path():
    assert best_path(straight(0)) == ([], 0.0)


@given(st.permutations(range(7)))
def test_the_order_of_candidates_does_not_matter(order):
    nodes, order = straight(7), np.array(order)
    shuffled = Nodes(
        nodes.centres[order],
        nodes.ups[order],
        nodes.heights[order],
        nodes.scores[order],
        nodes.sacrum[order],
    )
    path, value = best_path(shuffled)
    assert [int(order[i]) for i in path] == list(range(7))
    assert value == pytest.approx(best_path(nodes)[1])


def test_neighbours_at_their_pitch_cost_next_to_nothing_and_others_a_lot():
    cost = misfit(straight(5))
    assert cost[1, 2] == pytest.approx(0, abs=1e-6)
    assert cost[0, 1] < 0.05  # from S1 a little less is expected
    assert cost[1, 3] == pytest.approx(1.5)  # over a body
    assert cost[0, 2] > 3  # but hardly from S1: what lies lower may be S2
    assert cost[2, 1] > 1e5  # downward
    assert pitches(straight(3))[1, 2] == pytest.approx(PITCH_OVER_HEIGHT * 40)


def test_a_sacrum_is_only_the_lower_end():
    nodes = straight(5, sacrum=False)
    top = Nodes(nodes.centres, nodes.ups, nodes.heights, nodes.scores, np.arange(5) == 4)
    path, _ = best_path(top)
    assert 4 not in path or path == [4]
    assert best_path(top, sacrum=4)[0] == [4]


def test_only_what_stands_beside_a_column_is_another():
    column = straight(6).centres
    assert another_beside(column, column[1:4] + [120, 0])
    assert not another_beside(column, column[1:3] + [120, 0])  # too few
    assert not another_beside(column, column[1:4] + [20, 10])  # its own bodies once more
    assert not another_beside(column, column + [0, -400])  # bodies above it
    assert not another_beside(column[:2], column[1:4] + [120, 0])


def test_weak_candidates_far_off_are_left_out():
    nodes = straight(6, scores=[0.9] * 5 + [0.05])
    assert best_path(nodes)[0] == [0, 1, 2, 3, 4]
