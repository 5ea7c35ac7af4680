"""The settings of one training run: a small TOML file that a person reads and changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from spinemorph.anatomy import CATEGORIES
from spinemorph.errors import UsageError

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "constant"]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class RunSettings:
    """Everything that a run depends on besides its films and its seed.

    ``rows``, ``columns``: the window that films are fitted into, pixels. ``epochs``: passes over the training
    films, at most; ``patience``: epochs without a better validation before the run stops, 0 never.
    ``validate``: epochs from one validation, and checkpoint, to the next; the last epoch always has both.
    ``rate``: highest learning rate, reached after ``warmup`` steps. ``augment``: 0 (films as they are) to 1.
    ``workers``: processes that prepare samples; their number changes no result. ``clip``: norm that gradients
    are cut to. ``average``: decay of the running mean of the weights that is validated and kept, 0 for none.
    ``bfloat16``: train with mixed precision on the CPU as well (on CUDA always).
    """

    backbone: str
    rows: int = 384
    columns: int = 192
    batch: int = 8
    epochs: int = 20
    patience: int = 0
    validate: int = 1
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 5.0
    average: float = 0.0
    bfloat16: bool = False
    augment: float = 1.0
    workers: int = 0
    categories: tuple[str, ...] = ("lumbar", "sacrum")
    family: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "family", MappingProxyType(dict(self.family)))
        unknown = [each for each in self.categories if each not in CATEGORIES]
        faults = [
            *(f"unknown category {each!r}" for each in unknown),
            *(
                f"{name} must be at least {least}, not {getattr(self, name)}"
                for name, least in _LEAST.items()
                if not getattr(self, name) >= least
            ),
        ]
        if self.optimizer not in get_args(Optimizer):
            faults.append(f"optimizer is one of {', '.join(get_args(Optimizer))}")
        if self.schedule not in get_args(Schedule):
            faults.append(f"schedule is one of {', '.join(get_args(Schedule))}")
        if not self.categories or len(set(self.categories)) != len(self.categories):
            faults.append("categories are one or more names, each once")
        if not 0 <= self.augment <= 1 or not 0 <= self.average < 1:
            faults.append("augment lies in [0, 1] and average in [0, 1)")
        if faults:
            raise ValueError(faults[0])

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only mapping cannot be pickled
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return RunSettings, tuple({**values, "family": dict(self.family)}.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest holds them."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        family = {k: list(v) if isinstance(v, tuple) else v for k, v in self.family.items()}
        return {**plain, "categories": list(self.categories), "family": family}


_LEAST: Final = {
    "rows": 32, "columns": 32, "batch": 1, "epochs": 1, "patience": 0, "validate": 1, "rate": 0,
    "warmup": 0, "weight_decay": 0, "clip": 0, "workers": 0,
}  # fmt: skip


def settings_from(values: Mapping[str, Any], name: str, options: Mapping[str, Any]) -> RunSettings:
    """Settings from plain values; ``options``: the family's own settings with their defaults.

    UsageError names the file (``name``), the key and what was expected.
    """
    known = {each.name: each for each in fields(RunSettings)}
    values = dict(values)
    own = values.pop("family", {})
    if not isinstance(own, Mapping):
        raise UsageError(f"{name}: [family] must be a table")
    for key in values:
        if key not in known:
            raise UsageError(f"{name}: unknown setting {key!r}; known: {', '.join(known)}")
    for key, value in own.items():
        if key not in options:
            listed = ", ".join(options) or "none"
            raise UsageError(f"{name}: unknown setting {key!r} in [family]; known: {listed}")
        own = {**own, key: _typed(value, options[key], f"{name}: {key} in [family]")}
    if "backbone" not in values:
        raise UsageError(f"{name}: no backbone is named")
    sample = RunSettings(backbone="").to_dict()
    typed = {key: _typed(value, sample[key], f"{name}: {key}") for key, value in values.items()}
    try:
        return RunSettings(**typed, family={**options, **own})
    except ValueError as fault:
        raise UsageError(f"{name}: {fault}") from fault


def read_settings(path: Path, options: Mapping[str, Any]) -> RunSettings:
    """The settings in a TOML file; UsageError says what is wrong with it, in one line."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise UsageError(f"{path}: cannot be read: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"{path}: not a TOML file: {fault}") from fault
    return settings_from(values, str(path), options)


def _typed(value: Any, sample: Any, where: str) -> Any:
    """``value`` in the type of ``sample``; whole numbers pass for numbers."""
    if isinstance(sample, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(sample, tuple | list):
        if isinstance(value, tuple | list):
            return type(sample)(value)
    elif type(value) is type(sample):
        return value
    raise UsageError(f"{where}: expected {type(sample).__name__}, got {value!r}")
