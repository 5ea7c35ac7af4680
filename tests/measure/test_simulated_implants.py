"""Implants of the simulator, whose axes and outlines are noted as they are drawn, against the measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from spinemorph.measure import geometry
from spinemorph.measure.endplates import EndplatesAndCorners
from spinemorph.measure.implants import Implants, tip_depth
from spinemorph.simulate import film as films
from spinemorph.simulate import implants as simulated
from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.settings import Settings
from spinemorph.types import (
    Instance,
    LabeledImplant,
    LabeledSpine,
    LabeledVertebra,
    Numbering,
    PixelSpacing,
    Radiograph,
    Source,
)

SEEDS = range(4200, 4216)


@pytest.fixture(scope="module")
def bones():
    return load_anatomy(None)


def scene(bones, seed, plan, monkeypatch):
    """What was drawn of ``plan``, as lines in pixels, and the measures of it by implant."""
    rng = np.random.default_rng(seed)
    lateral = Settings(framing=replace(Settings().framing, ap_view=0.0))
    shaped, placed, _, camera, _ = films._scene(bones, lateral, rng, None)
    drawn = {"tube": [], "solid": []}
    tube, solid = simulated.tube, simulated._solid

    def noted_tube(view, points, radius, *rest):
        ends = np.asarray(points, float)
        along = (ends[-1] - ends[-2]) / np.linalg.norm(ends[-1] - ends[-2])
        rounded = np.vstack([ends[:-1], ends[-1] + radius * along])  # its end is a half ball
        drawn["tube"].append(camera.project(rounded)[:, :2])
        return tube(view, points, radius, *rest)

    def noted_solid(view, outline, depth):
        drawn["solid"].append(camera.project(outline)[:, :2])
        return solid(view, outline, depth)

    with monkeypatch.context() as patch:
        patch.setattr(simulated, "tube", noted_tube)
        patch.setattr(simulated, "_solid", noted_solid)
        settings = Settings().implants
        _, truth = simulated.implants(camera, list(placed.values()), plan, rng, settings)
    bodies, _ = films._bodies(
        camera, placed, shaped, np.ones((camera.rows, camera.columns), bool), plan
    )
    vertebrae = tuple(
        LabeledVertebra(
            Instance(
                body.category,
                1.0,
                body.mask,
                body.box,
                np.where(
                    np.arange(4)[:, None] < (2 if body.level == "S1" else 4), body.corners, np.nan
                ),
            ),
            body.level,
        )
        for body in bodies
    )
    facing = "left" if camera.facing_left else "right"
    spine = LabeledSpine(vertebrae, (), Numbering(1.0), facing)
    spacing = PixelSpacing(camera.pixel_mm, camera.pixel_mm, "user")
    film = Radiograph(np.zeros((camera.rows, camera.columns), np.float32), Source("f", ""), spacing)
    marks = EndplatesAndCorners().process(film, spine, {}).provided["landmarks"]
    labeled = tuple(
        LabeledImplant(
            f"{item.category}-{k}", Instance(item.category, 1.0, item.mask, item.box), item.levels
        )
        for k, item in enumerate(truth)
    )
    items = Implants().process(film, replace(spine, implants=labeled), {"landmarks": marks})
    found = {(item.instance, item.name, item.site): item for item in items.measurements}
    return drawn, truth, marks, found, camera


def test_screws_lie_where_they_were_drawn(bones, monkeypatch):
    plan = simulated.ImplantPlan(screws=("L3", "L4", "L5"), rods=False)
    angles, tips, depths = [], [], []
    for seed in SEEDS:
        drawn, truth, marks, found, camera = scene(bones, seed, plan, monkeypatch)
        shafts = drawn["tube"][::2]  # shaft, head, shaft, head ...
        if len(truth) != len(shafts):
            continue  # a screw lies off the film
        for k, (item, line) in enumerate(zip(truth, shafts, strict=True)):
            box = item.box
            inside = (
                box.left > 0,
                box.top > 0,
                box.right < camera.columns,
                box.bottom < camera.rows,
            )
            if not all(inside) or marks.at(item.levels[0]) is None:
                continue
            head, tip = marks.to_anatomical(line)
            corners = marks.corners(item.levels[0])[0]
            true = float(geometry.signed_angle(geometry.superior_direction(corners), tip - head))
            angles.append(found[f"screw-{k}", "screw_endplate_angle", None].value - true)
            depth, left = tip_depth(tip, corners)
            depths.append(found[f"screw-{k}", "screw_tip_depth", None].value - 100 * float(depth))
            tips.append(found[f"screw-{k}", "screw_tip_distance", None].value - float(left))
    assert len(angles) > 40
    assert np.abs(angles).mean() < 0.8
    assert np.abs(tips).mean() < 1.2
    assert np.abs(depths).mean() < 3.5


def test_cages_stand_where_they_were_drawn(bones, monkeypatch):
    plan = simulated.ImplantPlan(cages=("L4",))
    places, sunk = [], []
    for seed in SEEDS:
        drawn, truth, marks, found, _ = scene(bones, seed, plan, monkeypatch)
        if not truth or marks.at("L4") is None or marks.at("L5") is None:
            continue
        edge = marks.to_anatomical(drawn["solid"][0])
        lower = marks.corners("L5")[0]
        along = lower[0] - lower[1]
        part = (edge - lower[1]) @ along / float(along @ along)
        true = (part.min() + part.max()) / 2
        places.append(found["cage-0", "cage_position", None].value - float(true))
        up = geometry.perpendicular(geometry.unit(along))
        below = float(-((edge - lower[1]) @ up).min())
        item = found["cage-0", "cage_endplate_penetration", "superior_endplate"]
        middle = marks.middles("L5")[0, 0]
        sag = float((middle - lower[:2].mean(axis=0)) @ up)
        sunk.append((item.value - below, abs(sag)))
    assert len(places) > 10
    assert np.abs(places).mean() < 0.02
    for difference, sag in sunk:  # the line of the rims instead of the endplate's curve
        assert abs(difference) < sag + 0.8
