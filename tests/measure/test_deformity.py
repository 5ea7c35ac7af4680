"""Lost height, its type and grade, on columns with known corners."""

from __future__ import annotations

import numpy as np
import pytest

from spinemorph.measure.deformity import VertebralShape, grade_of
from spinemorph.measure.landmarks import DRAWS, BodyLandmarks, Landmarks
from spinemorph.reference import normal_wedge
from spinemorph.types import PixelSpacing

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
DEPTH, HEIGHT = 34.0, 28.0


def body(level, anterior, middle, posterior, place):
    """A body with these heights in mm, that faces right; one pixel is one mm."""
    corners = np.array(
        [
            [DEPTH / 2, -anterior / 2],
            [-DEPTH / 2, -posterior / 2],
            [DEPTH / 2, anterior / 2],
            [-DEPTH / 2, posterior / 2],
        ]
    ) + [100, 40 + 40 * place]
    ends = (corners[[0, 2]] + corners[[1, 3]]) / 2
    middles = ends.mean(axis=0) + np.array([[0, -middle / 2], [0, middle / 2]])
    return BodyLandmarks(
        level,
        "lumbar",
        1.0,
        corners[[0, 1, 3, 2]],
        corners,
        np.zeros((4, 2, 2)),
        middles,
        0.0,
        np.tile(corners, (1 + DRAWS, 1, 1)),
        np.tile(middles, (1 + DRAWS, 1, 1)),
    )


def normal_front(level, posterior):
    """Anterior height of a body of the published wedge; ends of the depth lie on the mid-plane."""
    wedge = normal_wedge(level)
    return posterior - 2 * np.tan(np.radians(wedge / 2)) * DEPTH if wedge is not None else posterior


def measured(changes=None, levels=LEVELS):
    """(name, level) -> Measurement on a normal column in which some bodies have other heights."""
    bodies = []
    for place, level in enumerate(levels):
        posterior = 25.0 if level == "L5" else HEIGHT
        front = normal_front(level, posterior)
        heights = [front, 0.92 * (front + posterior) / 2, posterior]
        factors = (changes or {}).get(level, (1, 1, 1))
        bodies.append(body(level, *np.multiply(heights, factors), place))
    marks = Landmarks(tuple(bodies), "right", 1.0, PixelSpacing(1, 1, "user"))
    items = VertebralShape().process(None, None, {"landmarks": marks}).measurements
    return {(item.name, item.levels[0]): item for item in items}


def test_a_normal_column_has_lost_nothing():
    found = measured()
    for level in ("T12", "L1", "L2", "L3", "L4", "L5"):
        assert found["height_loss_anterior", level].value == pytest.approx(0, abs=1.0)
        assert found["height_loss_middle", level].value == pytest.approx(0, abs=1.0)
        assert found["genant_grade", level].value == 0
        assert found["genant_grade", level].label == "none"
    assert found["height_loss_posterior", "L2"].value == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("factors", "grade", "label"),
    [
        ((0.85, 0.94, 1), 0, "none"),
        ((0.78, 0.9, 1), 1, "wedge deformity"),
        ((0.7, 0.87, 1), 2, "wedge deformity"),
        ((0.55, 0.8, 1), 3, "wedge deformity"),
        ((1, 0.7, 1), 2, "biconcave deformity"),
        ((0.65, 0.66, 0.72), 2, "crush deformity"),
        ((0.5, 0.55, 0.6), 3, "crush deformity"),
    ],
)
@pytest.mark.parametrize("level", ["L1", "L3"])
def test_the_greatest_loss_gives_grade_and_type(level, factors, grade, label):
    found = measured({level: factors})
    assert found["genant_grade", level].value == grade
    assert found["genant_grade", level].label == label
    others = [found["genant_grade", other].value for other in ("L2", "L4", "L5")]
    assert others == [0, 0, 0]


def test_losses_are_the_percentages_that_were_taken():
    found = measured({"L2": (0.7, 0.8, 1.0)})
    assert found["height_loss_anterior", "L2"].value == pytest.approx(30, abs=1)
    assert found["height_loss_middle", "L2"].value == pytest.approx(20, abs=1.5)
    assert found["height_loss_posterior", "L2"].value == pytest.approx(0, abs=0.1)


def test_a_deformed_neighbour_is_no_measure():
    found = measured({"L2": (0.5, 0.55, 0.6), "L3": (0.7, 0.72, 0.75)})
    assert found["genant_grade", "L3"].value == 2
    assert found["genant_grade", "L3"].label == "crush deformity"
    assert found["height_loss_posterior", "L1"].value == pytest.approx(0, abs=0.5)
    assert found["height_loss_posterior", "L4"].reason == "no_sound_neighbour"


def test_l5_is_low_behind_and_has_no_posterior_loss():
    item = measured()["height_loss_posterior", "L5"]
    assert item.value is None
    assert item.reason == "no_normal_shape"


def test_a_level_without_a_published_shape_has_no_grade():
    found = measured()
    for name in ("height_loss_anterior", "height_loss_middle", "genant_grade"):
        assert found[name, "T11"].value is None
        assert found[name, "T11"].reason == "no_normal_shape"
    assert found["height_loss_posterior", "T11"].value == pytest.approx(0, abs=0.1)


def test_a_body_alone_has_nothing_to_be_compared_with():
    found = measured(levels=("L3",))
    assert found["height_loss_posterior", "L3"].reason == "no_sound_neighbour"
    assert found["height_loss_middle", "L3"].reason == "no_sound_neighbour"
    assert found["genant_grade", "L3"].value is None


def test_no_word_of_fracture():
    found = measured({"L2": (0.5, 0.6, 1)})
    words = " ".join(f"{item.label} {item.definition}" for item in found.values())
    assert "fracture" not in words
    assert "deformity" in words


def test_normal_wedge_by_sex():
    assert normal_wedge("L1", "F") == 2.6
    assert normal_wedge("L1", "M") == 4.1
    assert normal_wedge("L1") == normal_wedge("L1", "O") == pytest.approx(3.35)
    assert normal_wedge("T11") is None


@pytest.mark.parametrize(("loss", "grade"), [(19.99, 0), (20, 1), (25, 2), (40, 3), (-30, 0)])
def test_bounds_belong_to_the_grade_above(loss, grade):
    assert grade_of(loss) == grade
