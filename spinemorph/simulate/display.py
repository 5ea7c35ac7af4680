"""Display: what a vendor's processing and a technician make of the detector's signal."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spinemorph.simulate.texture import Range, chance, draw

FloatImage = NDArray[np.float32]
_TEXTS = (
    "L",
    "R",
    "LT",
    "RT.",
    "LAT",
    "ST",
    "XX TR",
    "578",
    "L 12",
    "LWS SEITL",
    "STEHEND",
    "PACS 2",
)


@dataclass(frozen=True)
class DisplaySettings:
    """Shares 0 to 1 of the grey range, probabilities, and sizes in parts of the film's height."""

    low_pass_removed: Range = (0.0, 0.85)
    low_pass_reach: Range = (0.04, 0.22)
    unsharp: Range = (0.0, 1.4)
    unsharp_reach: Range = (0.002, 0.012)
    lower_percentile: Range = (0.0, 12.0)
    upper_percentile: Range = (96.5, 100.0)
    gamma: Range = (0.5, 2.0)
    sigmoid: float = 0.3
    clahe: float = 0.25
    clahe_limit: Range = (1.0, 4.0)
    over_bright: float = 0.07
    faint: float = 0.07
    collimated: float = 0.45
    collimation_margin: Range = (0.0, 0.12)
    collimation_turn_sd: float = 3.0
    white_frame: float = 0.12
    markers: float = 0.55
    burned_text: float = 0.15


def display(
    signal: FloatImage, rng: Generator, settings: DisplaySettings
) -> tuple[FloatImage, NDArray[np.bool_]]:
    """Pixels 0 to 1 as a viewer shows them, and where the film was exposed (not under a shutter)."""
    rows, columns = signal.shape
    exposed = _shutter(rows, columns, rng, settings)
    image = _processed(signal, rng, settings)
    image = _windowed(image, exposed, rng, settings)
    frame = 1.0 if chance(rng, settings.white_frame) else 0.0
    image = np.where(exposed, image, np.float32(frame))
    if chance(rng, settings.markers):
        for _ in range(int(rng.integers(1, 4))):
            _marker(image, rng)
    if chance(rng, settings.burned_text):
        _burned_text(image, rng)
    levels = 255 if rng.random() < 0.6 else 4095
    return np.asarray(np.round(image * levels) / levels, np.float32), exposed


def _processed(signal: FloatImage, rng: Generator, settings: DisplaySettings) -> FloatImage:
    """Take away part of the slow changes, sharpen the edges."""
    rows, columns = signal.shape
    reach = draw(rng, settings.low_pass_reach) * rows
    step = max(int(reach / 5), 1)
    small = cv2.resize(
        signal, (columns // step + 1, rows // step + 1), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (0, 0), max(reach / step, 0.5), borderType=cv2.BORDER_REFLECT)
    slow = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
    image = signal - draw(rng, settings.low_pass_removed) * slow
    strength = draw(rng, settings.unsharp)
    if strength > 0.1:
        width = max(draw(rng, settings.unsharp_reach) * rows, 0.6)
        image = image + strength * (image - cv2.GaussianBlur(image, (0, 0), width))
    return np.asarray(image, np.float32)


def _windowed(
    image: FloatImage, exposed: NDArray[np.bool_], rng: Generator, settings: DisplaySettings
) -> FloatImage:
    inside = image[::4, ::4][exposed[::4, ::4]]
    if inside.size < 16:
        inside = image.ravel()
    low, high = np.percentile(
        inside, (draw(rng, settings.lower_percentile), draw(rng, settings.upper_percentile))
    )
    kind = rng.random()
    span = max(high - low, 1e-3)
    if kind < settings.over_bright:
        high = high - span * rng.uniform(0.2, 0.6)
        low = low - span * rng.uniform(0.0, 0.6)
    elif kind < settings.over_bright + settings.faint:
        low, high = low - span * rng.uniform(0, 1.5), high + span * rng.uniform(0.3, 2.5)
    unit = np.clip((image - low) / max(high - low, 1e-3), 0, 1)
    if chance(rng, settings.sigmoid):
        steep = rng.uniform(3, 8)
        centre = rng.uniform(0.35, 0.65)
        ends = 1 / (1 + np.exp(-steep * (np.array([0.0, 1.0]) - centre)))
        unit = (1 / (1 + np.exp(-steep * (unit - centre))) - ends[0]) / (ends[1] - ends[0])
    low_gamma, high_gamma = np.log(settings.gamma)
    unit = np.power(np.clip(unit, 0, 1), np.float32(np.exp(rng.uniform(low_gamma, high_gamma))))
    if chance(rng, settings.clahe):
        tiles = int(rng.integers(4, 12))
        equalise = cv2.createCLAHE(draw(rng, settings.clahe_limit), (tiles, tiles))
        unit = equalise.apply(np.round(unit * 255).astype(np.uint8)).astype(np.float32) / 255
    return np.asarray(unit, np.float32)


def _shutter(
    rows: int, columns: int, rng: Generator, settings: DisplaySettings
) -> NDArray[np.bool_]:
    """The exposed part of the film: all of it, or a (turned) rectangle or a strip."""
    exposed = np.ones((rows, columns), bool)
    if not chance(rng, settings.collimated):
        return exposed
    left, right, top, bottom = (draw(rng, settings.collimation_margin) for _ in range(4))
    corners = np.array(
        [
            [left * columns, top * rows],
            [(1 - right) * columns, top * rows],
            [(1 - right) * columns, (1 - bottom) * rows],
            [left * columns, (1 - bottom) * rows],
        ]
    )
    angle = np.deg2rad(rng.normal(0, settings.collimation_turn_sd)) if rng.random() < 0.5 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([columns / 2, rows / 2])
    corners = (corners - middle) @ turn.T + middle
    canvas = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1)
    return canvas.astype(bool)


def _marker(image: FloatImage, rng: Generator) -> None:
    """A lead letter or a label, drawn into the image that is being made."""
    rows, columns = image.shape
    text = str(rng.choice(_TEXTS))
    size = rng.uniform(0.0006, 0.0016) * rows
    thick = max(round(size * 2), 1)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    x = int(rng.uniform(0, max(columns - width, 1)))
    y = int(rng.uniform(height, rows))
    # lead stands where the technician put it: mostly away from the spine
    if rng.random() < 0.75:
        x = int(rng.choice([rng.uniform(0, 0.15), rng.uniform(0.8, 0.95)]) * columns)
    if rng.random() < 0.3:
        cv2.rectangle(
            image, (x - 3, y - height - 4), (x + width + 3, y + 5), float(rng.uniform(0.6, 1)), -1
        )
        _write(image, text, (x, y), size, 0.0, thick)
    else:
        _write(image, text, (x, y), size, float(rng.uniform(0.85, 1)), thick)


def _burned_text(image: FloatImage, rng: Generator) -> None:
    """Lines of text and a scale bar, as a workstation burns them in."""
    rows, columns = image.shape
    size = 0.0005 * rows
    bright = float(rng.uniform(0.7, 1))
    for line in range(int(rng.integers(1, 5))):
        text = "".join(rng.choice(list("ABCDEFGHKLMNRST 0123456789:."), int(rng.integers(5, 18))))
        y = (
            int((line + 1) * 0.025 * rows)
            if rng.random() < 0.6
            else int(rows - (line + 1) * 0.025 * rows)
        )
        _write(image, text, (int(0.02 * columns), y), size, bright, 1)
    if rng.random() < 0.5:
        x = int(rng.choice([0.03, 0.97]) * columns)
        top, bottom = int(0.3 * rows), int(0.7 * rows)
        cv2.line(image, (x, top), (x, bottom), bright, 1)
        for y in np.linspace(top, bottom, 11):
            cv2.line(image, (x - 4, int(y)), (x + 4, int(y)), bright, 1)


def _write(
    image: FloatImage, text: str, at: tuple[int, int], size: float, value: float, thick: int
) -> None:
    canvas = np.zeros(image.shape, np.uint8)
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick, cv2.LINE_AA)
    ink = canvas.astype(np.float32) / 255
    image += ink * (value - image)
