import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.errors import UsageError
from spinemorph.flags import FLAGS
from spinemorph.read.spacing import SpacingHeader, resolve_scale

PIXEL, IMAGER = (0.15, 0.14), (0.2, 0.18)

#: header, basis, spacing, flags: one row for each branch of the rule, most trusted first
BRANCHES = {
    "calibrated by a marker": (
        SpacingHeader(PIXEL, "FIDUCIAL", IMAGER, (1.2,)),
        "calibrated",
        PIXEL,
        (),
    ),
    "calibrated by geometry": (SpacingHeader(PIXEL, "GEOMETRY"), "calibrated", PIXEL, ()),
    "calibrated although equal": (
        SpacingHeader(IMAGER, "GEOMETRY", IMAGER),
        "calibrated",
        IMAGER,
        (),
    ),
    "factor": (
        SpacingHeader(imager_pixel_spacing=IMAGER, magnification=(1.25,)),
        "estimated",
        (0.16, 0.144),
        ("estimated_scale",),
    ),
    "factor before an untyped pixel spacing": (
        SpacingHeader(PIXEL, None, IMAGER, (1.25,)),
        "estimated",
        (0.16, 0.144),
        ("estimated_scale",),
    ),
    "factor before distances": (
        SpacingHeader(None, None, IMAGER, (1.25,), (1000.0,), (500.0,)),
        "estimated",
        (0.16, 0.144),
        ("estimated_scale",),
    ),
    "distances": (
        SpacingHeader(None, None, IMAGER, None, (1250.0,), (1000.0,)),
        "estimated",
        (0.16, 0.144),
        ("estimated_scale", "magnification_underestimated"),
    ),
    "one distance is none": (
        SpacingHeader(None, None, IMAGER, None, (1250.0,)),
        "detector",
        IMAGER,
        ("detector_scale",),
    ),
    "imager alone": (
        SpacingHeader(imager_pixel_spacing=IMAGER),
        "detector",
        IMAGER,
        ("detector_scale",),
    ),
    "both equal": (SpacingHeader(IMAGER, None, IMAGER), "detector", IMAGER, ("detector_scale",)),
    "pixel alone": (SpacingHeader(PIXEL), "unknown", PIXEL, ("unknown_scale",)),
    "pixel alone with a factor": (
        SpacingHeader(PIXEL, magnification=(1.25,)),
        "unknown",
        PIXEL,
        ("unknown_scale",),
    ),
    "different without a type": (
        SpacingHeader(PIXEL, None, IMAGER),
        "unknown",
        PIXEL,
        ("unknown_scale",),
    ),
    "unknown type": (SpacingHeader(PIXEL, "GUESS"), "unknown", PIXEL, ("unknown_scale",)),
    "nothing": (SpacingHeader(), None, None, ("no_pixel_spacing",)),
    "type without a spacing": (
        SpacingHeader(None, "FIDUCIAL"),
        None,
        None,
        ("no_pixel_spacing",),
    ),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_each_branch_of_the_rule(name):
    header, basis, size, flags = BRANCHES[name]
    scale = resolve_scale(header)
    assert scale.flags == flags
    assert set(flags) <= FLAGS.keys()
    if basis is None:
        assert scale.spacing is None
    else:
        assert scale.spacing.basis == basis
        assert (scale.spacing.row, scale.spacing.column) == pytest.approx(size)
        assert scale.aspect == pytest.approx(size[0] / size[1])


@pytest.mark.parametrize("name", BRANCHES)
def test_the_user_wins_over_every_header(name):
    scale = resolve_scale(BRANCHES[name][0], (0.3, 0.2))
    assert (scale.spacing.row, scale.spacing.column, scale.spacing.basis) == (0.3, 0.2, "user")
    assert scale.aspect == pytest.approx(1.5)
    assert scale.flags == ()


@pytest.mark.parametrize(
    "nonsense",
    [
        (0, 0),
        (-0.1, -0.1),
        (0.1, 0),
        (math.nan, 0.1),
        (math.inf, 0.1),
        (0.1, 0.1, 0.1),
        (0.1,),
        (50, 50),
        (1e-5, 1e-5),
        (1.0, 0.01),
    ],
)
def test_an_impossible_pixel_size_counts_as_absent_and_is_flagged(nonsense):
    alone = resolve_scale(SpacingHeader(nonsense))
    assert alone.spacing is None
    assert alone.flags == ("no_pixel_spacing", "invalid_pixel_spacing")
    imager_left = resolve_scale(SpacingHeader(nonsense, "FIDUCIAL", IMAGER))
    assert imager_left.spacing.basis == "detector"
    assert imager_left.flags == ("detector_scale", "invalid_pixel_spacing")
    pixel_left = resolve_scale(SpacingHeader(PIXEL, None, nonsense, (1.2,)))
    assert pixel_left.flags == ("unknown_scale", "invalid_pixel_spacing")
    with pytest.raises(UsageError, match="spacing"):
        resolve_scale(SpacingHeader(), nonsense)


@pytest.mark.parametrize("factor", [(0.0,), (0.5,), (-1.0,), (math.nan,), (9.0,), (1.1, 1.2)])
def test_an_impossible_factor_is_not_used(factor):
    scale = resolve_scale(SpacingHeader(imager_pixel_spacing=IMAGER, magnification=factor))
    assert scale.flags == ("detector_scale", "invalid_pixel_spacing")


@pytest.mark.parametrize("distances", [(1000, 1100), (1000, 0), (0, 900), (-1, -1), (1000, 10)])
def test_impossible_distances_are_not_used(distances):
    header = SpacingHeader(
        imager_pixel_spacing=IMAGER,
        source_to_detector=(float(distances[0]),),
        source_to_patient=(float(distances[1]),),
    )
    assert resolve_scale(header).flags == ("detector_scale", "invalid_pixel_spacing")


def test_a_bad_factor_leaves_the_distances():
    header = SpacingHeader(None, None, IMAGER, (0.0,), (1250.0,), (1000.0,))
    scale = resolve_scale(header)
    assert scale.spacing.basis == "estimated"
    assert "magnification_underestimated" in scale.flags
    assert "invalid_pixel_spacing" in scale.flags


def test_the_aspect_ratio_gives_geometry_without_millimetres():
    scale = resolve_scale(SpacingHeader(pixel_aspect_ratio=(6.0, 5.0)))
    assert scale.spacing is None
    assert scale.aspect == pytest.approx(1.2)
    assert resolve_scale(SpacingHeader(PIXEL, pixel_aspect_ratio=(6.0, 5.0))).aspect == (
        pytest.approx(0.15 / 0.14)
    )


@pytest.mark.parametrize("ratio", [(0.0, 1.0), (1.0, 0.0), (1.0,), (math.nan, 1.0), (90.0, 1.0)])
def test_an_impossible_aspect_ratio_is_square(ratio):
    scale = resolve_scale(SpacingHeader(pixel_aspect_ratio=ratio))
    assert scale.aspect == 1
    assert scale.flags == ("no_pixel_spacing", "invalid_pixel_spacing")


numbers = st.none() | st.lists(st.floats() | st.floats(0.01, 3), max_size=3).map(tuple)


@given(st.tuples(numbers, st.sampled_from([None, "FIDUCIAL", "?"]), *[numbers] * 5))
def test_no_header_whatever_breaks_the_rule(values):
    scale = resolve_scale(SpacingHeader(*values))
    assert math.isfinite(scale.aspect)
    assert scale.aspect > 0
    assert (scale.spacing is None) == ("no_pixel_spacing" in scale.flags)
