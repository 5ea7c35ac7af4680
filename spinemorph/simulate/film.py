"""One film from one seed: the story of the simulator from pose to picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spinemorph.simulate.bones import bone_integral
from spinemorph.simulate.detector import expose
from spinemorph.simulate.display import display
from spinemorph.simulate.framing import frame
from spinemorph.simulate.implants import ImplantPlan, implants, plan_implants
from spinemorph.simulate.measures import true_measurements
from spinemorph.simulate.meshes import Anatomy, Camera, Placed
from spinemorph.simulate.midline import depths, intact_midline, midline
from spinemorph.simulate.osteophytes import osteophytes
from spinemorph.simulate.pose import body_targets, sample_curve, stand, turned_pelvis
from spinemorph.simulate.projection import silhouette
from spinemorph.simulate.ribs import ribs
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.shape import ShapedBone, shape_bones
from spinemorph.simulate.shape_measures import losses, shape_measurements
from spinemorph.simulate.tissue import soft_tissue
from spinemorph.simulate.truth import SimulatedFilm, TrueBody, Truth
from spinemorph.types import Box, FloatArray

#: A body counts as shown by a film when this part of its silhouette is exposed and not clipped.
SHOWN = 0.5
#: Pixels this near to black or white show nothing.
CLIPPED = 0.004
_DOWNWARD = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")


def simulate_film(
    anatomy: Anatomy, settings: Settings, seed: int, size: tuple[int, int] | None = None
) -> SimulatedFilm:
    """A film and its truth. The same anatomy, settings, seed and size give the same film.

    ``size``: rows and columns; by default the settings decide.
    """
    rng = np.random.default_rng(seed)
    scene = _scene(anatomy, settings, rng, size)
    return _render(anatomy, settings, scene, seed, (rng, rng, rng))


def _render(
    anatomy: Anatomy,
    settings: Settings,
    scene: tuple[dict[str, ShapedBone], dict[str, Placed], ImplantPlan, Camera, str],
    seed: int,
    streams: tuple[np.random.Generator, np.random.Generator, np.random.Generator],
    cage_hosts: Mapping[str, Placed] | None = None,
) -> SimulatedFilm:
    """The film of a scene. ``streams`` draw the bones, the implants, and all that differs from film to film.

    ``cage_hosts``: where upper bodies stood when a cage was put in under them, if they moved since.
    """
    bones, placed, plan, camera, view = scene
    patient, hardware, rng = streams
    pelvis = turned_pelvis(placed["S1"], patient, settings.pose)

    total = bone_integral(
        camera, placed, bones, (pelvis, anatomy.pelvis), patient, settings.bones, plan.replaced
    )
    total += ribs(camera, list(placed.values()), rng, settings.ribs)
    total += soft_tissue(camera, list(placed.values()), rng, settings.tissue, view)
    metal, true_implants = implants(
        camera, list(placed.values()), plan, hardware, settings.implants, cage_hosts or {}
    )
    total += metal
    pixels, exposed = display(expose(total, rng, settings.detector), rng, settings.display)

    # where the window has cut the scale off nothing can be seen
    exposed = exposed & (pixels > CLIPPED) & (pixels < 1 - CLIPPED)
    inverted = bool(rng.random() < settings.inverted)
    bodies, hidden = (
        _bodies(camera, placed, bones, exposed, plan) if view == "lateral" else ((), ())
    )
    truth = Truth(
        bodies=bodies,
        implants=tuple(true_implants) if view == "lateral" else (),
        facing="left" if camera.facing_left else "right",
        view=view,
        spacing_mm=camera.pixel_mm,
        inverted=inverted,
        measurements=_measurements(camera, placed, bones) if view == "lateral" else (),
        hidden=hidden,
    )
    return SimulatedFilm(1 - pixels if inverted else pixels, truth, seed)


def film_geometry(
    anatomy: Anatomy, settings: Settings, seed: int, size: tuple[int, int] | None = None
) -> Truth:
    """The truth of :func:`simulate_film` without rendering, hence far faster.

    Every part of the film counts as exposed, and implants are left out.
    """
    rng = np.random.default_rng(seed)
    bones, placed, plan, camera, view = _scene(anatomy, settings, rng, size)
    lateral = view == "lateral"
    exposed = np.ones((camera.rows, camera.columns), bool)
    return Truth(
        bodies=_bodies(camera, placed, bones, exposed, plan)[0] if lateral else (),
        implants=(),
        facing="left" if camera.facing_left else "right",
        view=view,
        spacing_mm=camera.pixel_mm,
        inverted=False,
        measurements=_measurements(camera, placed, bones) if lateral else (),
    )


def film_depths(anatomy: Anatomy, settings: Settings, seed: int) -> dict[str, FloatArray]:
    """:func:`spinemorph.simulate.midline.depths` by level of :func:`simulate_film`, without rendering."""
    bones, placed, _, camera, _ = _scene(anatomy, settings, np.random.default_rng(seed), None)
    return {level: depths(camera, place, bones[level]) for level, place in placed.items()}


def _scene(
    anatomy: Anatomy, settings: Settings, rng: np.random.Generator, size: tuple[int, int] | None
) -> tuple[dict[str, ShapedBone], dict[str, Placed], ImplantPlan, Camera, str]:
    """Bones of one patient, where they stand, what is implanted, and the camera."""
    curve = sample_curve(rng, settings.pose, anatomy.curves)
    bones = shape_bones(anatomy, body_targets(curve)[0], rng, settings.shape)
    placed = stand(curve, bones, rng, settings.pose)
    plan = plan_implants(rng, settings.implants, _DOWNWARD[3:])
    camera, view = frame(rng, settings.framing, placed, size)
    return bones, placed, plan, camera, view


def _bodies(
    camera: Camera,
    placed: Mapping[str, Placed],
    bones: Mapping[str, ShapedBone],
    exposed: NDArray[np.bool_],
    plan: ImplantPlan,
) -> tuple[tuple[TrueBody, ...], tuple[TrueBody, ...]]:
    """Bodies that the film shows, and those on it of which too little can be seen."""
    shown: list[TrueBody] = []
    hidden: list[TrueBody] = []
    for level in _DOWNWARD:
        found = silhouette(camera, placed[level], bones[level])
        if found is None:
            continue
        mask, top, left = found
        box = Box(
            max(top, 0),
            max(left, 0),
            min(top + mask.shape[0], camera.rows),
            min(left + mask.shape[1], camera.columns),
        )
        inside = mask[box.top - top : box.bottom - top, box.left - left : box.right - left]
        visible = float((inside & exposed[box.slices]).sum()) / max(int(mask.sum()), 1)
        if not inside.any():
            continue
        spurs, areas = osteophytes(camera, placed[level], bones[level], found)
        spurs = spurs[box.top - top : box.bottom - top, box.left - left : box.right - left]
        line = midline(camera, placed[level], bones[level])
        before = intact_midline(camera, placed[level], bones[level])
        (hidden if visible < SHOWN else shown).append(
            TrueBody(
                level,
                inside,
                box,
                line.corners,
                visible,
                bones[level].deformity,
                level in plan.replaced,
                line.middles,
                areas,
                spurs,
                losses(line, before),
            )
        )
    return tuple(shown), tuple(hidden)


def _measurements(
    camera: Camera, placed: Mapping[str, Placed], bones: Mapping[str, ShapedBone]
) -> tuple[tuple[str, tuple[str, ...], float], ...]:
    lines = {level: midline(camera, place, bones[level]) for level, place in placed.items()}
    corners = {level: line.corners for level, line in lines.items()}
    return (
        *true_measurements(corners, camera.pixel_mm, camera.facing_left),
        *shape_measurements(lines, camera.pixel_mm, camera.facing_left),
    )
