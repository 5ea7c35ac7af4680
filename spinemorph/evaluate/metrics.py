"""Pixel metrics of merged class masks, all four from one confusion matrix.

Definitions: Long, Shelhamer, Darrell (CVPR 2015), section 5, in the reading of the tool
martinkersner/py_img_seg_eval. With ``n[i, j]`` pixels of reference class i predicted as class j
and ``t[i]`` the sum of row i:

=========================  =============================================================
pixel accuracy             sum_i n[i, i] / sum_i t[i]
mean accuracy              mean of n[i, i] / t[i] over the classes of the reference
mean IoU                   sum_i IoU[i] / number of classes of the reference
frequency weighted IoU     sum_i t[i] * IoU[i] / sum_i t[i]
=========================  =============================================================

``IoU[i] = n[i, i] / (t[i] + sum_j n[j, i] - n[i, i])``. A class that the reference does not hold
is never counted in a mean, so it lowers the metrics only through the pixels it takes from others;
a class that the prediction does not hold counts with 0. The background is a class like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemorph.types import FloatArray

FEW_CODES: Final = 36


@dataclass(frozen=True)
class PixelMetrics:
    """Four pixel metrics of one image, each in [0, 1]."""

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float


def confusion_matrix(
    predicted: NDArray[Any], reference: NDArray[Any], classes: int = 3
) -> NDArray[np.int64]:
    """Pixel counts (classes, classes): row = class of the reference, column = predicted class.

    Both images: (rows, columns) of integers or booleans below ``classes``. ValueError where the
    shapes differ, an image is empty, or a label lies outside ``0 .. classes - 1``.
    """
    first = _labels(predicted, classes, "predicted")
    second = _labels(reference, classes, "reference")
    if first.shape != second.shape:
        raise ValueError(
            f"predicted: expected the shape of the reference {second.shape}, got {first.shape}"
        )
    joint = second * second.dtype.type(classes) + first
    size = classes * classes
    if size <= FEW_CODES:  # comparing is several times faster than bincount while codes are few
        counts = [int(np.count_nonzero(joint == code)) for code in range(size - 1)]
        flat = np.array([*counts, joint.size - sum(counts)], dtype=np.int64)
    else:
        flat = np.bincount(joint.ravel(), minlength=size).astype(np.int64)
    return flat.reshape(classes, classes)


def metrics_from_confusion(confusion: NDArray[np.int64]) -> PixelMetrics:
    """The four metrics of a confusion matrix (classes, classes) as :func:`confusion_matrix` makes."""
    counts: FloatArray = np.asarray(confusion, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"confusion: expected a square matrix, got {counts.shape}")
    hit = np.diag(counts)
    true = counts.sum(axis=1)
    union = true + counts.sum(axis=0) - hit
    total = true.sum()
    held = true > 0
    if not held.any():
        raise ValueError("confusion: the reference has no pixel")
    iou = hit[held] / union[held]
    return PixelMetrics(
        pixel_accuracy=float(hit.sum() / total),
        mean_accuracy=float(np.mean(hit[held] / true[held])),
        mean_iou=float(np.mean(iou)),
        frequency_weighted_iou=float((true[held] * iou).sum() / total),
    )


def pixel_metrics(
    predicted: NDArray[Any], reference: NDArray[Any], classes: int = 3
) -> PixelMetrics:
    """Pixel metrics of two label images (rows, columns); see the module for the definitions."""
    return metrics_from_confusion(confusion_matrix(predicted, reference, classes))


def _labels(image: NDArray[Any], classes: int, name: str) -> NDArray[Any]:
    """The image in the smallest unsigned type that holds ``classes ** 2``."""
    array = np.asarray(image)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: expected a label image (rows, columns), got {array.shape}")
    if array.dtype.kind not in "biu":
        raise ValueError(f"{name}: expected integer labels, got {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name}: labels must be 0 to {classes - 1}, got {low} to {high}")
    return array.astype(np.min_scalar_type(classes * classes - 1), copy=False)
