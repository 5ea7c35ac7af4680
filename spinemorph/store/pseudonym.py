"""Pseudonyms: identifiers replaced by a keyed hash (HMAC-SHA256, RFC 2104, FIPS 198-1).

The key is given at run time and never stored; without it a pseudonym leads to nobody, and with it
the same patient is found again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from spinemorph.errors import StoreError, UsageError

#: Bytes that a key needs; 32 random ones are recommended.
SHORTEST: Final = 16
#: What a source keeps as it is: needed to compare films, and no identifier by itself.
KEPT: Final = (
    "sha256",
    "sex",
    "study_date",
    "acquired_at",
    "body_position",
    "patient_orientation",
    "view_position",
    "modality",
    "manufacturer",
)
#: Every other name of a source; all but ``file``, ``patient_id`` and the year of birth become null.
REMOVED: Final = (
    "file",
    "patient_id",
    "patient_name",
    "birth_date",
    "institution",
    "study_instance_uid",
    "sop_instance_uid",
    "description",
)
#: Names of a study.json that are kept; what a later version or a plugin adds is left out.
_DOCUMENT: Final = (
    "schema",
    "source",
    "image",
    "vertebrae",
    "implants",
    "femoral_heads",
    "regions",
    "measurements",
    "flags",
    "numbering",
    "manifest",
)
#: Above this age a year of birth tells too much.
OLDEST: Final = 89
_PSEUDONYM: Final = re.compile(r"ps-[a-z2-7]{26}")


class Key:
    """A secret; it is neither shown nor stored."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST:
            raise UsageError(f"the key is too short: {SHORTEST} bytes at least")
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(...)"

    def patient(self, patient_id: str) -> str:
        """The pseudonym of a patient: 128 bits of the keyed hash."""
        digest = self._digest("patient", patient_name(patient_id))
        return "ps-" + base64.b32encode(digest[:16]).decode().rstrip("=").lower()

    @property
    def check(self) -> str:
        """What a store keeps to refuse another key; it tells nothing of the key."""
        return self._digest("check", "").hex()

    def _digest(self, purpose: str, text: str) -> bytes:
        message = f"spinemorph/store/{purpose}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).digest()


def read_key(file: Path) -> Key:
    """The key in ``file``; white space around it does not count."""
    try:
        return Key(file.read_bytes().strip())
    except OSError as fault:
        raise StoreError(f"key file {file}: cannot be read: {fault.strerror}") from fault


def patient_name(patient_id: str) -> str:
    """A patient ID in the one form that is compared: without padding, Unicode NFC."""
    return unicodedata.normalize("NFC", patient_id.strip(" \0"))


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` has the form of a pseudonym."""
    return _PSEUDONYM.fullmatch(text) is not None


def pseudonymized(document: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """A study.json without what tells whose it is; dates of acquisition stay, and the year of birth."""
    source = document["source"]
    kept = {name: source.get(name) for name in KEPT}
    gone = dict.fromkeys(REMOVED)
    patient = source.get("patient_id")
    gone["patient_id"] = key.patient(patient) if patient else None
    gone["birth_date"] = _year_of_birth(source)
    gone["file"] = _file(source)
    order = {name: None for name in source if name in kept or name in gone}
    result = {name: value for name, value in document.items() if name in _DOCUMENT}
    result["source"] = {**order, **kept, **gone, "pseudonymized": True}
    return result


def _file(source: Mapping[str, Any]) -> str:
    suffix = PurePath(source["file"]).suffix.lower()
    safe = suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""
    return f"film-{source['sha256'][:12]}{safe}"


def _year_of_birth(source: Mapping[str, Any]) -> str | None:
    born = re.match(r"\d{4}", str(source.get("birth_date") or ""))
    taken = re.match(r"\d{4}", str(source.get("acquired_at") or source.get("study_date") or ""))
    if born is None or taken is None or int(taken[0]) - int(born[0]) > OLDEST:
        return None
    return born[0]
