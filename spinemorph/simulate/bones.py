"""Line integrals of all bones of a film: dense cortex, textured spongiosa, a faint pelvis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.cortex import Cortex, cortex
from spinemorph.simulate.meshes import BoneMesh, Camera, Placed
from spinemorph.simulate.projection import add_bone
from spinemorph.simulate.shape import ShapedBone


@dataclass(frozen=True)
class BoneSettings:
    """Thickness of cortex in mm, attenuation in 1/mm, densities relative to a lumbar body."""

    cortex_mm: tuple[float, float] = (0.5, 1.3)
    wall: tuple[float, float] = (0.3, 0.9)
    endplate: tuple[float, float] = (0.5, 1.8)
    arch: tuple[float, float] = (0.8, 2.0)
    mu_cortex: tuple[float, float] = (0.02, 0.06)
    mu_spongy: tuple[float, float] = (0.0005, 0.010)
    own_density_sd: float = 0.12
    sacrum_density: tuple[float, float] = (0.22, 0.80)
    pelvis_density: tuple[float, float] = (0.25, 0.90)
    texture: tuple[float, float] = (0.03, 0.30)
    #: spread of the logarithm of the cortex' thickness from bone to bone, and over one bone (at most)
    own_cortex_sd: float = field(default=0.0, metadata={"neutral": 0.0})
    uneven_cortex: float = field(default=0.0, metadata={"neutral": 0.0})
    #: part of the endplates that are sclerotic, and what they then have more
    sclerosis: float = field(default=0.0, metadata={"neutral": 0.0})
    sclerosis_mm: tuple[float, float] = field(default=(1.0, 4.0), metadata={"neutral": (1.0, 4.0)})


def bone_integral(
    camera: Camera,
    placed: Mapping[str, Placed],
    bones: Mapping[str, ShapedBone],
    pelvis: tuple[Placed, BoneMesh],
    rng: Generator,
    settings: BoneSettings,
    absent: Collection[str] = (),
) -> NDArray[np.float32]:
    """Attenuation integrals (rows, columns); bodies in ``absent`` have been replaced by an implant."""
    cortical = np.zeros((camera.rows, camera.columns), np.float32)
    spongy = np.zeros_like(cortical)
    base = rng.uniform(*settings.cortex_mm)
    wall, endplate, arch = (
        base * rng.uniform(*bounds) for bounds in (settings.wall, settings.endplate, settings.arch)
    )
    attenuation = (rng.uniform(*settings.mu_cortex), rng.uniform(*settings.mu_spongy))
    sacrum = rng.uniform(*settings.sacrum_density)
    for level, bone in bones.items():
        density = max(rng.normal(1, settings.own_density_sd), 0.4)
        if level == "S1":
            density = sacrum
        elif level in absent:
            density = 0.12
        inner = cortex(bone, rng, _own_cortex(Cortex(wall, endplate, arch), level, rng, settings))
        add_bone(
            camera,
            placed[level],
            bone.vertices,
            inner,
            bone.faces,
            cortical,
            spongy,
            density,
            attenuation,
        )
    place, mesh = pelvis
    shell = ShapedBone(mesh.vertices, mesh.faces, mesh.body, mesh.corners, np.zeros((1, 3, 3)), 0.0)
    inner = cortex(shell, rng, Cortex(base, base, base * 0.9))
    density = rng.uniform(*settings.pelvis_density)
    add_bone(
        camera, place, mesh.vertices, inner, mesh.faces, cortical, spongy, density, attenuation
    )
    grain = _trabeculae(camera, rng)
    spongy *= 1 + rng.uniform(*settings.texture) * grain
    return np.maximum(cortical, 0) + np.maximum(spongy, 0)


def _own_cortex(typical: Cortex, level: str, rng: Generator, settings: BoneSettings) -> Cortex:
    """The cortex of one bone, as far as the settings let it differ from that of the patient."""
    own = typical
    if settings.own_cortex_sd > 0:
        wall, endplate, arch = np.exp(rng.normal(0, settings.own_cortex_sd, 3))
        own = Cortex(typical.wall * wall, typical.endplate * endplate, typical.arch * arch)
    if settings.uneven_cortex > 0:
        own = replace(own, uneven=rng.uniform(0, settings.uneven_cortex))
    if settings.sclerosis > 0:
        chance = settings.sclerosis * (2.0 if level in {"L4", "L5", "S1"} else 0.6)
        more = rng.uniform(*settings.sclerosis_mm, 2) * (rng.random(2) < chance)
        own = replace(own, sclerosis=(float(more[0]), float(more[1])))
    return own


def _trabeculae(camera: Camera, rng: Generator) -> NDArray[np.float32]:
    """Zero-mean texture, mostly along the spine: struts of 1-2 mm, patches of 5-10 mm."""
    shape = (camera.rows, camera.columns)
    total = np.zeros(shape, np.float32)
    for across, along in ((0.8, 3.0), (2.0, 1.0), (5.0, 7.0)):
        step = max(0.5, min(across, along) / camera.pixel_mm)
        coarse = rng.standard_normal(
            (int(shape[0] / step) + 2, int(shape[1] / step) + 2), dtype=np.float32
        )
        sigma = (across / camera.pixel_mm / step, along / camera.pixel_mm / step)
        smooth = cv2.GaussianBlur(coarse, (0, 0), max(sigma[0], 0.3), sigmaY=max(sigma[1], 0.3))
        smooth /= max(float(smooth.std()), 1e-6)
        total += cv2.resize(smooth, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return total / np.sqrt(3)
