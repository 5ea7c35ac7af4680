"""All settings of the simulator as one frozen value, read from and written to JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from spinemorph.errors import SpinemorphError
from spinemorph.simulate.bones import BoneSettings
from spinemorph.simulate.detector import DetectorSettings
from spinemorph.simulate.display import DisplaySettings
from spinemorph.simulate.framing import FramingSettings
from spinemorph.simulate.implants import ImplantSettings
from spinemorph.simulate.pose import PoseSettings
from spinemorph.simulate.ribs import RibSettings
from spinemorph.simulate.shape import ShapeSettings
from spinemorph.simulate.tissue import TissueSettings


@dataclass(frozen=True)
class Settings:
    """The distribution that films are drawn from; one part per stage of the simulator."""

    pose: PoseSettings = field(default_factory=PoseSettings)
    shape: ShapeSettings = field(default_factory=ShapeSettings)
    framing: FramingSettings = field(default_factory=FramingSettings)
    bones: BoneSettings = field(default_factory=BoneSettings)
    ribs: RibSettings = field(default_factory=RibSettings)
    implants: ImplantSettings = field(default_factory=ImplantSettings)
    tissue: TissueSettings = field(default_factory=TissueSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    display: DisplaySettings = field(default_factory=DisplaySettings)
    #: part of the films that show dark bone, and that show no lumbar bone at all
    inverted: float = 0.0

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Settings from a JSON file; what it leaves out keeps its default."""
        try:
            changes = json.loads(path.read_text(encoding="utf-8"))
        except OSError as fault:
            raise SpinemorphError(f"{path}: cannot be read: {fault.strerror}") from fault
        except ValueError as fault:
            raise SpinemorphError(f"{path}: not valid JSON: {fault}") from fault
        return _merge(cls(), changes, str(path))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    def digest(self) -> str:
        """SHA-256 of the full settings: stands beside every figure made with them.

        A setting that came later does not count where it is neutral, that is, where the same seed
        gives the same film as before: a frozen distribution keeps its hash.
        """
        counted = json.dumps(_counted(self), indent=1, sort_keys=True)
        return hashlib.sha256(counted.encode()).hexdigest()


def _counted(value: Any) -> dict[str, Any]:
    """Every setting but those at their neutral value, nested as in the JSON."""
    found = {}
    for item in fields(value):
        own = getattr(value, item.name)
        if "neutral" not in item.metadata or own != item.metadata["neutral"]:
            found[item.name] = _counted(own) if is_dataclass(own) else own
    return found


def _merge(value: Any, changes: Any, where: str) -> Any:
    if not isinstance(changes, Mapping):
        raise SpinemorphError(f"{where}: expected an object of settings, got {changes!r}")
    known = {item.name: getattr(value, item.name) for item in fields(value)}
    update = {}
    for name, change in changes.items():
        if name not in known:
            raise SpinemorphError(
                f"{where}: unknown setting {name!r}; known: {', '.join(sorted(known))}"
            )
        if is_dataclass(known[name]):
            update[name] = _merge(known[name], change, f"{where}: {name}")
        elif isinstance(known[name], tuple):
            if not isinstance(change, list) or len(change) != len(known[name]):
                raise SpinemorphError(
                    f"{where}: {name} needs a list of {len(known[name])} values, got {change!r}"
                )
            update[name] = tuple(change)
        elif isinstance(change, type(known[name])) or (
            isinstance(known[name], float) and isinstance(change, int)
        ):
            update[name] = change
        else:
            raise SpinemorphError(f"{where}: {name} cannot be {change!r}")
    return replace(value, **update)
