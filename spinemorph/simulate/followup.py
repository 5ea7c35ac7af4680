"""Another film of the same patient: the bones of one seed, another visit, and what surgery changed.

The patient (shapes, curve, density of the bones, hardware) comes from the seed alone; position before
the beam, camera, soft tissue, noise and display come from the visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinemorph.simulate.film import _bodies, _measurements, _render, _scene
from spinemorph.simulate.framing import frame
from spinemorph.simulate.implants import ImplantPlan
from spinemorph.simulate.meshes import Anatomy, Placed
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.truth import SimulatedFilm, Truth
from spinemorph.types import FloatArray

_UPWARD = ("S1", "L5", "L4", "L3", "L2", "L1", "T12", "T11", "T10", "T9")
_HARDWARE = 77


@dataclass(frozen=True)
class SegmentChange:
    """What happens to the disc below ``upper``; all that stands above moves along.

    ``height_mm``: distraction along the normal of the disc, positive when higher; ``angle_deg``:
    opening about the middle of the disc, positive in front; ``slip_mm``: of the upper body, forward.
    """

    upper: str
    height_mm: float = 0.0
    angle_deg: float = 0.0
    slip_mm: float = 0.0


@dataclass(frozen=True)
class Visit:
    """One later film. ``surgery``: changes when implants were put in; ``settled``: changes since then,
    which a cage does not follow. ``plan``: implants, None for those of the first film.
    ``roll_yaw_sd``: degrees by which the patient stands turned against the first film.
    """

    number: int
    surgery: tuple[SegmentChange, ...] = ()
    settled: tuple[SegmentChange, ...] = ()
    plan: ImplantPlan | None = None
    roll_yaw_sd: float = 2.8


def simulate_follow_up(
    anatomy: Anatomy,
    settings: Settings,
    seed: int,
    visit: Visit,
    size: tuple[int, int] | None = None,
) -> SimulatedFilm:
    """The film of ``visit`` for the patient of ``simulate_film(anatomy, settings, seed)``."""
    patient, rng = np.random.default_rng(seed), np.random.default_rng([seed, visit.number])
    bones, placed, plan, _, _ = _scene(anatomy, settings, patient, size)
    implanted, now = _stands(placed, visit, rng)
    camera, view = frame(rng, settings.framing, now, size)
    scene = (bones, now, visit.plan or plan, camera, view)
    hardware = np.random.default_rng([seed, _HARDWARE])
    return _render(anatomy, settings, scene, seed, (patient, hardware, rng), _hosts(implanted, now))


def follow_up_geometry(
    anatomy: Anatomy,
    settings: Settings,
    seed: int,
    visit: Visit,
    size: tuple[int, int] | None = None,
) -> Truth:
    """The truth of :func:`simulate_follow_up` without rendering and without implants."""
    patient, rng = np.random.default_rng(seed), np.random.default_rng([seed, visit.number])
    bones, placed, plan, _, _ = _scene(anatomy, settings, patient, size)
    _, now = _stands(placed, visit, rng)
    camera, view = frame(rng, settings.framing, now, size)
    lateral = view == "lateral"
    exposed = np.ones((camera.rows, camera.columns), bool)
    return Truth(
        bodies=_bodies(camera, now, bones, exposed, visit.plan or plan)[0] if lateral else (),
        implants=(),
        facing="left" if camera.facing_left else "right",
        view=view,
        spacing_mm=camera.pixel_mm,
        inverted=False,
        measurements=_measurements(camera, now, bones) if lateral else (),
    )


def changed(placed: Mapping[str, Placed], changes: Sequence[SegmentChange]) -> dict[str, Placed]:
    """The bones after ``changes``; the sacrum stays where it is."""
    found = dict(placed)
    for change in changes:
        index = _UPWARD.index(change.upper)
        lower, upper = found[_UPWARD[index - 1]], found[change.upper]
        facing = np.concatenate([upper.corner_points()[2:], lower.corner_points()[:2]])
        pivot = facing.mean(axis=0)
        forward = (facing[0] - facing[1]) / np.linalg.norm(facing[0] - facing[1])
        forward = forward + (facing[2] - facing[3]) / np.linalg.norm(facing[2] - facing[3])
        forward /= np.linalg.norm(forward)
        lateral = lower.rotation @ np.array([0.0, 1.0, 0.0])
        normal = np.cross(forward, lateral)
        turn = _about(lateral, -np.deg2rad(change.angle_deg))
        shift = change.height_mm * normal + change.slip_mm * forward
        for level in _UPWARD[index:]:
            if level in found:
                bone = found[level]
                origin = pivot + turn @ (bone.origin - pivot) + shift
                found[level] = replace(bone, rotation=turn @ bone.rotation, origin=origin)
    return found


def _stands(
    placed: Mapping[str, Placed], visit: Visit, rng: np.random.Generator
) -> tuple[dict[str, Placed], dict[str, Placed]]:
    """The bones when implants were put in and now, both as the patient stands at this visit."""
    roll, yaw = np.deg2rad(rng.normal(0, visit.roll_yaw_sd, 2))
    whole = _about(np.array([0.0, 0.0, 1.0]), yaw) @ _about(np.array([1.0, 0.0, 0.0]), roll)

    def stood(bones: Mapping[str, Placed]) -> dict[str, Placed]:
        return {
            level: replace(bone, rotation=whole @ bone.rotation, origin=whole @ bone.origin)
            for level, bone in bones.items()
        }

    implanted = changed(placed, visit.surgery)
    return stood(implanted), stood(changed(implanted, visit.settled))


def _hosts(implanted: Mapping[str, Placed], now: Mapping[str, Placed]) -> dict[str, Placed]:
    """Every upper body as it stood over its lower one when the cage was put in, moved along with it."""
    found = {}
    for lower, upper in zip(_UPWARD[:-1], _UPWARD[1:], strict=True):
        if upper not in now:
            continue
        before, after = implanted[lower], now[lower]
        turn = after.rotation @ before.rotation.T
        bone = implanted[upper]
        origin = after.origin + turn @ (bone.origin - before.origin)
        found[upper] = replace(bone, rotation=turn @ bone.rotation, origin=origin)
    return found


def _about(axis: FloatArray, angle: float) -> FloatArray:
    """Rotation (3, 3) by ``angle`` radians about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
