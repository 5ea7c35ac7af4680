"""Studies of a drawn column, as the postprocessors of the toolkit measure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from spinemorph.plugins import load_plugins
from spinemorph.types import (
    ImageInfo,
    Implant,
    LabeledSpine,
    LabeledVertebra,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
    Study,
)

ORDER = ("T12", "L1", "L2", "L3", "L4", "L5", "S1")


def make_implant(category: str, *levels: str, score: float = 0.97, number: int = 1) -> Implant:
    square = np.array([[100.0, 300], [130, 300], [130, 315], [100, 315]])
    return Implant(f"{category}-{number}", category, levels, square, score)


def raise_disc(quads: Mapping[str, np.ndarray], upper: str, pixels: float) -> dict[str, np.ndarray]:
    """The column with ``upper`` and all above it moved by ``pixels`` along the normal of its disc."""
    lower = ORDER[ORDER.index(upper) + 1]
    along = quads[lower][0] - quads[lower][1]
    normal = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    normal = normal if normal[1] < 0 else -normal
    above = ORDER[: ORDER.index(upper) + 1]
    return {
        level: quad + pixels * normal if level in above else quad for level, quad in quads.items()
    }


@pytest.fixture(scope="session")
def measure(instance_of, quads) -> Callable[..., Study]:
    """A study of ``bodies`` (level -> quad, by default the drawn column)."""
    postprocessors = [plugin.create() for plugin in load_plugins().postprocessors()]

    def make(
        bodies: Mapping[str, np.ndarray] | None = None,
        *,
        date: str | None = "2024-01-10",
        patient: str | None = "P1",
        born: str | None = "1960-05-05",
        spacing: float | None = 0.25,
        basis: str = "calibrated",
        facing: str = "left",
        implants: Sequence[Implant] = (),
        flags: Sequence[str] = (),
        body_flags: Sequence[str] = (),
        **source: Any,
    ) -> Study:
        column = dict(quads if bodies is None else bodies)
        if facing == "right":
            column = {
                level: np.array([600.0, 0]) + quad * [-1, 1] for level, quad in column.items()
            }
        vertebrae = tuple(
            LabeledVertebra(
                instance_of(column[level], "sacrum" if level == "S1" else "lumbar"),
                level,
                tuple(body_flags),
            )
            for level in ORDER
            if level in column
        )
        size = None if spacing is None else PixelSpacing(spacing, spacing, basis)  # type: ignore[arg-type]
        where = Source(
            f"{date}-{facing}.png",
            f"{date} {facing} {spacing}",
            patient_id=patient,
            birth_date=born,
            study_date=date,
            **source,
        )
        film = Radiograph(np.zeros((900, 600), np.float32), where, spacing=size)
        spine = LabeledSpine(vertebrae, (), Numbering(1.0), facing)  # type: ignore[arg-type]
        provided: dict[str, Any] = {}
        measurements = []
        for postprocessor in postprocessors:
            findings = postprocessor.process(film, spine, MappingProxyType(provided))
            provided.update(findings.provided)
            measurements += findings.measurements
        return Study(
            where,
            ImageInfo(900, 600, facing, size),  # type: ignore[arg-type]
            tuple(body.vertebra() for body in provided["landmarks"].bodies),
            tuple(implants),
            tuple(measurements),
            Numbering(1.0),
            tuple(flags),
            {"spinemorph": "0"},
        )

    return make


@pytest.fixture(scope="session")
def rows() -> Callable[..., dict[tuple[str, str], Any]]:
    """Changes of a comparison by name and levels."""

    def of(comparison: Any, film: int = 1) -> dict[tuple[str, str], Any]:
        return {(c.name, "-".join(c.levels)): c for c in comparison.of(film)}

    return of


@pytest.fixture(scope="session")
def implant() -> Callable[..., Implant]:
    return make_implant


@pytest.fixture(scope="session")
def raised() -> Callable[..., dict[str, np.ndarray]]:
    return raise_disc
