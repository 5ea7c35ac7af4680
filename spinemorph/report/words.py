"""Every word of the reports in one place."""

from __future__ import annotations

from typing import Final

TITLE: Final = "Lateral lumbar spine: morphometry"
NOTICE: Final = "Research use only. Not a medical device."
PATIENT: Final = {
    "patient_id": "Patient ID",
    "patient_name": "Name",
    "birth_date": "Born",
    "sex": "Sex",
    "study_date": "Study",
    "body_position": "Position",
}
UNKNOWN: Final = "not given"
KEY_VALUES: Final = "Key values"
SEGMENTS: Final = "Motion segments"
BODIES: Final = "Vertebral bodies"
FLAGS: Final = "Please note"
NO_FLAGS: Final = "No quality flags."
NO_FINDINGS: Final = "Nothing was measured on this film."
DEFINITIONS: Final = "Definitions and sources"
MISSING: Final = "Why values are missing"
OUTSIDE: Final = "\u25b2"
NONE: Final = "\u2013"
NAMES: Final = {
    "lumbar_lordosis": "Lumbar lordosis",
    "lumbar_lordosis_l1_l5": "Lordosis L1\u2013L5",
    "lower_lordosis": "Lower lordosis",
    "lordosis_distribution_index": "Distribution index",
    "sacral_slope": "Sacral slope",
}
SCALE: Final = {
    "user": "Millimetres: pixel size given by the user.",
    "calibrated": "Millimetres: calibrated on the film.",
    "estimated": "Millimetres: corrected by an estimated magnification.",
    "detector": "Millimetres at the detector, larger than in the patient.",
    "unknown": "Millimetres of unknown origin; they may be wrong.",
    None: "No pixel size: angles and ratios only, no millimetres.",
}
UNITS: Final = {"deg": "\u00b0", "mm": " mm", "%": " %", "1": ""}
LEGEND: Final = (
    f"{OUTSIDE} outside the published range of healthy adults (mean \u00b1 2 SD or as printed). "
    "In brackets: 95 % interval of this measurement."
)
