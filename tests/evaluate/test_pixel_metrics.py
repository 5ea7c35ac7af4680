"""Pixel metrics against a reference written class by class from the published formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinemorph.evaluate.metrics import PixelMetrics, confusion_matrix, pixel_metrics


def published(predicted, reference):
    """Long et al. 2015 in the tool's reading: means over the classes of the reference only."""
    classes = set(reference.ravel().tolist())
    hits, accuracies, ious, weighted = 0, [], [], 0.0
    for label in classes:
        truth, guess = reference == label, predicted == label
        both = int((truth & guess).sum())
        iou = both / int((truth | guess).sum())
        hits += both
        accuracies.append(both / int(truth.sum()))
        ious.append(iou)
        weighted += int(truth.sum()) * iou
    return PixelMetrics(
        hits / reference.size,
        sum(accuracies) / len(classes),
        sum(ious) / len(classes),
        weighted / reference.size,
    )


def assert_same(ours, theirs):
    for name in PixelMetrics.__dataclass_fields__:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-12), name


label_images = st.integers(1, 12).flatmap(
    lambda rows: st.integers(1, 12).flatmap(
        lambda columns: st.tuples(
            arrays(np.uint8, (rows, columns), elements=st.integers(0, 2)),
            arrays(np.uint8, (rows, columns), elements=st.integers(0, 2)),
        )
    )
)


@settings(deadline=None)
@given(label_images)
def test_equals_the_published_formulas(images):
    predicted, reference = images
    assert_same(pixel_metrics(predicted, reference), published(predicted, reference))


def test_class_absent_from_the_reference_is_not_averaged_but_costs_pixels():
    reference = np.zeros((10, 10), np.uint8)
    predicted = reference.copy()
    predicted[:2] = 2
    metrics = pixel_metrics(predicted, reference)
    assert metrics == PixelMetrics(0.8, 0.8, 0.8, 0.8)


def test_class_absent_from_the_prediction_counts_as_zero():
    reference = np.zeros((10, 10), np.uint8)
    reference[:2] = 1
    metrics = pixel_metrics(np.zeros((10, 10), np.uint8), reference)
    assert metrics.pixel_accuracy == pytest.approx(0.8)
    assert metrics.mean_accuracy == pytest.approx(0.5)
    assert metrics.mean_iou == pytest.approx(0.4)
    assert metrics.frequency_weighted_iou == pytest.approx(0.64)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("classes", [3, 20])
def test_confusion_matrix_counts_reference_by_row(dtype, classes):
    rng = np.random.default_rng(3)
    predicted, reference = rng.integers(0, classes, (2, 40, 30)).astype(dtype)
    counts = confusion_matrix(predicted, reference, classes)
    for i in range(classes):
        for j in range(classes):
            assert counts[i, j] == ((reference == i) & (predicted == j)).sum()


def test_boolean_masks_are_two_classes():
    predicted = np.array([[True, False], [True, True]])
    assert pixel_metrics(predicted, ~predicted, classes=2).pixel_accuracy == 0


@pytest.mark.parametrize(
    ("predicted", "reference", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), "expected the shape of the reference"),
        (np.zeros((0, 3), int), np.zeros((0, 3), int), "expected a label image"),
        (np.full((2, 2), 3), np.zeros((2, 2), int), "labels must be 0 to 2"),
        (np.zeros((2, 2), int), np.full((2, 2), -1), "labels must be 0 to 2"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "expected integer labels"),
        (np.zeros((2, 2, 1), int), np.zeros((2, 2), int), "expected a label image"),
    ],
)
def test_refuses_what_is_no_pair_of_label_images(predicted, reference, words):
    with pytest.raises(ValueError, match=words):
        pixel_metrics(predicted, reference)
