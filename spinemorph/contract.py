"""What a segmenter may return, checked: used on every film and by the kit for plugin authors."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinemorph.errors import PluginError
from spinemorph.types import FloatArray, Instance, Radiograph, Segmentation


def checked_segmentation(found: Any, radiograph: Radiograph, name: str) -> Segmentation:
    """``found`` as a Segmentation of ``radiograph``.

    Raises PluginError, with the segmenter's ``name`` and the first fault, where it is neither a
    Segmentation nor a list or tuple of Instance, an instance reaches outside the film, a corner is
    half known, or a covariance is not one.
    """
    if isinstance(found, Segmentation):
        segmentation = found
    elif isinstance(found, list | tuple):
        segmentation = Segmentation(tuple(found))
    else:
        raise PluginError(
            f"segmenter {name!r} returned a {type(found).__name__}, "
            f"expected a Segmentation or a list of Instance"
        )
    for what in ("sacrum_visible", "lateral_lumbar"):
        belief = getattr(segmentation, what)
        if belief is not None and not 0 <= belief <= 1:
            raise PluginError(f"segmenter {name!r}: {what} must be in [0, 1], got {belief}")
    for number, instance in enumerate(segmentation.instances):
        fault = _fault(instance, radiograph)
        if fault:
            raise PluginError(f"segmenter {name!r}, instance {number}: {fault}")
    return segmentation


def _fault(instance: Any, radiograph: Radiograph) -> str | None:
    if not isinstance(instance, Instance):
        return f"expected an Instance, got a {type(instance).__name__}"
    box = instance.box
    if box.bottom > radiograph.rows or box.right > radiograph.columns:
        return (
            f"{instance.category} in {box} lies outside the film of {radiograph.rows} x "
            f"{radiograph.columns} pixels; instances belong in original pixels"
        )
    return _points_fault(
        instance, "corners", instance.corners, instance.covariance
    ) or _points_fault(instance, "middles", instance.middles, instance.middle_covariance)


def _points_fault(
    instance: Instance, name: str, points: FloatArray | None, covariance: FloatArray | None
) -> str | None:
    """What is wrong with points (n, 2) and their covariance (n, 2, 2), or None."""
    if points is not None:
        half_known = np.isnan(points).sum(axis=1) == 1
        if half_known.any() or np.isinf(points).any():
            return f"{name} of a {instance.category} must be finite, or NaN in both x and y"
    if covariance is not None:
        if points is None:
            return f"a covariance without {name} ({instance.category})"
        if not _is_covariance(covariance, ~np.isnan(points[:, 0])):
            return (
                f"covariance of {name} of a {instance.category} must be symmetric and not negative"
            )
    return None


def _is_covariance(covariance: FloatArray, known: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    matrices = covariance[known]
    if not np.isfinite(matrices).all():
        return False
    size = np.abs(matrices).max(initial=1.0)
    symmetric = np.allclose(matrices, np.swapaxes(matrices, 1, 2), atol=1e-6 * size)
    return bool(symmetric and (np.linalg.eigvalsh(matrices) >= -1e-6 * size).all())
