"""What makes a numbering doubtful, and what settles it: rivals of S1, gaps, implants in place of bodies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.label import SacrumFirstLabeler
from spinemorph.types import Box, Instance

WHOLE = ["T12", "L1", "L2", "L3", "L4", "L5", "S1"]


@pytest.fixture(scope="session")
def label(blank):
    return lambda segmentation: SacrumFirstLabeler().label(blank, segmentation)


def levels(spine):
    return [body.level for body in spine.vertebrae]


def below(quads, steps=1):
    """The corners of S1 moved down the column."""
    return quads["S1"] + steps * (quads["S1"].mean(axis=0) - quads["L5"].mean(axis=0))


def block(category, centre, half, score=0.9):
    (x, y), half = centre, int(half)
    box = Box(int(y) - half, int(x) - half, int(y) + half, int(x) + half)
    return Instance(category, score, np.ones(box.shape, bool), box)


def test_a_rival_below_the_sacrum_is_named_as_the_alternative(label, column, quads, instance_of):
    rival = instance_of(below(quads), "sacrum", 0.3)
    plain, spine = label(column()), label(column(extra=[rival]))
    assert levels(spine) == WHOLE
    assert spine.numbering.confidence < plain.numbering.confidence
    assert spine.numbering.alternative.shift == 1
    assert (
        "another candidate for the sacrum lies 1 level lower" in spine.numbering.alternative.reason
    )


def test_two_equal_sacra_one_above_the_other_leave_the_numbering_uncertain(
    label, column, quads, instance_of
):
    spine = label(column(extra=[instance_of(below(quads), "sacrum", 0.95)]))
    assert {"several_sacra", "numbering_uncertain"} <= set(spine.flags)
    assert spine.numbering.confidence < 0.6


def test_two_equal_sacra_are_told_apart_by_the_looks_of_the_bodies(
    label, column, quads, instance_of
):
    rival = instance_of(below(quads), "sacrum", 0.95)
    spine = label(column(extra=[rival], looks_like=lambda level: level))
    assert levels(spine) == WHOLE
    assert "several_sacra" in spine.flags
    assert "numbering_uncertain" not in spine.flags


def test_a_rival_at_the_place_of_a_body_points_the_other_way(label, column, quads, instance_of):
    spine = label(column(extra=[instance_of(quads["L5"], "sacrum", 0.6)]))
    assert levels(spine) == WHOLE
    assert spine.numbering.alternative.shift == -1


def test_a_body_below_the_sacrum_makes_the_count_doubtful(label, column, quads, instance_of):
    extra, seen = [instance_of(below(quads), "lumbar", 0.9)], {"S1": 0.8}
    plain, spine = label(column(scores=seen)), label(column(scores=seen, extra=extra))
    assert levels(spine) == WHOLE
    assert "numbering_uncertain" in spine.flags
    assert "numbering_uncertain" not in plain.flags
    assert spine.numbering.alternative.shift > 0
    assert "below the sacrum" in spine.numbering.alternative.reason


def test_a_body_far_beside_the_sacrum_does_not(label, column, quads, instance_of):
    beside = instance_of(quads["S1"] + [-260, 40], "lumbar", 0.9)
    assert label(column(extra=[beside])).numbering == label(column()).numbering


def test_a_faint_sacrum_alone_is_not_enough_and_bodies_that_look_right_are(label, column):
    faint = {"S1": 0.45}
    assert "numbering_uncertain" in label(column(scores=faint)).flags
    backed = label(column(scores=faint, looks_like=lambda level: level))
    assert "numbering_uncertain" not in backed.flags
    assert levels(backed) == WHOLE


def test_the_looks_of_the_bodies_above_settle_the_count_over_a_gap(label, column):
    spine = label(column(without=["L3"], looks_like=lambda level: level))
    assert levels(spine) == [level for level in WHOLE if level != "L3"]
    assert "gap_in_column" in spine.flags
    assert "numbering_uncertain" not in spine.flags
    assert spine.at("L2").flags == ("gap_in_column",)
    assert spine.at("L4").flags == ()


def test_an_implant_in_place_of_a_body_is_counted_and_no_gap(label, column, quads):
    stand_in = block("body_replacement", quads["L3"].mean(axis=0), 20)
    spine = label(column(without=["L3"], extra=[stand_in]))
    assert levels(spine) == [level for level in WHOLE if level != "L3"]
    assert "body_replaced" in spine.flags
    assert not {"gap_in_column", "numbering_uncertain"} & set(spine.flags)
    assert spine.implants[0].levels == ("L3",)


def test_an_implant_elsewhere_does_not_explain_a_gap(label, column, quads):
    stand_in = block("body_replacement", quads["L1"].mean(axis=0), 20)
    assert "gap_in_column" in label(column(without=["L3"], extra=[stand_in])).flags


def test_the_same_outline_as_lumbar_and_as_sacrum_is_one_body(label, column, quads, instance_of):
    spine = label(column(extra=[instance_of(quads["S1"], "lumbar", 0.9)]))
    assert levels(spine) == WHOLE
    assert spine.numbering.confidence == label(column()).numbering.confidence


@pytest.mark.parametrize("turn", [-25, 0, 25])
@pytest.mark.parametrize("mirrored", [False, True])
def test_facing_is_found_from_masks_alone(label, column, turn, mirrored):
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))

    def moved(points):
        local = (points - [300.0, 450.0]) @ np.array([[cos, sin], [-sin, cos]])
        return local * [-1 if mirrored else 1, 1] + [800, 800]

    spine = label(column(by=moved, corners=False))
    assert levels(spine) == WHOLE
    assert spine.facing == ("right" if mirrored else "left")


@pytest.mark.parametrize(("upper", "lower"), [("L1", "L2"), ("L3", "L4"), ("L5", "S1")])
def test_a_cage_names_the_two_bodies_beside_its_disc(label, column, quads, upper, lower):
    between = (quads[upper][2:].mean(axis=0) + quads[lower][:2].mean(axis=0)) / 2
    spine = label(column(extra=[block("cage", between, 6)]))
    assert spine.implants[0].levels == (upper, lower)


def test_a_screw_in_a_crowded_place_belongs_to_the_body_that_holds_it(label, column, quads):
    tip = 0.8 * quads["L4"].mean(axis=0) + 0.2 * quads["L5"].mean(axis=0)
    spine = label(column(extra=[block("screw", tip, 5)]))
    assert spine.implants[0].levels == ("L4",)


def test_weak_implants_do_not_stand_for_a_body(label, column, quads):
    stand_in = block("body_replacement", quads["L3"].mean(axis=0), 20)
    spine = label(column(without=["L3"], extra=[replace(stand_in, score=0.3)]))
    assert "gap_in_column" in spine.flags
