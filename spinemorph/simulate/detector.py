"""Detector: from line integrals to the logarithm of what arrives, with scatter, noise and blur."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.texture import Range, chance, draw


@dataclass(frozen=True)
class DetectorSettings:
    """Scatter as a ratio to the primary beam; photons a pixel in open air; blur in pixels."""

    scatter: Range = (0.0, 1.2)
    scatter_reach: Range = (0.06, 0.20)  # of the film's height
    log_photons: Range = (4.1, 5.7)  # decimal logarithm
    blur: Range = (0.3, 1.1)
    motion: float = 0.06
    motion_pixels: Range = (1.5, 5.0)
    exposure_spread: Range = (0.0, 0.35)


def expose(
    line_integral: NDArray[np.float32], rng: Generator, settings: DetectorSettings
) -> NDArray[np.float32]:
    """Attenuation seen by the detector, -log(signal / open beam): float32, bone bright.

    Exponential law, scatter as a blurred copy, a beam that is not even, Poisson noise, blur.
    """
    rows, columns = line_integral.shape
    primary = np.exp(-np.minimum(line_integral, 12)).astype(np.float32)
    scatter = draw(rng, settings.scatter)
    if scatter > 0.02:
        reach = draw(rng, settings.scatter_reach) * rows
        step = max(int(reach / 6), 1)
        small = cv2.resize(
            primary, (columns // step + 1, rows // step + 1), interpolation=cv2.INTER_AREA
        )
        # the body scatters, open air does not
        small = cv2.GaussianBlur(small * (small < 0.5), (0, 0), max(reach / step, 0.5))
        primary += scatter * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)
    blur = draw(rng, settings.blur)
    primary = cv2.GaussianBlur(primary, (0, 0), blur)
    if chance(rng, settings.motion):
        length = round(draw(rng, settings.motion_pixels))
        primary = cv2.blur(primary, (1, length) if rng.random() < 0.5 else (length, 1))
    photons = 10 ** draw(rng, settings.log_photons)
    typical = float(np.percentile(primary[::4, ::4], 40))
    photons = photons / max(typical, 1e-4) * 0.02
    noise = rng.standard_normal(primary.shape, dtype=np.float32)
    noise *= np.sqrt(primary / photons)
    signal = np.maximum(primary + noise, 0.3 * primary + 1e-7)
    spread = draw(rng, settings.exposure_spread)
    ramp = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None] * spread * rng.choice([-1, 1])
    return np.asarray(-np.log(signal) + ramp, np.float32)
