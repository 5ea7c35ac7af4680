"""Studies from the truth of simulated films, with exact or with drawn landmarks."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from spinemorph.plugins import load_plugins
from spinemorph.simulate.truth import Truth
from spinemorph.types import (
    ImageInfo,
    Instance,
    LabeledSpine,
    LabeledVertebra,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
    Study,
)

LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5", "S1")


class Measurer:
    """Holds the postprocessors of the toolkit."""

    def __init__(self) -> None:
        self.postprocessors = [plugin.create() for plugin in load_plugins().postprocessors()]

    def study(
        self,
        truth: Truth,
        spacing: PixelSpacing | None = None,
        sd: float = 0.0,
        rng: np.random.Generator | None = None,
        name: str = "film",
    ) -> Study:
        """The study of a film whose corners are known up to a standard deviation of ``sd`` body heights.

        With ``rng`` the corners are moved by that error; the intervals know it exactly.
        """
        heights = [
            float(np.linalg.norm(b.corners[:2] - b.corners[2:], axis=1).mean())
            for b in truth.bodies
            if b.level != "S1"
        ]
        spread = max(sd * float(np.median(heights)), 1e-4)
        vertebrae = []
        for body in truth.bodies:
            if body.level not in LEVELS or body.replaced:
                continue
            corners = body.corners.copy()
            if rng is not None and sd > 0:
                corners = corners + rng.normal(0, spread, (4, 2))
            covariance = np.tile(np.eye(2) * spread**2, (4, 1, 1))
            instance = Instance(body.category, 0.99, body.mask, body.box, corners, covariance)
            vertebrae.append(LabeledVertebra(instance, body.level))
        rows = max((b.box.bottom for b in truth.bodies), default=1)
        columns = max((b.box.right for b in truth.bodies), default=1)
        size = spacing or PixelSpacing(truth.spacing_mm, truth.spacing_mm, "user")
        film = Radiograph(np.zeros((rows, columns), np.float32), Source(name, name), spacing=size)
        spine = LabeledSpine(tuple(vertebrae), (), Numbering(1.0), truth.facing)
        return study_of(self.postprocessors, film, spine)

    def true_values(self, truth: Truth) -> dict[tuple[str, tuple[str, ...]], float]:
        """Every measure of the exact corners."""
        return {
            (item.name, item.levels): item.value
            for item in self.study(truth).measurements
            if item.value is not None
        }


def study_of(postprocessors: list[Any], film: Radiograph, spine: LabeledSpine) -> Study:
    provided: dict[str, Any] = {}
    measurements: list[Measurement] = []
    for postprocessor in postprocessors:
        findings = postprocessor.process(film, spine, MappingProxyType(provided))
        provided.update(findings.provided)
        measurements += findings.measurements
    bodies = provided["landmarks"].bodies
    image = ImageInfo(film.rows, film.columns, spine.facing, film.spacing, film.aspect)
    return Study(
        film.source,
        image,
        tuple(body.vertebra() for body in bodies),
        (),
        tuple(measurements),
        spine.numbering,
        film.flags,
        {},
    )
