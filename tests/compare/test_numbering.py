from dataclasses import replace

import numpy as np
import pytest

from spinemorph.anatomy import level_above
from spinemorph.compare import CompareOptions, compare_studies
from spinemorph.compare.bodies import bodies_of
from spinemorph.compare.numbering import renumbered, shift_of

#: Relative heights and depths that tell the bodies apart, as those of a real column do.
SIZES = {
    "T12": (0.82, 0.84),
    "L1": (0.90, 0.92),
    "L2": (0.97, 0.97),
    "L3": (1.02, 1.02),
    "L4": (1.06, 1.00),
    "L5": (0.92, 1.10),
    "S1": (1.0, 1.1),
}


def shaped(quads):
    """The drawn column with bodies of their own sizes."""
    found = {}
    for level, quad in quads.items():
        height, depth = SIZES[level]
        middle = quad.mean(axis=0)
        along = quad[0] - quad[1]
        along = along / np.linalg.norm(along)
        local = quad - middle
        forward = local @ along
        up = local - np.outer(forward, along)
        found[level] = middle + depth * np.outer(forward, along) + height * up
    return found


def mislabelled(study, shift):
    """The study as a model would give it that counted ``shift`` levels too high."""
    vertebrae = tuple(
        replace(v, level=level_above(v.level, shift)) for v in study.vertebrae if v.level != "S1"
    )
    measurements = tuple(
        replace(m, levels=tuple(level_above(level, shift) for level in m.levels))
        for m in study.measurements
        if "S1" not in m.levels and len(m.levels) < 3 and not m.name.startswith("l")
    )
    return replace(study, vertebrae=vertebrae, measurements=measurements)


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_film_numbered_one_level_off_is_found(measure, quads, shift):
    column = shaped(quads)
    first = measure(column)
    second = mislabelled(measure(column, date="2024-06-01"), shift)
    assert shift_of(bodies_of(first), bodies_of(second)) == -shift


def test_the_right_numbers_are_left_alone(measure, quads):
    column = shaped(quads)
    again = {k: 1.3 * q + [3, 2] for k, q in column.items()}
    assert shift_of(bodies_of(measure(column)), bodies_of(measure(again))) == 0


def test_bodies_that_all_look_alike_are_left_alone(measure, quads):
    first = measure(quads)
    second = mislabelled(measure(quads, date="2024-06-01"), 1)
    assert shift_of(bodies_of(first), bodies_of(second)) == 0


def test_what_disagrees_is_offered_and_forbids_verdicts(measure, quads):
    column = shaped(quads)
    second = mislabelled(measure(column, date="2024-06-01"), 1)
    comparison = compare_studies([measure(column), second])
    (check,) = [c for c in comparison.checks if c.code == "numbering_disagrees"]
    assert check.detail == "-1"
    by_level = [c for c in comparison.changes if c.levels]
    assert by_level
    assert all(c.verdict == "not_comparable" for c in by_level)


def test_renumbered_on_request_nothing_has_changed(measure, quads):
    column = shaped(quads)
    second = mislabelled(measure(column, date="2024-06-01"), 1)
    comparison = compare_studies([measure(column), second], options=CompareOptions(renumber=True))
    assert comparison.films[1].shift == -1
    assert "renumbered" in {check.code for check in comparison.checks}
    assert not [c for c in comparison.changes if c.verdict == "changed"]
    heights = [c for c in comparison.changes if c.name == "disc_height_index" and not c.reasons]
    assert {c.levels for c in heights} >= {("L2", "L3"), ("L3", "L4")}
    assert all(abs(c.difference) < 1e-6 for c in heights)


def test_angles_of_fixed_levels_are_measured_again(measure):
    study = measure()
    moved = renumbered(study, -1)  # T12 becomes L1, L4 becomes L5
    ends = {v.level: v.corners for v in study.vertebrae}
    one, two = ends["T12"][0] - ends["T12"][1], ends["L4"][2] - ends["L4"][3]
    cross, dot = one[0] * two[1] - one[1] * two[0], one @ two
    found = moved.find("lumbar_lordosis_l1_l5")
    assert found.value == pytest.approx(abs(np.degrees(np.arctan2(cross, dot))), abs=1e-6)
    assert found.interval95[0] < found.value < found.interval95[1]
    assert renumbered(study, 1).find("lumbar_lordosis").reason == "level_not_found"
    assert moved.find("lordosis_distribution_index").reason == "renumbered"
    assert (
        moved.find("disc_angle", ("L3", "L4")).value == study.find("disc_angle", ("L2", "L3")).value
    )
