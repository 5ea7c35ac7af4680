"""Frozen values of a comparison; films are counted from 0 in the order of their dates."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

from spinemorph.types import FloatArray, Radiograph, Study, frozen_array

Verdict = Literal["changed", "within_error", "not_comparable"]
VERDICTS: Final = ("changed", "within_error", "not_comparable")
#: Chance that a comparison without any true change calls anything changed.
ALPHA: Final = 0.05


@dataclass(frozen=True)
class CompareOptions:
    """What the caller may choose.

    ``surgery``: day of surgery, ISO; without it the first film with an implant stands for it.
    ``other_patient``: compare although patient ID or birth date differ; it is said on every page.
    ``renumber``: take over the numbering that the shapes of the bodies ask for.
    """

    surgery: str | None = None
    other_patient: bool = False
    renumber: bool = False
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if self.surgery is not None:
            dt.date.fromisoformat(self.surgery)
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {self.alpha}")


@dataclass(frozen=True)
class Check:
    """Something found about the films: ``code`` of :data:`spinemorph.flags.FLAGS`, the films that it
    is about, and the words for people with what it forbids. ``detail``: what was found.
    """

    code: str
    films: tuple[int, ...]
    detail: str = ""


@dataclass(frozen=True)
class Value:
    """A measurement of one film as the comparison uses it, in the scale of the reference film."""

    value: float | None
    interval95: tuple[float, float] | None = None
    label: str | None = None
    reason: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """The smallest change that can be told from error, in the unit of the measure.

    ``propagated``: 1.96 standard errors of this difference; ``published``: of readers, with its
    source and how it was derived; ``value``: the larger one.
    """

    value: float
    propagated: float
    published: float | None = None
    source: str | None = None


@dataclass(frozen=True)
class Change:
    """One measure of two films with its verdict; ``film`` against ``reference``.

    ``difference`` is film less reference with its own 95 % interval; ``p`` the probability of such
    a difference without any change, corrected for everything the report tests. ``reasons``: why the
    verdict is ``not_comparable``. ``primary``: opens the door for the other measures of its place.
    """

    name: str
    levels: tuple[str, ...]
    unit: str
    definition: str
    reference: int
    film: int
    before: Value
    after: Value
    verdict: Verdict
    difference: float | None = None
    interval95: tuple[float, float] | None = None
    p: float | None = None
    limit: Limit | None = None
    site: str | None = None
    instance: str | None = None
    primary: bool = False
    label: str | None = None
    flags: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"unknown verdict {self.verdict!r}")
        if (self.verdict == "not_comparable") != bool(self.reasons):
            raise ValueError(
                f"{self.name}: reasons belong to what is not comparable, and to nothing else"
            )


@dataclass(frozen=True)
class ImplantEvent:
    """An implant that is new on ``film`` or no longer found there, against the film before.

    ``only_after``, ``only_before``: seen on one film alone, with no other at its level or beside implants
    that both films show: it may have been missed on one, or mistaken on the other.
    """

    kind: Literal["appeared", "vanished", "only_after", "only_before"]
    category: str
    levels: tuple[str, ...]
    film: int
    score: float


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where ``film`` lies on film 0: ``matrix`` (2, 3) takes its x, y in pixels to those of film 0.

    ``scale``: size of its square pixels in those of film 0, with the standard error of its
    logarithm; ``rotation`` in degrees; ``levels``: bodies left alone by surgery that it rests on;
    ``residual``: root mean square distance of their corners, in square pixels of film 0.
    """

    film: int
    matrix: FloatArray
    scale: float
    rotation: float
    mirrored: bool
    levels: tuple[str, ...]
    residual: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen_array(self.matrix, float, (2, 3), "matrix"))


@dataclass(frozen=True)
class Scale:
    """How millimetres of ``film`` become those of film 0: ``factor`` and standard error of its
    logarithm. ``basis``: ``same`` (both trusted, taken as they are), ``bodies`` (by the depth of bodies
    left alone by surgery), ``none`` (no millimetres to compare).
    """

    film: int
    basis: Literal["same", "bodies", "none"]
    factor: float = 1.0
    error: float = 0.0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparedFilm:
    """One film: ``given`` its place among the arguments, ``shift`` steps its levels were moved upward."""

    given: int
    date: str | None
    days_since_surgery: int | None = None
    shift: int = 0


@dataclass(frozen=True)
class Surgery:
    """Day of surgery, and whether it was given or taken from the first film with an implant."""

    date: str
    basis: Literal["given", "first_implant"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that two or more films of one patient tell; the value behind comparison.json.

    ``studies`` and ``radiographs`` (None where the film is absent) in the order of ``films``.
    """

    studies: tuple[Study, ...]
    radiographs: tuple[Radiograph | None, ...]
    films: tuple[ComparedFilm, ...]
    checks: tuple[Check, ...]
    changes: tuple[Change, ...]
    events: tuple[ImplantEvent, ...]
    alignments: tuple[Alignment, ...]
    scales: tuple[Scale, ...]
    summary: tuple[str, ...]
    options: CompareOptions
    surgery: Surgery | None = None

    def of(self, film: int) -> tuple[Change, ...]:
        """The changes of one film."""
        return tuple(change for change in self.changes if change.film == film)
