"""Every word of the reports in one place."""

from __future__ import annotations

from typing import Final

TITLE: Final = "Lateral lumbar spine: morphometry"
NOTICE: Final = "Research use only. Not a medical device."
LANGUAGE: Final = "en"
PATIENT: Final = {
    "patient_id": "Patient ID",
    "patient_name": "Name",
    "birth_date": "Born",
    "sex": "Sex",
    "study_date": "Film of",
    "body_position": "Position",
}
SEX: Final = {"M": "male", "F": "female", "O": "other"}
AGE: Final = "{date} ({years} y)"
UNKNOWN: Final = "not given"
KEY_VALUES: Final = "Key values"
SEGMENTS: Final = "Motion segments"
SEGMENTS_MORE: Final = "Motion segments, further measures"
BODIES: Final = "Vertebral bodies"
OTHERS: Final = "Further measures"
FLAGS: Final = "Please note"
FLAGS_ALL: Final = "Please note, all remarks"
MORE_FLAGS: Final = "{count} more on the next page."
NO_FLAGS: Final = "The automatic checks raised nothing. Look at the outlines all the same."
STOP: Final = "Do not use without checking"
NO_FINDINGS: Final = "Nothing was measured on this film."
NO_FINDINGS_WHY: Final = "No value is given, and none was estimated in its place. Reasons:"
DEFINITIONS: Final = "Definitions and sources"
MISSING: Final = "Why values are missing"
BASIS: Final = "Scale and numbering"
HIGH, LOW = "\u25b2", "\u25bc"
NONE: Final = "\u2013"
PAGE: Final = "Page {page}"
NAMES: Final = {
    "lumbar_lordosis": "Lumbar lordosis",
    "lumbar_lordosis_l1_l5": "Lordosis L1\u2013L5",
    "lower_lordosis": "Lower lordosis",
    "lordosis_distribution_index": "Distribution index",
    "sacral_slope": "Sacral slope",
    "disc_height_dabbs": "Disc height, Dabbs",
    "disc_height_farfan": "Disc height, Farfan",
    "disc_height_frobin": "Disc height, Frobin",
}
SCALE: Final = {
    "user": "Millimetres: pixel size given by the user.",
    "calibrated": "Millimetres: calibrated on the film.",
    "estimated": "Millimetres: corrected by an estimated magnification.",
    "detector": "Millimetres at the detector, larger than in the patient.",
    "unknown": "Millimetres of unknown origin; they may be wrong.",
    None: "No pixel size: angles and ratios only, no millimetres.",
}
PIXEL: Final = "Pixel {row} \u00d7 {column} mm (row \u00d7 column)."
BAR: Final = {
    "user": "{length} mm",
    "calibrated": "{length} mm",
    "estimated": "{length} mm, estimated",
    "detector": "{length} mm at the detector",
    "unknown": "{length} mm, uncertain",
}
NUMBERED: Final = "Levels counted upward from the sacrum; confidence {confidence}\u00a0%."
NOT_NUMBERED: Final = "The bodies are not numbered."
ALTERNATIVE: Final = "Alternative, {probability}\u00a0%: {reason}."
FACING: Final = {
    "left": "The patient faces left on the film.",
    "right": "The patient faces right on the film.",
    None: "The side the patient faces is not known.",
}
FRONT, BACK = "anterior", "posterior"
UNITS: Final = {"deg": "\u00b0", "mm": "\u00a0mm", "mm2": "\u00a0mm\u00b2", "%": "\u00a0%", "1": ""}
UNNUMBERED: Final = "unnumbered body"
INTERVAL: Final = "95 %: {low} to {high}"
RANGE: Final = "{low}\u2013{high}{unit}"
LEGEND: Final = {
    "contour": "outline",
    "superior": "upper endplate",
    "inferior": "lower endplate",
    "cobb": "lumbar lordosis",
    "implant": "implant",
}
DASHED: Final = "Dashed: poorly seen."
PART: Final = "Part of the film (see small picture), contrast adapted."
WHOLE: Final = "Whole film, contrast adapted."
MARKS: Final = (
    f"{HIGH} above, {LOW} below the published range of healthy adults (mean \u00b1 2 SD or as "
    "printed; grey band). Small figures: 95 % interval of this measurement."
)
PROVENANCE: Final = (
    "spinemorph {spinemorph} \u00b7 segmenter {segmenter} \u00b7 weights {weights} \u00b7 "
    "{device} \u00b7 analysed {date} \u00b7 film {file} (SHA-256 {hash})"
)
DEFINITION: Final = "{name}: {text}."
RANGE_SOURCE: Final = "Range of {name}: {population}. {source}."
SEGMENT_COLUMNS: Final = {
    "disc_angle": "angle \u00b0",
    "disc_height_anterior": "ant. mm",
    "disc_height_middle": "mid. mm",
    "disc_height_posterior": "post. mm",
    "slip_percent": "slip %",
    "slip_grade": "grade",
}
#: In place of the heights where the film has no scale.
SEGMENT_COLUMNS_UNSCALED: Final = {
    "disc_angle": "angle \u00b0",
    "disc_height_index": "height index",
    "disc_height_farfan": "Farfan",
    "slip_percent": "slip %",
    "slip_grade": "grade",
}
SEGMENT_COLUMNS_MORE: Final = {
    "segmental_lordosis": "lordosis \u00b0",
    "disc_height_index": "height index",
    "disc_height_dabbs": "Dabbs mm",
    "disc_height_farfan": "Farfan",
    "disc_height_frobin": "Frobin",
    "slip": "slip mm",
}
BODY_COLUMNS: Final = {
    "vertebral_height_anterior": "Ha mm",
    "vertebral_height_middle": "Hm mm",
    "vertebral_height_posterior": "Hp mm",
    "height_ratio_wedge": "Ha/Hp",
    "height_ratio_biconcave": "Hm/Hp",
    "height_ratio_crush": "crush ratio",
    "vertebral_wedge": "wedge \u00b0",
    "vertebral_depth_superior": "depth sup. mm",
    "vertebral_depth_inferior": "depth inf. mm",
}


def readable(name: str) -> str:
    """``vertebral_wedge`` as ``Vertebral wedge``, unless it has a name of its own."""
    words = name.replace("_", " ")
    return NAMES.get(name) or words[:1].upper() + words[1:]
