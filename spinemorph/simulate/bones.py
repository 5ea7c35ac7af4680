"""Line integrals of all bones of a film: dense cortex, textured spongiosa, a faint pelvis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.meshes import BoneMesh, Camera, Placed
from spinemorph.simulate.projection import add_bone
from spinemorph.simulate.shape import ShapedBone, cortex


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
        inner = cortex(bone, rng, wall, endplate, arch)
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
    inner = cortex(shell, rng, base, base, base * 0.9)
    density = rng.uniform(*settings.pelvis_density)
    add_bone(
        camera, place, mesh.vertices, inner, mesh.faces, cortical, spongy, density, attenuation
    )
    grain = _trabeculae(camera, rng)
    spongy *= 1 + rng.uniform(*settings.texture) * grain
    return np.maximum(cortical, 0) + np.maximum(spongy, 0)


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
