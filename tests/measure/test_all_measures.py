"""Properties of every measure at once: pose, scale, mirror, pixel aspect, spacing, and their intervals.

The landmarks of a drawn column are moved exactly, draws and contours with them, so what a measure makes of
them can be compared to the last digit that it reports. Implants are measured on masks, whose pixels do
not turn exactly: they have tolerances of their own below.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.builtins import spinemorph_postprocessors
from spinemorph.label import SacrumFirstLabeler
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.implants import Implants
from spinemorph.measure.landmarks import BodyLandmarks, Landmarks
from spinemorph.measure.pelvis import Pelvis
from spinemorph.testing import draw_phantom
from spinemorph.types import (
    Box,
    Instance,
    LabeledImplant,
    PixelSpacing,
    Radiograph,
    Segmentation,
    Source,
)

#: Made of landmarks alone. Every other built-in postprocessor has its reason here.
EXACT = tuple(
    plugin.name
    for plugin in spinemorph_postprocessors()
    if plugin.name in ("lordosis", "pelvis", "discs", "heights", "slip", "vertebral_shape")
)
OTHERS = {
    "endplates": "makes the landmarks",
    "quality": "measures nothing",
    "implants": "measures masks: see below",
    "osteophytes": "measures masks: its own tests",
}
FILM = Radiograph(np.zeros((8, 8), np.float32), Source("film", "0" * 64))
#: Measures against the vertical of the film turn with it, one forward and one backward.
UPRIGHT = {"sacral_slope": 1.0, "pelvic_tilt": -1.0}
POSE = st.tuples(st.floats(-30, 30), st.floats(0.7, 1.3), st.floats(-300, 300))


def test_every_built_in_measure_is_in_one_of_the_lists():
    names = {plugin.name for plugin in spinemorph_postprocessors()}
    assert len(EXACT) >= 5
    assert names <= {*EXACT, *OTHERS}, f"say how it is tested: {names - {*EXACT, *OTHERS}}"


@lru_cache(maxsize=4)
def column(facing="left"):
    """Spine, landmarks and femoral heads of a drawn film with a slip, wedges and narrow discs."""
    phantom = draw_phantom(1200, 800, facing=facing, lordosis=47.0, spacing=0.25)
    rng = np.random.default_rng(8)
    moved = []
    for body in phantom.instances:
        corners = np.array(body.corners)
        corners[:, 0] += rng.normal(0, 6)  # each body slips a little
        corners += rng.normal(0, 2, corners.shape)  # and is deformed a little
        spread = np.tile(np.array([[5.0, 1.0], [1.0, 3.0]]), (4, 1, 1))
        moved.append(replace(body, corners=corners, covariance=spread))
    film = phantom.radiograph
    spine = SacrumFirstLabeler().label(film, Segmentation(tuple(moved), facing))
    marks = EndplatesAndCorners().process(film, spine, {}).provided["landmarks"]
    side = -1 if facing == "left" else 1
    middle = np.array(phantom.instances[-1].corners[:2]).mean(axis=0)
    heads = middle + [[side * 70 + 9, 330.0], [side * 70 - 9, 336.0]]
    return replace(spine, femoral_heads=heads), marks


def measured(spine, marks):
    """(name, levels, site) -> measurement of all exact postprocessors."""
    found = {}
    plugins = {plugin.name: plugin for plugin in spinemorph_postprocessors()}
    for name in EXACT:
        provided = {"landmarks": marks}
        for item in plugins[name].create().process(FILM, spine, provided).measurements:
            key = item.name, item.levels, item.site
            assert key not in found, "the same measure twice"
            found[key] = item
    return found


def moved(spine, marks, matrix, shift=(0.0, 0.0), **changes):
    """The same column with every landmark and every draw at ``points @ matrix + shift``."""
    matrix = np.asarray(matrix, float)

    def at(points):
        return points @ matrix + shift

    square = np.diag([1.0, marks.aspect])
    turn = np.linalg.inv(square) @ matrix @ square  # of covariances in square pixels
    bodies = tuple(
        BodyLandmarks(
            body.level,
            body.category,
            body.score,
            at(body.contour),
            at(body.corners),
            np.einsum("ji,njk,kl->nil", turn, body.covariance, turn),
            at(body.middles),
            body.middle_sd * float(np.sqrt(abs(np.linalg.det(matrix)))),
            at(body.corner_draws),
            at(body.middle_draws),
            body.flags,
            body.route,
        )
        for body in marks.bodies
    )
    options = {"facing": marks.facing, "aspect": marks.aspect, "spacing": marks.spacing, **changes}
    return (
        replace(spine, femoral_heads=at(spine.femoral_heads), facing=options["facing"]),
        Landmarks(bodies, film_flags=marks.film_flags, **options),
    )


def rotation(degrees):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def compare(found, base, *, lengths=1.0, turned=0.0):
    """Values and intervals of ``found`` against ``base``: lengths grow, upright angles turn."""
    assert found.keys() == base.keys()
    for key, item in found.items():
        before = base[key]
        assert (item.reason, item.label, item.unit) == (before.reason, before.label, before.unit), (
            key
        )
        if before.value is None:
            continue
        factor = {"mm": lengths, "mm2": lengths**2}.get(item.unit, 1.0)
        more = turned * UPRIGHT.get(item.name, 0.0)
        near = {"rel": 3e-3, "abs": 0.012 * max(factor, 1.0)}
        assert item.value == pytest.approx(factor * before.value + more, **near), key
        if before.interval95 is not None and "pelvi" not in item.name and "pi_ll" not in item.name:
            wanted = [factor * end + more for end in before.interval95]
            assert item.interval95 == pytest.approx(wanted, **near), key


def test_the_column_of_these_tests_has_every_measure():
    found = measured(*column())
    missing = {key[0] for key, item in found.items() if item.value is None}
    assert missing <= {
        "disc_height_frobin",
        "displacement_frobin",
        "disc_narrowing_reference",
        "slip_grade",
        "height_loss_posterior",  # needs a neighbour that is not deformed
    }
    assert len(found) > 100


@settings(max_examples=15, deadline=None)
@given(pose=POSE)
def test_pose_and_isotropic_scale(pose):
    turn, scale, shift = pose
    spine, marks = column()
    found = measured(*moved(spine, marks, scale * rotation(turn), (shift, -shift / 3)))
    base = measured(spine, marks)
    for levels in {key[1] for key in base if key[0] == "slip_grade"}:
        # a slip whose interval ends at 0 or 5 % may fall on either side of its grade by rounding
        if abs(abs(base["slip_percent", levels, None].value) - 5) < 0.05:
            found.pop(("slip_grade", levels, None)), base.pop(("slip_grade", levels, None))
    compare(found, base, lengths=scale, turned=-turn if marks.facing == "left" else turn)


@settings(max_examples=10, deadline=None)
@given(spacing=st.floats(0.12, 0.5))
def test_millimetres_grow_with_the_spacing_and_nothing_else_does(spacing):
    spine, marks = column()
    found = measured(
        *moved(spine, marks, np.eye(2), spacing=PixelSpacing(spacing, spacing, "user"))
    )
    ratio = spacing / marks.spacing.column
    base = measured(spine, marks)
    grown = {key for key, item in found.items() if item.reason == "implausible"}
    for key in grown:  # what is anatomically impossible at this spacing is withheld
        assert base[key].unit in ("mm", "mm2")
        base.pop(key), found.pop(key)
    compare(found, base, lengths=ratio)


def test_a_mirrored_film_has_the_same_values_and_signs():
    spine, marks = column("left")
    found = measured(*moved(spine, marks, np.diag([-1.0, 1.0]), (800.0, 0.0), facing="right"))
    compare(found, measured(spine, marks))


def test_a_wrong_facing_changes_the_declared_signs():
    spine, marks = column("left")
    base = measured(spine, marks)
    found = measured(*moved(spine, marks, np.eye(2), facing="right"))
    for key, item in found.items():
        before = base[key]
        angles = {"lumbar_lordosis", "disc_angle", "vertebral_wedge", "segmental_lordosis"}
        if key[0] in angles and before.value is not None and item.value is not None:
            assert item.value == pytest.approx(-before.value, abs=0.01)


@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.7])
def test_pixels_that_are_not_square(aspect):
    """The same film with rows of another height: all values stay, with a scale and without."""
    spine, marks = column()
    squeeze = np.diag([1.0, 1.0 / aspect])
    scaled = PixelSpacing(0.25 * aspect, 0.25, "user")
    compare(
        measured(*moved(spine, marks, squeeze, spacing=scaled, aspect=aspect)),
        measured(spine, marks),
    )
    bare = measured(*moved(spine, marks, squeeze, spacing=None, aspect=aspect))
    for item in bare.values():
        if item.unit in ("mm", "mm2"):
            assert item.reason == "no_pixel_spacing"
    compare(bare, measured(*moved(spine, marks, np.eye(2), spacing=None)))


def test_nothing_moves_with_the_place_of_the_film():
    spine, marks = column()
    compare(measured(*moved(spine, marks, np.eye(2), (400.0, -77.0))), measured(spine, marks))


def test_incidence_is_slope_plus_tilt_on_any_film():
    spine, marks = column()
    for turn in (-20, 0, 35):
        spine_t, marks_t = moved(spine, marks, rotation(turn))
        found = measured(spine_t, marks_t)
        parts = [found[name, ("S1",), None].value for name in ("sacral_slope", "pelvic_tilt")]
        assert found["pelvic_incidence", ("S1",), None].value == pytest.approx(sum(parts), abs=0.02)


def test_the_units_of_body_and_disc_add_up_to_the_lordosis():
    found = measured(*column())
    order = ("L1", "L2", "L3", "L4", "L5", "S1")
    units = [
        found["segmental_lordosis_unit", pair, None].value
        for pair in zip(order[:-1], order[1:], strict=True)
    ]
    assert sum(units) == pytest.approx(found["lumbar_lordosis", ("L1", "S1"), None].value, abs=0.02)


@lru_cache(maxsize=1)
def implanted():
    """Rings (n, 2) in pixels of a cage, a screw and a rod on the film of :func:`column`."""
    _, marks = column()
    l4, l5 = (marks.to_anatomical(marks.at(level).corners) for level in ("L4", "L5"))
    along = (l5[0] - l5[1]) / np.linalg.norm(l5[0] - l5[1])
    up = np.array([-along[1], along[0]])
    back = l5[1] + 0.2 * (l5[0] - l5[1])
    cage = np.array([back, back + 16 * along, back + 16 * along + 5 * up, back + 5 * up])
    across = (l4[0] - l4[1]) / np.linalg.norm(l4[0] - l4[1])
    tip = l4[1] + 26 * across - 8 * np.array([-across[1], across[0]])
    screw = np.array([tip, tip - 42 * across])
    screw = np.concatenate([screw + [0, 2.5], (screw - [0, 2.5])[::-1]])
    turn = np.radians(np.linspace(-14, 14, 50)) + np.pi / 2
    line = l5[1] - 18 * along + np.cumsum(1.2 * np.stack([np.cos(turn), np.sin(turn)], 1), axis=0)
    rod = np.concatenate([line + [2.5, 0], (line - [2.5, 0])[::-1]])
    rings = {"cage": cage, "screw": screw, "rod": rod}
    return {name: marks.to_film(ring) for name, ring in rings.items()}


def of_implants(spine, marks, move):
    """Implants drawn where ``move`` puts their rings: (name, site) -> measurement."""
    levels = {"cage": ("L4", "L5"), "screw": ("L4",), "rod": ("L3", "L4", "L5")}
    found = []
    for name, ring in implanted().items():
        points = move(ring)
        canvas = np.zeros((2600, 2600), np.uint8)
        cv2.fillPoly(canvas, [np.rint((points + 300) * 256).astype(np.int32)], 1, shift=8)
        rows, columns = np.nonzero(canvas)
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        mask = canvas[box.slices].astype(bool)
        found.append(LabeledImplant(name, Instance(name, 0.9, mask, box), levels[name]))
    spine = replace(spine, implants=tuple(found))
    spine, marks = moved(spine, marks, np.eye(2), (300.0, 300.0))
    items = Implants().process(FILM, spine, {"landmarks": marks}).measurements
    return {(item.name, item.site, item.levels): item for item in items}


@pytest.mark.parametrize(
    ("matrix", "facing"),
    [
        (rotation(17), "left"),
        (rotation(-25), "left"),
        (1.6 * rotation(4), "left"),
        (np.diag([-1.0, 1.0]), "right"),
    ],
)
def test_implants_turned_scaled_and_mirrored_with_the_film(matrix, facing):
    spine, marks = column()
    base = of_implants(spine, marks, lambda ring: ring)
    centre = np.array([400.0, 600.0])
    shift = np.array([800.0, 900.0]) - centre @ matrix

    def move(ring):
        return ring @ matrix + shift

    scale = float(np.sqrt(abs(np.linalg.det(matrix))))
    spacing = PixelSpacing(0.25 / scale, 0.25 / scale, "user")
    other = moved(spine, marks, matrix, shift, facing=facing, spacing=spacing)
    found = of_implants(*other, move)
    assert found.keys() == base.keys()
    near = {"deg": 1.2, "1": 0.02, "%": 2.0, "mm": 0.5}
    for key, item in found.items():
        assert item.value == pytest.approx(base[key].value, abs=near[item.unit]), key


def test_femoral_heads_of_another_film_give_other_angles():
    spine, marks = column()
    further = replace(spine, femoral_heads=spine.femoral_heads + [60.0, 0.0])
    one, other = (
        {
            item.name: item.value
            for item in Pelvis().process(FILM, each, {"landmarks": marks}).measurements
        }
        for each in (spine, further)
    )
    assert all(abs(one[name] - other[name]) > 3 for name in one)
