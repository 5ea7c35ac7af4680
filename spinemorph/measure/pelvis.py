"""Pelvic incidence and tilt, L1 pelvic angle: only where the femoral heads are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from spinemorph.hookspecs import Findings
from spinemorph.measure import geometry
from spinemorph.measure.landmarks import SEED, Landmarks, draw
from spinemorph.measure.values import Quantity
from spinemorph.types import FloatArray, LabeledSpine, Radiograph

INCIDENCE: Final = Quantity(
    "pelvic_incidence",
    "deg",
    "normal of the endplate of S1 at its middle to the line from there to the hip axis (Legaye 1998)",
    (5, 110),
)
TILT: Final = Quantity(
    "pelvic_tilt",
    "deg",
    "vertical of the image to the line from the hip axis to the middle of the endplate of S1 "
    "(Legaye 1998)",
    (-45, 75),
)
L1_ANGLE: Final = Quantity(
    "l1_pelvic_angle",
    "deg",
    "at the hip axis: from the middle of the endplate of S1 to the centre of the body of L1",
    (-45, 75),
)
MISMATCH: Final = Quantity(
    "pi_ll_mismatch", "deg", "pelvic incidence less lumbar lordosis (L1-S1)", (-90, 120)
)
#: Standard deviation of the centre of a femoral head along an axis, as part of the height of a
#: body: that of a corner which a model gives without its own.
CENTRE_SD: Final = 0.028


class Pelvis:
    """Angles against the hip axis, the middle between the centres of the two femoral heads."""

    def process(
        self, radiograph: Radiograph, spine: LabeledSpine, provided: Mapping[str, Any]
    ) -> Findings:
        """Needs ``landmarks``."""
        del radiograph
        marks: Landmarks = provided["landmarks"]
        if spine.femoral_heads is None:
            wanted = ((INCIDENCE, ("S1",)), (TILT, ("S1",)), (L1_ANGLE, ("L1", "S1")))
            return Findings(
                tuple(
                    quantity.missing(marks, levels, "no_femoral_heads")
                    for quantity, levels in wanted
                )
            )
        flags = [flag for flag in spine.flags if flag == "femoral_heads_given"]
        if len(spine.femoral_heads) == 1:
            flags.append("one_femoral_head")
        hip = hip_axis(marks, spine.femoral_heads)
        l1, s1 = marks.corners("L1"), marks.corners("S1")
        incidence = geometry.pelvic_incidence(s1, hip)
        upright = (*flags, "vertical_untrusted")
        return Findings(
            (
                INCIDENCE.measured(marks, ("S1",), incidence, flags=flags),
                TILT.measured(marks, ("S1",), geometry.pelvic_tilt(s1, hip), flags=upright),
                L1_ANGLE.measured(
                    marks, ("L1", "S1"), geometry.l1_pelvic_angle(l1, s1, hip), flags=flags
                ),
                MISMATCH.measured(
                    marks, ("L1", "S1"), incidence - geometry.lordosis(l1, s1), flags=flags
                ),
            )
        )


def hip_axis(marks: Landmarks, centres: FloatArray) -> FloatArray:
    """Draws (1 + DRAWS, 2) of the hip axis in anatomical axes, from centres (1 or 2, 2) in pixels."""
    found = [geometry.vertebral_heights(marks.corners(level)[0]) for level in marks.levels()]
    known = np.array(found)[np.isfinite(found)]
    sd = CENTRE_SD * float(known.mean()) if len(known) else 0.0
    covariance = np.tile(np.eye(2) * sd**2, (len(centres), 1, 1))
    draws = draw(marks.to_anatomical(centres), covariance, np.random.default_rng(SEED + 1))
    return np.asarray(draws.mean(axis=1))
