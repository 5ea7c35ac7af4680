"""Pure geometry on corners in anatomical axes (x anterior, y cranial).

Every array of corners is (..., 4, 2) in the order of :data:`spinemorph.anatomy.CORNERS`; the leading
axes are free (draws, levels, films) and NaN stays NaN. Angles in degrees, lengths in the unit of
the coordinates.
"""

from __future__ import annotations

import numpy as np

from spinemorph.types import FloatArray

SUPERIOR_ANTERIOR, SUPERIOR_POSTERIOR, INFERIOR_ANTERIOR, INFERIOR_POSTERIOR = range(4)


def distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Euclidean distance between points (..., 2)."""
    return np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1])


def unit(vector: FloatArray) -> FloatArray:
    """Unit vectors of (..., 2)."""
    return vector / np.hypot(vector[..., 0], vector[..., 1])[..., None]


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products along the last axis."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


def perpendicular(vector: FloatArray) -> FloatArray:
    """(..., 2) turned by 90 degrees from anterior to cranial."""
    return np.stack([-vector[..., 1], vector[..., 0]], axis=-1)


def superior_direction(corners: FloatArray) -> FloatArray:
    """From the posterior to the anterior end of the superior endplate."""
    return corners[..., SUPERIOR_ANTERIOR, :] - corners[..., SUPERIOR_POSTERIOR, :]


def inferior_direction(corners: FloatArray) -> FloatArray:
    """From the posterior to the anterior end of the inferior endplate."""
    return corners[..., INFERIOR_ANTERIOR, :] - corners[..., INFERIOR_POSTERIOR, :]


def opening_angle(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Angle between two directions (..., 2) that point forward, positive when open anteriorly."""
    return signed_angle(lower, upper)


def lordosis(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Superior endplate of ``upper`` against superior endplate of ``lower`` (Cobb on endplates)."""
    return opening_angle(superior_direction(upper), superior_direction(lower))


def lordosis_to_inferior(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Superior endplate of ``upper`` against inferior endplate of ``lower``."""
    return opening_angle(superior_direction(upper), inferior_direction(lower))


def disc_angle(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """The two endplates that face the disc; positive when the disc is taller in front."""
    return opening_angle(inferior_direction(upper), superior_direction(lower))


def wedge_angle(corners: FloatArray) -> FloatArray:
    """Superior against inferior endplate of one body; positive when taller in front."""
    return opening_angle(superior_direction(corners), inferior_direction(corners))


def sacral_slope(sacrum: FloatArray) -> FloatArray:
    """S1 endplate against the horizontal; positive when the anterior end is lower (Legaye 1998)."""
    direction = superior_direction(sacrum)
    return -np.degrees(np.arctan2(direction[..., 1], direction[..., 0]))


def endplate_middle(corners: FloatArray) -> FloatArray:
    """Middle of the superior endplate line, (..., 2)."""
    return 0.5 * (corners[..., SUPERIOR_ANTERIOR, :] + corners[..., SUPERIOR_POSTERIOR, :])


def pelvic_incidence(sacrum: FloatArray, hip: FloatArray) -> FloatArray:
    """Normal of the S1 endplate at its middle to the line to the hip axis (Legaye 1998).

    ``hip``: (..., 2). Equals sacral slope plus pelvic tilt; needs no vertical.
    """
    downward = -perpendicular(superior_direction(sacrum))
    return signed_angle(downward, hip - endplate_middle(sacrum))


def pelvic_tilt(sacrum: FloatArray, hip: FloatArray) -> FloatArray:
    """Vertical to the line from the hip axis to the middle of the S1 endplate; positive when the
    endplate lies behind the hip axis (Legaye 1998).
    """
    away = hip - endplate_middle(sacrum)
    return np.degrees(np.arctan2(away[..., 0], -away[..., 1]))


def l1_pelvic_angle(l1: FloatArray, sacrum: FloatArray, hip: FloatArray) -> FloatArray:
    """Angle at the hip axis from the middle of the S1 endplate to the centre of L1; positive when
    L1 lies in front.
    """
    return -signed_angle(endplate_middle(sacrum) - hip, l1.mean(axis=-2) - hip)


def signed_angle(first: FloatArray, second: FloatArray) -> FloatArray:
    """Degrees that turn ``first`` (..., 2) into ``second``, positive from anterior to cranial."""
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return np.degrees(np.arctan2(cross, dot(first, second)))


def vertebral_heights(corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Anterior and posterior height: distance between the corners of each wall."""
    return (
        distance(corners[..., SUPERIOR_ANTERIOR, :], corners[..., INFERIOR_ANTERIOR, :]),
        distance(corners[..., SUPERIOR_POSTERIOR, :], corners[..., INFERIOR_POSTERIOR, :]),
    )


def vertebral_depths(corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Length of the superior and of the inferior endplate line."""
    return (
        distance(corners[..., SUPERIOR_ANTERIOR, :], corners[..., SUPERIOR_POSTERIOR, :]),
        distance(corners[..., INFERIOR_ANTERIOR, :], corners[..., INFERIOR_POSTERIOR, :]),
    )


def disc_normal(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Cranial unit normal of the disc: of the bisector of the two endplates that face it."""
    bisector = unit(inferior_direction(upper)) + unit(superior_direction(lower))
    return perpendicular(unit(bisector))


def disc_heights(upper: FloatArray, lower: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Anterior and posterior height of the disc.

    Distance of the facing corners along the normal of the disc's bisector, so that a slip does not
    count as height. Negative when the corners overlap.
    """
    normal = disc_normal(upper, lower)
    anterior = upper[..., INFERIOR_ANTERIOR, :] - lower[..., SUPERIOR_ANTERIOR, :]
    posterior = upper[..., INFERIOR_POSTERIOR, :] - lower[..., SUPERIOR_POSTERIOR, :]
    return dot(anterior, normal), dot(posterior, normal)


def disc_height_middle(
    upper: FloatArray,
    lower: FloatArray,
    upper_inferior_middle: FloatArray,
    lower_superior_middle: FloatArray,
) -> FloatArray:
    """Distance of the middles of the two facing endplates (on the contour), along the same normal."""
    return dot(upper_inferior_middle - lower_superior_middle, disc_normal(upper, lower))


def mid_plane(corners: FloatArray) -> FloatArray:
    """Direction of the mid-plane: through the midpoints of the posterior and anterior wall."""
    anterior = corners[..., SUPERIOR_ANTERIOR, :] + corners[..., INFERIOR_ANTERIOR, :]
    posterior = corners[..., SUPERIOR_POSTERIOR, :] + corners[..., INFERIOR_POSTERIOR, :]
    return 0.5 * (anterior - posterior)


def bisectrix(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Unit vector of the bisector of two mid-planes, toward the front (Frobin 1997)."""
    return unit(unit(mid_plane(upper)) + unit(mid_plane(lower)))


def disc_height_frobin(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Ventral disc height over the mean depth of the cranial body (Frobin 1997), uncorrected.

    The facing anterior corners, measured perpendicular to the bisector of the two mid-planes.
    """
    normal = perpendicular(bisectrix(upper, lower))
    ventral = dot(upper[..., INFERIOR_ANTERIOR, :] - lower[..., SUPERIOR_ANTERIOR, :], normal)
    superior, inferior = vertebral_depths(upper)
    return ventral / (0.5 * (superior + inferior))


def displacement_frobin(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Dorsoventral displacement over the mean depth of the cranial body (Frobin 1997), uncorrected.

    Distance of the centres of the two bodies along the bisector of their mid-planes; positive when
    the upper body is anterior.
    """
    superior, inferior = vertebral_depths(upper)
    offset = dot(upper.mean(axis=-2) - lower.mean(axis=-2), bisectrix(upper, lower))
    return offset / (0.5 * (superior + inferior))


def slip(upper: FloatArray, lower: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slip as a length, and in percent of the lower body's superior endplate (Taillard).

    Offset of the posteroinferior corner of the upper body from the posterosuperior corner of the
    lower one along the superior endplate of the lower one; positive when the upper body is anterior.
    """
    endplate = superior_direction(lower)
    length = np.hypot(endplate[..., 0], endplate[..., 1])
    offset = dot(
        upper[..., INFERIOR_POSTERIOR, :] - lower[..., SUPERIOR_POSTERIOR, :], unit(endplate)
    )
    return offset, 100.0 * offset / length


def orientation(corners: FloatArray) -> FloatArray:
    """Twice the signed area of the quadrilateral; positive for a properly ordered body."""
    ring = corners[
        ..., [SUPERIOR_ANTERIOR, SUPERIOR_POSTERIOR, INFERIOR_POSTERIOR, INFERIOR_ANTERIOR], :
    ]
    following = np.roll(ring, -1, axis=-2)
    cross = ring[..., 0] * following[..., 1] - ring[..., 1] * following[..., 0]
    return cross.sum(axis=-1)
