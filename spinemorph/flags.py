"""Every flag and reason code with its plain words: the one place that reports and docs read."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

FLAGS: Final[dict[str, str]] = {
    # scale
    "no_pixel_spacing": "The film carries no pixel size: no lengths in millimetres.",
    "detector_scale": "Millimetres are at the detector and larger than in the patient.",
    "invalid_pixel_spacing": "A pixel size, distance or magnification in the header was impossible and was ignored.",
    "unknown_scale": "The pixel size in the header is of unknown origin: millimetres may be wrong.",
    "estimated_scale": "Millimetres are corrected by an estimated magnification.",
    "magnification_underestimated": "The magnification was taken from distances that end at the table: true lengths are smaller.",
    # view and facing
    "not_lateral_lumbar": "This does not look like a lateral film of the lumbar spine: nothing was measured.",
    "no_bodies": "No vertebral body was found.",
    "view_disagrees": "The header says that this is a frontal view.",
    "view_unchecked": "This model does not tell whether the film is a lateral lumbar one.",
    "facing_disagrees": "The side the patient faces on the film disagrees with the header.",
    "facing_unknown": "The side the patient faces could not be determined.",
    "second_column": "There is a second spine on this picture: only the one that is drawn was measured. Make each film a file of its own.",
    "polarity_inverted": "The film was shown with dark bone and has been inverted.",
    # numbering
    "no_sacrum": "The sacrum is not in the picture or was not found: bodies are not numbered.",
    "several_sacra": "More than one candidate for the sacrum was found.",
    "numbering_uncertain": "The numbering of the levels is uncertain: check it before using any value.",
    "possible_l6": "There may be six lumbar bodies.",
    "possible_four_lumbar": "There may be only four lumbar bodies.",
    "gap_in_column": "A body seems to be missing in the column.",
    "body_replaced": "An implant stands for a body: its level is counted, and nothing of it is measured.",
    "gap_refilled": "A weakly seen body was accepted to close a gap in the column.",
    "extra_body_removed": "A second outline of the same body was removed.",
    "level_not_found": "This level was not found on the film.",
    # bodies
    "corner_uncertain": "A corner of this body is poorly seen.",
    "double_contour": "The body is rotated: its endplates show twice and the mid-line is used.",
    "cut_by_edge": "The body reaches the edge of the picture.",
    "low_score": "The body is weakly seen.",
    "column_incomplete": "Not every body from L1 to S1 was found on the film.",
    "column_cut": "The edge of the picture cuts through the column.",
    # what the film shows of the column
    "washed_out": "Much of the column is burnt out: black or white without detail.",
    "low_contrast": "The column hardly stands out: bone and soft tissue look alike.",
    "blurred": "The edges of the bodies are blurred.",
    "oblique_projection": "The spine is rotated against the beam: most endplates show twice.",
    # implants
    "implants_present": "There are implants on the film.",
    "fused_segment": "Implants hold this segment: its disc is no longer a disc that narrows.",
    # measurement
    "vertical_untrusted": "The vertical of the image is not known: slope against the horizontal is uncertain.",
    "implausible": "The value is outside what is anatomically possible and was withheld.",
    "implant_unclear": "The outline of this implant has no clear axis, or the head of a screw is all that is seen.",
    "no_walls": "The front and back of S1 are not known, and this measure needs them.",
    "cage_outside_disc": "A cage reaches past the front or the back of its disc space.",
    "screw_outside_body": "The tip of a screw lies outside its body on this film.",
    "implant_hides": "An implant hides this part.",
    "no_femoral_heads": "The femoral heads are not known: give their centres to get pelvic incidence and tilt.",
    "femoral_heads_given": "The centres of the femoral heads were given by hand.",
    "one_femoral_head": "Only one femoral head is known: it stands for the hip axis.",
    "no_normal_shape": "No published normal shape of this level is known.",
    "no_sound_neighbour": "There is no undeformed body beside this one to compare it with.",
    "lordosis_too_small": "There is too little lordosis to say how it is distributed.",
    "uncorrected_angle": "This value is not corrected for the angle of the segment.",
    "no_mid_plane": "The mid-plane of S1 is not known, and this measure needs it.",
    "no_disc_space": "The two bodies touch or overlap on the film: there is no space between them.",
    "no_neighbour": "No disc beside this one was measured.",
    "no_matching_reference": "No published value was measured in the same way and on the same scale.",
    "scales_differ": "The two films have different kinds of millimetres: lengths cannot be compared.",
    "backward_slip_has_no_grade": "A backward slip has no grade: see its percent.",
    # comparison of films
    "date_unknown": "A film carries no date: the order given stands.",
    "reordered_by_date": "The films were put into the order of their dates.",
    "same_date": "Films of one day: their order is the one given.",
    "same_film": "The same film was given twice.",
    "patient_id_differs": "The films carry different patient IDs.",
    "patient_id_unknown": "A film carries no patient ID: identity was not checked by it.",
    "birth_date_differs": "The films carry different birth dates.",
    "birth_date_unknown": "A film carries no birth date: identity was not checked by it.",
    "mirrored": "The patient faces the other side on this film: it was mirrored.",
    "field_of_view_differs": "The films do not show the same levels.",
    "load_differs": "The films were taken under different load (standing, sitting, lying).",
    "load_unknown": "The header does not tell whether the patient stood or lay.",
    "bend_differs": "The films were taken in different flexion or extension.",
    "oblique_film": "The film is oblique: most bodies show double contours.",
    "proportions_differ": "Unchanged bodies have other proportions on this film: oblique view or a wrong pixel size.",
    "not_numbered": "The levels of this film are not numbered.",
    "numbering_withheld": "The numbering of this film is uncertain: nothing is compared by level.",
    "numbering_disagrees": "The shapes of the bodies say that this film is numbered one level off: check it, or compare again with --renumber.",
    "renumbered": "The levels of this film were moved to fit the shapes of the bodies.",
    "scale_missing": "A film carries no pixel size: ratios and angles only.",
    "scale_basis_differs": "The millimetres of the films have different origins.",
    "scale_not_comparable": "The millimetres of the films cannot be compared.",
    "scales_disagree": "The claimed scales contradict the depths of unchanged bodies.",
    "rescaled_by_bodies": "Lengths were brought to one scale by the depths of bodies that surgery left alone.",
    "no_interval": "The measure has no interval: its error is not known.",
    "not_measured": "This was measured on one of the films only.",
    "no_millimetre_class": "No class in millimetres: the scale is not that of the patient.",
}

#: The one place that says what a flag forbids. The flag stands on the film, a body or a segment; a measure
#: that depends on it and whose name fits a pattern has no value, and the flag is its reason. ``*``: every
#: measure that names a level. The first flag in this order is the reason.
FORBIDS: Final[Mapping[str, tuple[str, ...]]] = {
    "no_sacrum": ("*",),
    "numbering_uncertain": ("*",),
    "facing_unknown": ("*",),
    "body_replaced": ("*",),
    "implant_hides": ("vertebral_height_middle", "disc_area", "genant_*", "osteophyte_*"),
    "fused_segment": ("disc_narrowing_*",),
    "cut_by_edge": ("disc_area", "osteophyte_*", "genant_*"),
    "oblique_projection": ("disc_area",),
    "washed_out": ("osteophyte_*",),
    "blurred": ("osteophyte_*",),
}
#: Units that need a scale: on a film without one no measure has them.
FORBIDDEN_WITHOUT_SCALE: Final = ("mm", "mm2")


def forbids(flag: str, name: str) -> bool:
    """Whether a measure of that name has no value where ``flag`` stands."""
    return any(fnmatchcase(name, pattern) for pattern in FORBIDS.get(flag, ()))
