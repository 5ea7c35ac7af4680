"""The descriptor of a model family; imports no torch, so that listing plugins stays quick."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from spinemorph.hookspecs import API, Segmenter, SegmenterPlugin


def family_plugin(name: str, summary: str, family: str) -> SegmenterPlugin:
    """A segmenter that can be trained. ``family``: ``"package.module:Class"``, imported on first use.

    The package holds the presets ``presets/light.toml`` and ``presets/full.toml`` beside its ``__init__``.
    """

    def create(weights: Path | None = None, device: str = "auto") -> Segmenter:
        from spinemorph.learn.inference import FamilySegmenter

        return FamilySegmenter(_load(family), weights, device)

    def train(dataset: Any, settings: Any) -> Any:
        from spinemorph.learn.run import train_family

        return train_family(_load(family), dataset, settings)

    return SegmenterPlugin(name=name, summary=summary, api=API, create=create, train=train)


def _load(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), name)
    return loaded
