"""Who and what a DICOM film shows, as plain text: :class:`~spinemorph.types.Source` and facing.

Values are patient data: they go into the Source and nowhere else, never into a message or a log.
"""

from __future__ import annotations

import math
import re
from collections.abc import MutableSequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from spinemorph.types import Facing, Source

#: PatientPosition (0018,5100): the last letters say how the patient lies or stands.
_POSITIONS: Final = {"S": "supine", "P": "prone", "DR": "decubitus right", "DL": "decubitus left"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST_TEXT: Final = 256


def source_of(path: Path, sha256: str, dataset: Any) -> Source:
    """The Source of a pydicom dataset; what is absent or cannot be understood is None."""
    return Source(
        file=path.name,
        sha256=sha256,
        patient_id=text(dataset, "PatientID"),
        patient_name=text(dataset, "PatientName"),
        birth_date=iso_date(text(dataset, "PatientBirthDate")),
        sex=_sex(text(dataset, "PatientSex")),
        study_date=iso_date(text(dataset, "StudyDate")),
        acquired_at=_acquired_at(dataset),
        body_position=_body_position(dataset),
        patient_orientation=_joined(dataset, "PatientOrientation"),
        view_position=text(dataset, "ViewPosition"),
        modality=text(dataset, "Modality"),
        manufacturer=text(dataset, "Manufacturer"),
        institution=text(dataset, "InstitutionName"),
        study_instance_uid=text(dataset, "StudyInstanceUID"),
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        description=text(dataset, "SeriesDescription") or text(dataset, "StudyDescription"),
    )


def facing_of(patient_orientation: str | None) -> Facing | None:
    """The side of the image that the patient's front points to.

    The first value of PatientOrientation is where rows run to (from left to right), as A, P, H,
    F, L, R and combinations, most important first (PS3.3 C.7.6.1.1.1).
    """
    along_rows = (patient_orientation or "").split("\\")[0].strip().upper()
    if along_rows.startswith("A"):
        return "right"
    if along_rows.startswith("P"):
        return "left"
    return None


def values(dataset: Any, keyword: str) -> list[Any] | None:
    """The values of an attribute as a list; None where absent or empty, [] where unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  damaged values raise many things, none of them worth a film
        return []
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, MutableSequence):  # several values, or the items of a sequence
        return list(value) or None
    return [value]


def numbers(dataset: Any, keyword: str) -> tuple[float, ...] | None:
    """The numbers of an attribute; None where absent or empty, NaN for what is not a number."""
    found = values(dataset, keyword)
    if found is None:
        return None
    return tuple(_number(value) for value in found) or (math.nan,)


def text(dataset: Any, keyword: str) -> str | None:
    """The first value of an attribute as clean text, or None."""
    found = values(dataset, keyword)
    return _clean(found[0]) if found else None


def _clean(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    try:
        cleaned = _CONTROL.sub(" ", str(value)).strip()
    except Exception:  # noqa: BLE001  a person name in a damaged character set
        return None
    return cleaned[:_LONGEST_TEXT] or None


def _joined(dataset: Any, keyword: str) -> str | None:
    parts = [_clean(value) for value in values(dataset, keyword) or []]
    return "\\".join(part for part in parts if part) or None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def iso_date(written: str | None) -> str | None:
    """A DICOM date (YYYYMMDD, or YYYY.MM.DD of old files) as YYYY-MM-DD; None if it is none."""
    match = re.fullmatch(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", written or "")
    if not match:
        return None
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError:
        return None


def iso_time(written: str | None) -> str | None:
    """The time of day of a DICOM TM (HHMM[SS[.F]]) as HH:MM:SS; None if it is none."""
    match = re.fullmatch(r"(\d{2}):?(\d{2}):?(\d{2})?(?:\.\d+)?", written or "")
    if not match:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    if hour > 23 or minute > 59 or second > 60:
        return None
    return f"{hour:02}:{minute:02}:{min(second, 59):02}"


def _acquired_at(dataset: Any) -> str | None:
    """Date and time of acquisition, else of the content; the date alone where no time is known."""
    moment = text(dataset, "AcquisitionDateTime")
    if moment:
        day, time = iso_date(moment[:8]), iso_time(re.split(r"[.+-]", moment[8:])[0])
        if day:
            return f"{day}T{time}" if time else day
    for name in ("Acquisition", "Content"):
        day = iso_date(text(dataset, f"{name}Date"))
        if day:
            time = iso_time(text(dataset, f"{name}Time"))
            return datetime.fromisoformat(f"{day}T{time}").isoformat() if time else day
    return None


def _sex(written: str | None) -> str | None:
    letter = (written or "").upper()[:1]
    return letter if letter in ("M", "F", "O") else None


def _body_position(dataset: Any) -> str | None:
    """Erect or recumbent, by code (0054,0410) with its modifier, else from PatientPosition."""
    words = []
    for item in values(dataset, "PatientOrientationCodeSequence") or []:
        words.append(text(item, "CodeMeaning"))
        modifiers = values(item, "PatientOrientationModifierCodeSequence") or []
        words.extend(text(modifier, "CodeMeaning") for modifier in modifiers)
    found = [word.lower() for word in words if word]
    if found:
        return ", ".join(found)
    position = (text(dataset, "PatientPosition") or "").upper()
    return _POSITIONS.get(position[2:]) if position[:2] in ("HF", "FF") else None
