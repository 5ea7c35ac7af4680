"""Every flag and reason code with its plain words: the one place that reports and docs read."""

from __future__ import annotations

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
    "facing_disagrees": "The side the patient faces on the film disagrees with the header.",
    "facing_unknown": "The side the patient faces could not be determined.",
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
    # measurement
    "vertical_untrusted": "The vertical of the image is not known: slope against the horizontal is uncertain.",
    "implausible": "The value is outside what is anatomically possible and was withheld.",
    "implant_unclear": "The outline of this implant has no clear axis.",
    "no_walls": "The front and back of S1 are not known, and this measure needs them.",
    "cage_outside_disc": "A cage reaches past the front or the back of its disc space.",
    "screw_outside_body": "The tip of a screw lies outside its body on this film.",
    "implant_hides": "An implant hides this part.",
    "no_femoral_heads": "The femoral heads are not known: give their centres to get pelvic incidence and tilt.",
    "femoral_heads_given": "The centres of the femoral heads were given by hand.",
    "one_femoral_head": "Only one femoral head is known: it stands for the hip axis.",
    "lordosis_too_small": "There is too little lordosis to say how it is distributed.",
    "uncorrected_angle": "This value is not corrected for the angle of the segment.",
    "no_mid_plane": "The mid-plane of S1 is not known, and this measure needs it.",
    "no_disc_space": "The two bodies touch or overlap on the film: there is no space between them.",
    "no_neighbour": "No disc beside this one was measured.",
    "no_matching_reference": "No published value was measured in the same way and on the same scale.",
    "scales_differ": "The two films have different kinds of millimetres: lengths cannot be compared.",
    "backward_slip_has_no_grade": "A backward slip has no grade: see its percent.",
}
