"""Drawn films and studies with plain measurements, for the report writers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from spinemorph.types import (
    AlternativeNumbering,
    FloatArray,
    ImageInfo,
    Implant,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
    Study,
    Vertebra,
)

LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5", "S1")
PATIENT = {
    "patient_id": "PH-0042",
    "patient_name": "Müller^Zoé",
    "birth_date": "1957-03-02",
    "sex": "F",
    "study_date": "2026-02-11",
    "body_position": "standing",
}
MANIFEST = {
    "spinemorph": "0.1.0",
    "segmenter": "compact",
    "weights_sha256": "9f2c" * 16,
    "analyzed_at": "2026-02-12T09:15:00Z",
}


def phantom_corners(
    lordosis: float = 52.0, *, facing: str = "left", centre: float = 420.0, top: float = 180.0
) -> dict[str, FloatArray]:
    """Corners (4, 2) of T12 to S1 on an arc of ``lordosis`` degrees from L1 to S1."""
    body, disc, depth = 88.0, 30.0, 118.0
    steps = 2 * len(LEVELS) - 3
    angle = math.radians(lordosis * 0.42)
    turn = -math.radians(lordosis) / (steps - 1)
    point = np.array([0.0, 0.0])
    corners = {}
    for level in LEVELS:
        endplates = []
        for length in (body, disc):
            along = np.array([math.cos(angle), math.sin(angle)])
            endplates.append((point - along * depth / 2, point + along * depth / 2))
            point = point + length * np.array([-math.sin(angle), math.cos(angle)])
            angle += turn if level != "T12" else 0.0
        (a, p), (ia, ip) = endplates
        known = level != "S1"
        corners[level] = np.array(
            [a, p, ia if known else [np.nan] * 2, ip if known else [np.nan] * 2]
        )
    mirror = [1.0, 1.0] if facing == "left" else [-1.0, 1.0]
    return {level: item * mirror + [centre, top] for level, item in corners.items()}


def outline(corners: FloatArray, waist: float = 0.06) -> FloatArray:
    """Contour (n, 2) through four corners with sides bent inward; S1 gets a block below."""
    if np.isnan(corners).any():
        a, p = corners[:2]
        normal = np.array([-(p - a)[1], (p - a)[0]])
        normal = normal if normal[1] > 0 else -normal
        corners = np.array([a, p, a + 0.85 * normal + 0.15 * (p - a), p + 0.85 * normal])
    sa, sp, ia, ip = corners
    middle = corners.mean(axis=0)
    points = []
    for start, end, bend in ((sa, sp, 0.4), (sp, ip, 1.0), (ip, ia, 0.4), (ia, sa, 1.0)):
        t = np.linspace(0, 1, 12, endpoint=False)[:, None]
        line = start + t * (end - start)
        points.append(line + (middle - line) * waist * bend * 4 * t * (1 - t) * 2)
    return np.concatenate(points)


def draw_film(
    corners: Mapping[str, FloatArray], rows: int = 1400, columns: int = 760, aspect: float = 1.0
) -> np.ndarray:
    """Pixels (rows, columns) float32 with a body where the corners say."""
    image = np.tile(np.linspace(0.15, 0.55, rows, dtype=np.float32)[:, None], (1, columns))
    image[:, : columns // 10] = 0.02
    for item in corners.values():
        polygon = outline(item) / [1, aspect]
        cv2.fillPoly(image, [np.round(polygon).astype(np.int32)], 0.75)
    noise = np.random.default_rng(5).normal(0, 0.02, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 2.0) + noise, 0, 1).astype(np.float32)


def _angle(line: FloatArray, other: FloatArray) -> float:
    a, b = line[1] - line[0], other[1] - other[0]
    return math.degrees(math.atan2(a[0] * b[1] - a[1] * b[0], a @ b))


def measure(
    corners: Mapping[str, FloatArray], spacing: float | None, facing: str
) -> list[Measurement]:
    """Plain measurements of square-pixel corners: enough to fill every part of a report."""
    sign = -1.0 if facing == "left" else 1.0
    flags = ("detector_scale",) if spacing else ()
    found: list[Measurement] = []

    def add(
        name: str, levels: tuple[str, ...], value: float | None, unit: str, half: float, **more: Any
    ) -> None:
        reason = "no_pixel_spacing" if unit == "mm" and spacing is None else None
        if value is None and reason is None:
            reason = "level_not_found"
        if reason is not None:
            value, more["label"] = None, None
        found.append(
            Measurement(
                name,
                levels,
                value,
                unit,
                f"{name.replace('_', ' ')} by its corners",
                interval95=None if value is None else (value - half, value + half),
                flags=flags if unit == "mm" and reason is None else (),
                reason=reason,
                **more,
            )
        )

    def line(level: str, end: str = "superior") -> FloatArray | None:
        if level not in corners:
            return None
        item = corners[level]
        return item[:2] if end == "superior" or level == "S1" else item[2:]

    def between(upper: FloatArray | None, lower: FloatArray | None) -> float | None:
        return None if upper is None or lower is None else sign * _angle(upper, lower)

    whole = between(line("L1"), line("S1"))
    lower = between(line("L4"), line("S1"))
    add("lumbar_lordosis", ("L1", "S1"), whole, "deg", 2.3)
    add("lumbar_lordosis_l1_l5", ("L1", "L5"), between(line("L1"), line("L5", "i")), "deg", 2.2)
    add("lower_lordosis", ("L4", "S1"), lower, "deg", 2.6)
    share = None if whole is None or lower is None or whole < 10 else 100 * lower / whole
    add("lordosis_distribution_index", ("L1", "L4", "S1"), share, "%", 5.1, label="aligned")
    slope = line("S1")
    horizontal = np.array([[0.0, 0.0], [1.0 if facing == "right" else -1.0, 0.0]])
    tilt = None if slope is None else abs(_angle(horizontal[::-1], slope))
    add("sacral_slope", ("S1",), tilt, "deg", 2.0)
    scale = spacing or 1.0
    for upper, below in zip(LEVELS, LEVELS[1:], strict=False):
        pair = (upper, below)
        add("segmental_lordosis", pair, between(line(upper), line(below, "i")), "deg", 2.4)
        facing_lines = line(upper, "i"), line(below)
        add("disc_angle", pair, between(*facing_lines), "deg", 2.1)
        heights: list[float | None] = [None] * 3
        offset = index = None
        if facing_lines[0] is not None and facing_lines[1] is not None:
            a, b = facing_lines
            ends = np.linalg.norm(a - b, axis=1)
            heights = [ends[0] * scale, ends.mean() * scale, ends[1] * scale]
            depth = np.linalg.norm(b[1] - b[0])
            along = (b[0] - b[1]) / depth
            offset = 100 * float((a[1] - b[1]) @ along) / depth
            index = float(ends.mean() / depth)
        for name, value in zip(("anterior", "middle", "posterior"), heights, strict=True):
            add(f"disc_height_{name}", pair, value, "mm", 0.9)
        add("disc_height_index", pair, index, "1", 0.02)
        add("slip_percent", pair, offset, "%", 2.2)
        grade = None if offset is None else ("I" if offset > 5 else "0")
        add("slip_grade", pair, None if offset is None else float(offset > 5), "1", 0, label=grade)
    for level in LEVELS[:-1]:
        item = corners.get(level)
        add("vertebral_wedge", (level,), between(line(level), line(level, "i")), "deg", 1.9)
        for name, one, two in (
            ("height_anterior", 0, 2),
            ("height_posterior", 1, 3),
            ("depth_superior", 0, 1),
            ("depth_inferior", 2, 3),
        ):
            size = None if item is None else float(np.linalg.norm(item[one] - item[two])) * scale
            add(f"vertebral_{name}", (level,), size, "mm", 0.8)
    return found


def make_study(
    corners: Mapping[str, FloatArray],
    rows: int = 1400,
    columns: int = 760,
    *,
    facing: str = "left",
    spacing: float | None = 0.3,
    basis: str = "detector",
    aspect: float = 1.0,
    flags: tuple[str, ...] = ("detector_scale",),
    numbering: Numbering | None = None,
    implants: tuple[Implant, ...] = (),
    patient: Mapping[str, str] = PATIENT,
    file: str = "phantom.dcm",
    uncertain: tuple[str, ...] = ("L5",),
) -> Study:
    """A whole study of square-pixel ``corners``; ``aspect`` squeezes its rows."""
    size = None if spacing is None else PixelSpacing(spacing * aspect, spacing, basis)  # type: ignore[arg-type]
    vertebrae = tuple(
        Vertebra(
            level,
            "sacrum" if level == "S1" else "lumbar",
            0.97,
            outline(item) / [1, aspect],
            item / [1, aspect],
            np.where(np.isnan(item)[:, :, None], np.nan, np.eye(2) * 4.0),
            ("corner_uncertain",) if level in uncertain else (),
        )
        for level, item in corners.items()
    )
    return Study(
        Source(file, "ab" * 32, **patient),
        ImageInfo(rows, columns, facing, size, aspect),  # type: ignore[arg-type]
        vertebrae,
        implants,
        tuple(measure(corners, spacing, facing)),
        numbering or Numbering(0.97, AlternativeNumbering(1, 0.02, "a sixth body may be lumbar")),
        flags if spacing else ("no_pixel_spacing",),
        MANIFEST,
    )


def radiograph_of(study: Study, pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels, study.source, study.image.spacing, study.image.aspect)


def film_and_study(**options: Any) -> tuple[Study, Radiograph]:
    """A phantom's study and film; options of :func:`make_study` and :func:`phantom_corners`."""
    facing = options.get("facing", "left")
    lordosis = options.pop("lordosis", 52.0)
    keep = options.pop("levels", LEVELS)
    every = phantom_corners(lordosis, facing=facing)
    corners = {level: item for level, item in every.items() if level in keep}
    aspect = options.get("aspect", 1.0)
    rows = options.setdefault("rows", round(1400 / aspect))
    columns = options.setdefault("columns", 760)
    study = make_study(corners, **options)
    return study, radiograph_of(study, draw_film(corners, rows, columns, aspect))


@pytest.fixture
def build() -> Callable[..., tuple[Study, Radiograph]]:
    return film_and_study


@pytest.fixture
def phantom() -> tuple[Study, Radiograph]:
    return film_and_study()


@pytest.fixture
def tools() -> SimpleNamespace:
    return SimpleNamespace(
        make_study=make_study, radiograph_of=radiograph_of, phantom_corners=phantom_corners
    )
