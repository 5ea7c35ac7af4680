"""Numbering: from the sacrum upward, every doubt in the open, nothing invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.label import SacrumFirstLabeler
from spinemorph.types import Box, Instance

WHOLE = ["T12", "L1", "L2", "L3", "L4", "L5", "S1"]


@pytest.fixture(scope="session")
def label(blank):
    return lambda segmentation, film=blank: SacrumFirstLabeler().label(film, segmentation)


def levels(spine):
    return [body.level for body in spine.vertebrae]


def one_up(level):
    """The level above, as a name."""
    return {"S1": "L5", "L1": "T12"}.get(level) or (
        f"L{int(level[1]) - 1}" if level[0] == "L" else f"T{int(level[1:]) - 1}"
    )


def test_a_whole_column_is_numbered_without_a_doubt(label, column):
    spine = label(column())
    assert levels(spine) == WHOLE
    assert spine.flags == ()
    assert spine.facing == "left"
    assert spine.numbering.confidence > 0.9
    assert spine.at("S1").instance.category == "sacrum"
    assert spine.at("T11") is None


def test_bodies_that_look_like_their_level_make_it_surer(label, column):
    plain = label(column()).numbering
    seen = label(column(looks_like=lambda level: level)).numbering
    assert seen.confidence > plain.confidence
    assert seen.alternative is None


def test_a_column_that_looks_one_level_higher_is_doubted_and_the_other_numbering_named(
    label, column
):
    spine = label(column(looks_like=one_up))
    assert levels(spine) == WHOLE  # the count from the sacrum stands, but is not trusted
    assert "numbering_uncertain" in spine.flags
    assert spine.numbering.confidence < 0.1
    assert spine.numbering.alternative.shift == 1
    assert spine.numbering.alternative.probability > 0.9


def test_lower_bodies_as_counted_and_upper_ones_one_level_lower_may_be_six_lumbar_bodies(
    label, column
):
    lower = {"T12": "L1", "L1": "L2", "L2": "L3"}
    spine = label(column(looks_like=lambda level: lower.get(level, level)))
    assert "possible_l6" in spine.flags


def test_upper_bodies_that_look_one_level_higher_may_be_four_lumbar_bodies(label, column):
    higher = {"T12": "T11", "L1": "T12", "L2": "L1"}
    spine = label(column(looks_like=lambda level: higher.get(level, level)))
    assert "possible_four_lumbar" in spine.flags


def test_a_missing_body_leaves_its_level_out_and_halves_the_trust(label, column):
    spine = label(column(without=["L3"]))
    assert levels(spine) == [level for level in WHOLE if level != "L3"]
    assert "gap_in_column" in spine.flags
    assert "numbering_uncertain" in spine.flags
    assert spine.numbering.confidence <= 0.5


def test_a_weakly_seen_body_closes_a_gap_and_says_so(label, column):
    spine = label(column(scores={"L3": 0.35}))
    assert levels(spine) == WHOLE
    assert "gap_refilled" in spine.flags
    assert "gap_in_column" not in spine.flags
    assert spine.at("L3").flags == ("gap_refilled", "low_score")
    assert spine.at("L4").flags == ()


def test_a_weakly_seen_body_at_the_upper_end_is_left_out(label, column):
    spine = label(column(scores={"T12": 0.35, "L1": 0.4}))
    assert levels(spine) == WHOLE[2:]


@pytest.mark.parametrize("why", ["absent", "weak", "not visible"])
def test_without_a_sacrum_bodies_are_found_and_not_numbered(label, column, why):
    segmentation = {
        "absent": column(without=["S1"]),
        "weak": column(scores={"S1": 0.2}),
        "not visible": column(sacrum_visible=0.1),
    }[why]
    spine = label(segmentation)
    assert levels(spine) == [None] * 6
    assert "no_sacrum" in spine.flags
    assert spine.numbering.confidence == 0
    assert spine.numbering.alternative is None


def test_a_sacrum_alone_numbers_nothing(label, column):
    spine = label(column(without=WHOLE[:-1]))
    assert levels(spine) in ([], [None])
    assert "no_sacrum" in spine.flags or "no_bodies" in spine.flags


def test_nothing_found_is_said(label, column):
    spine = label(column(without=WHOLE))
    assert spine.vertebrae == ()
    assert "no_bodies" in spine.flags
    assert "facing_unknown" in spine.flags


def test_of_two_sacra_the_one_with_the_column_counts(label, column, quads, instance_of):
    beside = instance_of(quads["S1"] + [-240, -150], "sacrum", 0.97)
    spine = label(column(extra=[beside]))
    assert levels(spine) == WHOLE
    assert "several_sacra" in spine.flags
    assert spine.at("S1").instance is not beside


@pytest.mark.parametrize("scores", [0.9, 0.3])
def test_a_second_column_beside_the_first_is_said(label, column, quads, instance_of, scores):
    """As when two exposures are on one picture; weak outlines are no column."""
    second = [
        instance_of(quads[level] + [-220, 0], "lumbar", scores) for level in ("L2", "L3", "L4")
    ]
    spine = label(column(extra=second))
    assert levels(spine) == WHOLE
    assert ("second_column" in spine.flags) == (scores > 0.5)
    assert "second_column" not in label(column(extra=second[:2])).flags


def test_a_second_outline_of_the_same_body_is_removed(label, column, quads, instance_of):
    double = instance_of(quads["L4"] + 6, "lumbar", 0.7)
    inside = instance_of(quads["L2"].mean(0) + 0.7 * (quads["L2"] - quads["L2"].mean(0)))
    spine = label(column(extra=[double, replace(inside, score=0.8)]))
    assert levels(spine) == WHOLE
    assert "extra_body_removed" in spine.flags
    assert spine.at("L4").instance.score == 0.95


def test_things_beside_the_column_are_not_taken_for_bodies(label, column, quads, instance_of):
    ghosts = [
        instance_of(quads["L3"] + [190, 0], score=0.8),
        instance_of(quads["L1"] + [-170, 30], score=0.6),
    ]
    spine = label(column(extra=ghosts))
    assert levels(spine) == WHOLE
    assert not {id(g) for g in ghosts} & {id(body.instance) for body in spine.vertebrae}


def test_masks_without_corners_are_enough(label, column):
    spine = label(column(corners=False))
    assert levels(spine) == WHOLE
    assert spine.facing == "left"
    assert "numbering_uncertain" not in spine.flags


def test_what_the_model_says_of_the_facing_goes_before_the_corners(label, column):
    assert label(column(facing="right")).facing == "right"


def test_flags_of_the_segmenter_are_kept(label, column):
    assert label(column(flags=("polarity_inverted",))).flags == ("polarity_inverted",)


@settings(max_examples=30)
@given(
    turn=st.floats(-25, 25),
    scale=st.floats(0.4, 2.0),
    mirrored=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_the_numbering_does_not_depend_on_pose_size_side_or_order(
    label, column, turn, scale, mirrored, order
):
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    middle = np.array([300.0, 450.0])

    def moved(points):
        local = (points - middle) @ np.array([[cos, sin], [-sin, cos]]) * scale
        return local * [-1 if mirrored else 1, 1] + [1200, 1200]

    found = column(by=moved, looks_like=lambda level: level)
    shuffled = list(found)
    order.shuffle(shuffled)
    spine = label(replace(found, instances=tuple(shuffled)))
    assert levels(spine) == WHOLE
    assert spine.facing == ("right" if mirrored else "left")
    assert spine.flags == ()
    assert spine.numbering.confidence > 0.95


@given(aspect=st.floats(0.6, 1.7))
@settings(max_examples=15)
def test_pixels_that_are_not_square_do_not_change_the_numbering(label, column, blank, aspect):
    film = replace(blank, aspect=aspect)
    spine = label(column(by=lambda points: points * [1, 1 / aspect]), film)
    assert levels(spine) == WHOLE
    assert spine.flags == ()


def implant(category, x, y, height=12, width=12):
    box = Box(int(y - height / 2), int(x - width / 2), int(y + height / 2), int(x + width / 2))
    return Instance(category, 0.8, np.ones(box.shape, bool), box)


def test_implants_are_counted_from_above_and_know_the_levels_they_touch(label, column, quads):
    l3, l4, l5 = (quads[level].mean(axis=0) for level in ("L3", "L4", "L5"))
    between = (quads["L4"][2:].mean(axis=0) + quads["L5"][:2].mean(axis=0)) / 2
    rod = implant("rod", l4[0], (l3[1] + l5[1]) / 2, height=abs(l5[1] - l3[1]) + 20)
    found = [
        implant("screw", *l5),
        implant("screw", *l4),
        implant("cage", *between, height=8, width=40),
        rod,
    ]
    spine = label(column(extra=found))
    by_id = {item.id: item for item in spine.implants}
    assert set(by_id) == {"screw-1", "screw-2", "cage-1", "rod-1"}
    assert by_id["screw-1"].levels == ("L4",)
    assert by_id["screw-2"].levels == ("L5",)
    assert by_id["cage-1"].levels == ("L4", "L5")
    assert by_id["rod-1"].levels == ("L3", "L4", "L5")


def test_implants_without_numbered_bodies_have_no_level(label, column, quads):
    cage = implant("cage", *quads["L4"].mean(axis=0))
    spine = label(column(without=["S1"], extra=[cage]))
    assert spine.implants[0].levels == ()
