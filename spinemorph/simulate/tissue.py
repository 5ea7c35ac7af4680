"""Everything of the patient that is not bone or metal, as a line integral of attenuation.

The trunk is a superellipse in section, with fat below the skin, the lungs above two domes, gas and
stool in the bowel, muscles with fibres, and clutter with a 1/f spectrum over all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spinemorph.simulate import tissue_detail as detail
from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.outline import (
    Column,
    Grid,
    LungSettings,
    Trunk,
    TrunkSettings,
    column,
    lungs,
    make_grid,
    trunk,
)
from spinemorph.simulate.texture import (
    FloatImage,
    Range,
    chance,
    clutter,
    draw,
    enlarge,
    smoothstep,
)


@dataclass(frozen=True)
class TissueSettings:
    """Ranges (low, high) and probabilities of the soft tissue; lengths in mm."""

    trunk: TrunkSettings = field(default_factory=TrunkSettings)
    lungs: LungSettings = field(default_factory=LungSettings)
    #: soft tissue, per mm; fat relative to it
    attenuation: Range = (0.007, 0.015)
    fat_ratio: Range = (0.78, 0.93)
    #: a thin or an obese patient, and the scale of the trunk then
    thin_probability: float = 0.10
    thin_scale: Range = (0.72, 0.88)
    obese_probability: float = 0.12
    obese_scale: Range = (1.12, 1.35)
    lung_probability: float = 0.92
    gas_probability: float = 0.8
    gas_count: tuple[int, int] = (1, 45)
    gas_radius: Range = (3.0, 13.0)
    stool_probability: float = 0.55
    #: mm of tissue, one standard deviation
    stool_amount: Range = (2.0, 14.0)
    muscle_amount: Range = (4.0, 32.0)
    #: standard deviation of the 1/f clutter in mm of tissue, its coarsest grain in mm, its falloff
    clutter_amount: Range = (3.0, 16.0)
    clutter_grain: Range = (60.0, 220.0)
    clutter_falloff: Range = (0.75, 1.25)
    streak_sheets: tuple[int, int] = (0, 4)
    streak_amount: Range = (1.0, 6.0)
    fold_probability: float = 0.5
    fat_plane_probability: float = 0.6
    aorta_probability: float = 0.2
    limb_probability: float = 0.15
    limb_radius: Range = (25.0, 55.0)
    #: dense hips: a line integral at the hip joints, and how far it reaches
    hip_probability: float = 0.6
    hip_amount: Range = (0.2, 1.6)
    hip_reach: Range = (60.0, 130.0)
    #: pixels of the film per pixel of the coarse grid
    step: int = 2


def soft_tissue(
    camera: Camera,
    placed: Sequence[Placed],
    rng: np.random.Generator,
    settings: TissueSettings,
    view: str = "lateral",
) -> FloatImage:
    """The line integral of attenuation (mu t, no unit) of a trunk around the placed bones.

    ``view``: "lateral" or "ap". Returns float32 (rows, columns), 0 in the air beside the patient.
    Where bone lies the tissue is not taken away: bones add what they attenuate more than tissue.
    ValueError for another view or without a bone.
    """
    if view not in {"lateral", "ap"}:
        raise ValueError(f'view must be "lateral" or "ap", got {view!r}')
    spine = column(camera, placed)
    grid = make_grid(camera, settings.step)
    body = trunk(grid, spine, rng, settings.trunk, _scale(rng, settings), view)
    mu = draw(rng, settings.attenuation)
    fat = draw(rng, settings.fat_ratio)
    chord = fat * body.outer + (1 - fat) * body.inner
    part = np.zeros(grid.shape, np.float32)
    if chance(rng, settings.lung_probability):
        lung, part = lungs(grid, spine, body, rng, settings.lungs, view)
        chord -= (1 - draw(rng, settings.lungs.density)) * lung
        chord += detail.lung_vessels(grid, part, rng)
    content = _content(grid, spine, rng, settings, view)
    # nothing of the belly is seen where lung or air is
    chord += content * smoothstep(body.inner / 60) * (1 - np.minimum(1.6 * part, 1))
    chord += _surface(grid, spine, body, rng, settings)
    total = mu * np.maximum(chord, 0)
    if chance(rng, settings.limb_probability):
        total += mu * detail.limbs(grid, spine, rng, settings.limb_radius)
    if chance(rng, settings.hip_probability):
        total += _hips(grid, spine, body, rng, settings)
    if chance(rng, settings.aorta_probability):
        total += detail.aorta(grid, spine, rng, view)
    return enlarge(np.asarray(total, np.float32), (camera.rows, camera.columns))


def _scale(rng: np.random.Generator, settings: TissueSettings) -> float:
    kind = rng.random()
    if kind < settings.thin_probability:
        return draw(rng, settings.thin_scale)
    if kind < settings.thin_probability + settings.obese_probability:
        return draw(rng, settings.obese_scale)
    return 1.0


def _content(
    grid: Grid, spine: Column, rng: np.random.Generator, settings: TissueSettings, view: str
) -> FloatImage:
    """What the belly holds, as mm of soft tissue more or less."""
    pixel = grid.camera.pixel_mm
    image = detail.muscle(grid, spine, rng, draw(rng, settings.muscle_amount), view)
    image += draw(rng, settings.clutter_amount) * clutter(
        rng,
        grid.shape,
        draw(rng, settings.clutter_grain) / pixel,
        2,
        draw(rng, settings.clutter_falloff),
    )
    sheets = int(rng.integers(settings.streak_sheets[0], settings.streak_sheets[1] + 1))
    image += detail.oblique_streaks(grid, rng, sheets, draw(rng, settings.streak_amount))
    if chance(rng, settings.fat_plane_probability):
        image -= detail.fat_planes(grid, spine, rng)
    if chance(rng, settings.stool_probability):
        image += detail.stool(grid, spine, rng, draw(rng, settings.stool_amount), view)
    if chance(rng, settings.gas_probability):
        count = int(rng.integers(settings.gas_count[0], settings.gas_count[1] + 1))
        image -= detail.gas(grid, spine, rng, count, settings.gas_radius, view)
    return image


def _surface(
    grid: Grid, spine: Column, body: Trunk, rng: np.random.Generator, settings: TissueSettings
) -> FloatImage:
    """Folds of skin, and the uneven thickness of the fat below it, as mm of tissue."""
    image = 0.02 * body.outer * clutter(rng, grid.shape, max(grid.shape) / 2, 16, 1.2)
    if chance(rng, settings.fold_probability):
        image += detail.folds(grid, spine, body, rng)
    return np.asarray(image, np.float32)


def _hips(
    grid: Grid, spine: Column, body: Trunk, rng: np.random.Generator, settings: TissueSettings
) -> FloatImage:
    """The dense region of the hips: a line integral that falls off smoothly around the joints."""
    reach = draw(rng, settings.hip_reach)
    x0 = float(spine.x_at(spine.s1)) + draw(rng, (-10, 50))
    z0 = spine.s1 - draw(rng, (45, 115))
    tall = draw(rng, (0.75, 1.2)) * reach
    squared = ((grid.x - x0) / reach) ** 2 + ((grid.z - z0) / tall) ** 2
    dense = np.exp(-(np.asarray(squared) ** np.float32(draw(rng, (1.0, 2.2)))))
    step = smoothstep((spine.s1 + draw(rng, (0, 40)) - grid.z) / draw(rng, (6, 60)))
    inside = smoothstep(body.outer / np.float32(math.sqrt(reach) * 12))
    return np.asarray(draw(rng, settings.hip_amount) * dense * step * inside, np.float32)
