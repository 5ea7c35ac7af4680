"""Bodies out of fused masks: drawn columns of every size, facing and tilt, with closed discs."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spinemorph.segmenters.fused import split_fused, split_labels
from spinemorph.testing import draw_phantom


def drawn(rows=384, columns=192, *, closed=0.0, turn=0.0, without=(), **phantom):
    """Label map and the bodies' own masks; ``closed``: pixels that masks grow by, ``turn`` in degrees."""
    film = draw_phantom(rows, columns, **phantom)
    whole = [_whole(body, rows, columns, turn) for body in film.instances]
    kept = [k for k in range(len(whole)) if k not in without]
    labels = np.zeros((rows, columns), np.uint8)
    for label, category in ((1, "lumbar"), (2, "sacrum")):
        masks = [whole[k] for k in kept if film.instances[k].category == category]
        if masks:
            union = np.logical_or.reduce(masks)
            labels[ndimage.distance_transform_edt(~union) <= closed] = label
    bodies = [(film.instances[k].category, whole[k]) for k in kept]
    return labels, bodies


def _whole(body, rows, columns, turn):
    mask = np.zeros((rows, columns), np.uint8)
    mask[body.box.slices] = body.mask
    if turn:
        # smaller, so that a turned column stays on its film
        affine = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn, 0.8)
        mask = cv2.warpAffine(mask, affine, (columns, rows), flags=cv2.INTER_NEAREST)
    return mask.astype(bool)


def overlap(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def assert_found(labels, bodies, least=0.5):
    found = split_labels(labels)
    assert [body.category for body in found] == [category for category, _ in bodies]
    for body, (_, true) in zip(found, bodies, strict=True):
        assert overlap(body.mask, true) >= least
    assert sum(body.mask.astype(int) for body in found).max() == 1


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize(("rows", "columns"), [(64, 48), (128, 96), (384, 192), (1024, 512)])
def test_separate_bodies_stay_as_they_are_in_every_size(rows, columns, facing):
    labels, bodies = drawn(rows, columns, facing=facing)
    assert_found(labels, bodies, 0.98)


@settings(max_examples=40)
@given(
    rows=st.sampled_from([160, 384, 700]),
    facing=st.sampled_from(["left", "right"]),
    lordosis=st.floats(20, 60),
    slope=st.floats(20, 50),
    bodies=st.integers(2, 6),
    turn=st.floats(-25, 25),
    sacrum=st.booleans(),
)
def test_closed_discs_are_cut_open(rows, facing, lordosis, slope, bodies, turn, sacrum):
    film = {
        "facing": facing,
        "lordosis": lordosis,
        "sacral_slope": slope,
        "bodies": bodies,
        "sacrum": sacrum,
        "turn": turn,
    }
    _, truth = drawn(rows, rows, **film)
    size = np.sqrt(np.median([mask.sum() for category, mask in truth if category == "lumbar"]))
    labels, truth = drawn(rows, rows, closed=0.2 * size, **film)
    assert ndimage.label(labels == 1)[1] == 1, "no disc is left open"
    assert_found(labels, truth, 0.45)


@pytest.mark.parametrize("missing", [1, 3, 4])
def test_a_body_that_was_not_found_leaves_a_gap_and_no_body(missing):
    labels, bodies = drawn(closed=1, without=(missing,))
    assert_found(labels, bodies)


def test_an_implant_through_a_body_does_not_make_it_two():
    labels, bodies = drawn()
    body = bodies[2][1]
    middle = round(np.argwhere(body).mean(0)[0])
    labels[middle - 1 : middle + 1][body[middle - 1 : middle + 1]] = 0
    assert_found(labels, bodies, 0.85)


def test_a_rod_that_bridges_two_discs_does_not_join_bodies():
    labels, bodies = drawn()
    centres = [np.argwhere(bodies[k][1]).mean(0)[::-1].round().astype(int) for k in (1, 2, 3)]
    for one, other in zip(centres, centres[1:], strict=False):
        cv2.line(labels, one.tolist(), other.tolist(), 1, 4)
    assert ndimage.label(labels == 1)[1] < ndimage.label(drawn()[0] == 1)[1]
    assert_found(labels, bodies, 0.9)


def test_specks_and_bone_far_from_the_column_are_no_bodies():
    labels, bodies = drawn()
    labels[5:9, 5:9] = 1
    cv2.circle(labels, (172, 60), 11, 1, -1)
    assert_found(labels, bodies, 0.98)


def test_a_fragment_of_the_other_class_inside_a_body_changes_sides():
    labels, bodies = drawn()
    row, column = np.argwhere(bodies[5][1]).mean(0).astype(int)
    labels[row - 3 : row + 3, column - 3 : column + 3] = 2
    assert_found(labels, bodies, 0.98)


def test_the_sacrum_is_one_region_at_an_end_of_the_column():
    labels, bodies = drawn()
    labels[bodies[2][1]] = 2
    assert np.count_nonzero(bodies[2][1]) > np.count_nonzero(bodies[-1][1])
    found = split_labels(labels)
    sacra = [body for body in found if body.category == "sacrum"]
    assert len(sacra) == 1
    assert overlap(sacra[0].mask, bodies[-1][1]) > 0.98


def test_a_sacrum_inside_a_body_is_none():
    labels = np.zeros((64, 64), int)
    labels[20:44, 20:44] = 1
    labels[26:38, 26:38] = 2
    (body,) = split_labels(labels)
    assert (body.category, body.score) == ("lumbar", 1.0)


def test_a_fainter_disc_between_fused_bodies_guides_the_cut():
    labels, bodies = drawn(closed=7)
    probabilities = np.zeros((3, *labels.shape), np.float32)
    bone = np.where(np.logical_or.reduce([mask for _, mask in bodies]), 0.95, 0.55)
    for label in (1, 2):
        probabilities[label] = np.where(labels == label, bone, 0.02)
    probabilities[0] = 1 - probabilities[1:].sum(0)
    found = split_fused(probabilities)
    assert len(found) == len(bodies)
    assert all(overlap(a.mask, b) > 0.5 for a, (_, b) in zip(found, bodies, strict=True))
    assert all(0.5 < body.score < 0.96 for body in found)


def test_nothing_gives_nothing_and_other_categories_come_region_by_region():
    assert split_labels(np.zeros((64, 64), np.uint8)) == []
    labels = np.zeros((64, 64), np.uint8)
    labels[4:20, 4:9], labels[30:40, 50:60] = 3, 3
    found = split_labels(labels, ("lumbar", "sacrum", "screw"))
    assert [body.category for body in found] == ["screw", "screw"]
    assert [np.count_nonzero(body.mask) for body in found] == [100, 80]
    with pytest.raises(ValueError, match=r"expected \(3, rows, columns\)"):
        split_fused(np.zeros((2, 8, 8), np.float32))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 70), columns=st.integers(1, 70))
def test_any_noise_gives_disjoint_bodies_and_no_error(seed, rows, columns):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(3, rows, columns)), (0, 2, 2))
    raised = np.exp(8 * noise)
    found = split_fused((raised / raised.sum(0)).astype(np.float32))
    total = np.zeros((rows, columns), int)
    for body in found:
        assert body.mask.shape == (rows, columns)
        assert 0 <= body.score <= 1
        total += body.mask
    assert total.max() <= 1
    assert [body.category for body in found].count("sacrum") <= 1
