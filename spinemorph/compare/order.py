"""Whose films these are, and in which order they were taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from spinemorph.compare.types import Check
from spinemorph.errors import UsageError
from spinemorph.types import Source, Study


def date_of(source: Source) -> str | None:
    """The day a film was taken, ISO; None where the header tells none that can be read."""
    for text in (source.acquired_at, source.study_date):
        try:
            return dt.date.fromisoformat((text or "")[:10]).isoformat()
        except ValueError:
            continue
    return None


def in_order(studies: Sequence[Study]) -> tuple[list[int], list[Check]]:
    """Places among the arguments in the order of time, and what is to be said about it.

    A film without a date leaves the order as it was given. Films of one day go by their time where all
    have one.
    """
    given = list(range(len(studies)))
    dates = [date_of(study.source) for study in studies]
    unknown = tuple(i for i in given if dates[i] is None)
    if unknown:
        return given, [Check("date_unknown", unknown)]

    def moment(i: int) -> tuple[str, str]:
        taken = studies[i].source.acquired_at or ""
        same_day = taken.startswith(dates[i] or "-")
        return dates[i] or "", taken[11:] if same_day and timed else ""

    timed = all("T" in (study.source.acquired_at or "") for study in studies)
    order = sorted(given, key=moment)
    checks = []
    if order != given:
        checks.append(Check("reordered_by_date", tuple(given)))
    same = [k for k in given[1:] if moment(order[k]) == moment(order[k - 1])]
    if same:
        pairs = tuple(sorted({place for k in same for place in (k - 1, k)}))
        checks.append(Check("same_date", pairs))
    return order, checks


def same_patient(studies: Sequence[Study], *, allowed: bool) -> list[Check]:
    """What is known of the identity; UsageError where it differs and is not ``allowed`` to.

    An ID or birth date that one film lacks cannot differ; it is said.
    """
    checks = []
    everyone = tuple(range(len(studies)))
    for name, words in (("patient_id", "patient IDs"), ("birth_date", "birth dates")):
        values = [_plain(getattr(study.source, name)) for study in studies]
        known = {value for value in values if value}
        if len(known) > 1:
            if not allowed:
                raise UsageError(
                    f"the films have {len(known)} different {words}: are they of one patient? "
                    "--other-patient compares them all the same"
                )
            checks.append(Check(f"{name}_differs", everyone, ", ".join(sorted(known))))
        elif None in values or "" in values:
            missing = tuple(i for i, value in enumerate(values) if not value)
            checks.append(Check(f"{name}_unknown", missing))
    return checks


def _plain(value: str | None) -> str | None:
    return value.strip().casefold() if value else None
