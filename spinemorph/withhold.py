"""Quality control has the last word: what a flag forbids leaves no number behind.

The flags and what they forbid stand in :data:`spinemorph.flags.FORBIDS`; this holds for measures of every
plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from spinemorph.flags import FORBIDDEN_WITHOUT_SCALE, FORBIDS, forbids
from spinemorph.types import Measurement

#: Flags of a level (one name) or of a segment (two, from above downward).
LevelFlags = Mapping[tuple[str, ...], tuple[str, ...]]


def withheld(
    measurements: Iterable[Measurement],
    film_flags: Iterable[str],
    level_flags: LevelFlags,
    *,
    scaled: bool,
) -> tuple[Measurement, ...]:
    """The measurements without what the flags of the film, of their bodies and segments forbid.

    Flags of a level or segment also stand beside every measurement of it. ``scaled``: the film has a
    scale. A body that an implant stands for is the reason where its level was not found.
    """
    film = tuple(film_flags)
    return tuple(_checked(item, film, level_flags, scaled) for item in measurements)


def flags_of(levels: tuple[str, ...], level_flags: LevelFlags) -> tuple[str, ...]:
    """Flags of every level in ``levels`` and of the segment that they name, each once."""
    found = [flag for level in levels for flag in level_flags.get((level,), ())]
    if len(levels) > 1:
        found += level_flags.get(levels, ())
    return tuple(dict.fromkeys(found))


def _checked(
    item: Measurement, film: tuple[str, ...], level_flags: LevelFlags, scaled: bool
) -> Measurement:
    if not item.levels:
        return item
    own = flags_of(item.levels, level_flags)
    flags = tuple(dict.fromkeys((*item.flags, *own)))
    if item.value is None:
        replaced = item.reason == "level_not_found" and "body_replaced" in own
        return replace(item, flags=flags, reason="body_replaced" if replaced else item.reason)
    reason = next(
        (code for code in FORBIDS if code in (*film, *own) and forbids(code, item.name)), None
    )
    if reason is None and item.unit in FORBIDDEN_WITHOUT_SCALE and not scaled:
        reason = "no_pixel_spacing"
    if reason is None:
        return replace(item, flags=flags)
    return replace(item, value=None, label=None, interval95=None, flags=flags, reason=reason)
