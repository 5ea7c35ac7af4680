"""The figures of a report as SVG: film, motion segments, profile, and the pen that draws them."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from spinemorph.report import svg
from spinemorph.report.catalogue import load_words
from spinemorph.report.film import film_figure
from spinemorph.report.painter import STYLES
from spinemorph.report.profile import lordosis_profile, profile_parts
from spinemorph.report.segment_pictures import segment_pictures
from spinemorph.types import Region

EN, DE = load_words("en"), load_words("de")
SPACE = "{http://www.w3.org/2000/svg}"


def paths(drawing, kind):
    """Points of every line of one kind, in points of the page."""
    colour = svg.colour(STYLES[kind].colour)
    found = []
    for path in ET.fromstring(drawing).iter(f"{SPACE}path"):  # noqa: S314  our own markup
        if path.get("stroke") == colour:
            numbers = re.findall(r"-?[\d.]+", path.get("d"))
            found.append(np.array(numbers, float).reshape(-1, 2))
    return found


def texts(drawing):
    return [each.text for each in ET.fromstring(drawing).iter(f"{SPACE}text")]  # noqa: S314


def angle(a, b):
    u, v = a[-1] - a[0], b[-1] - b[0]
    return math.degrees(math.acos(abs(u @ v) / np.linalg.norm(u) / np.linalg.norm(v)))


@pytest.mark.parametrize("aspect", [1.0, 1.7])
@pytest.mark.parametrize("frame", [(304.0, 640.0), (200.0, 640.0), (500.0, 300.0)])
def test_a_protractor_on_the_paper_reads_the_angle(build, aspect, frame):
    study, film = build(lordosis=48.0, aspect=aspect)
    figure = film_figure(study, film, EN, *frame)
    upper, lower = paths(figure.svg, "cobb")[:2]
    assert angle(upper, lower) == pytest.approx(48.0, abs=0.2)
    assert "48.0°" in texts(figure.svg)
    assert figure.width == frame[0]
    assert figure.height <= frame[1]


def test_the_figure_tells_what_it_shows(build):
    study, film = build()
    figure = film_figure(study, film, DE, 304, 640)
    assert "7 Wirbelkörpern (T12, L1, L2, L3, L4, L5, S1)" in figure.alt
    assert "52,0°" in figure.alt
    assert {"ventral", "dorsal", "L3", "S1", "52,0°"} <= set(texts(figure.svg))
    assert ("#ff8c73", "Lendenlordose") in figure.legend
    assert "Osteophyt" not in dict(figure.legend).values()


def test_a_study_without_its_film_is_drawn_too(build):
    study, film = build()
    without = film_figure(study, None, EN, 304, 640)
    assert "<image" not in without.svg
    with_film = film_figure(study, film, EN, 304, 640)
    assert len(paths(without.svg, "contour")) == len(paths(with_film.svg, "contour"))
    shown = segment_pictures(study, None, EN)
    assert shown
    assert not any("<image" in drawing for drawing, _ in shown.values())


def test_two_figures_can_have_one_view(build):
    study, film = build()
    first = film_figure(study, film, EN, 200, 400)
    again = film_figure(replace(study, measurements=()), film, EN, 200, 400, view=first.view)
    assert again.view == first.view
    np.testing.assert_allclose(paths(again.svg, "superior")[0], paths(first.svg, "superior")[0])


def test_regions_are_drawn(build):
    study, film = build()
    box = np.array([[400.0, 600], [430, 600], [430, 620], [400, 620]])
    lines = [body.corners for body in study.vertebrae if body.level in ("L3", "L4")]
    space = np.array([lines[0][2], lines[0][3], lines[1][1], lines[1][0]])
    study = replace(
        study,
        regions=(
            Region("osteophyte", ("L3",), box, "superior_anterior"),
            Region("disc_space", ("L3", "L4"), space),
        ),
    )
    figure = film_figure(study, film, EN, 304, 640)
    assert paths(figure.svg, "osteophyte")
    assert "osteophyte" in dict(figure.legend).values()
    shown = segment_pictures(study, film, EN)
    fill = f'fill="{svg.colour(STYLES["disc"].colour)}"'
    assert [pair for pair, (drawing, _) in shown.items() if fill in drawing] == [("L3", "L4")]


def test_all_segments_have_one_scale_and_their_endplates(build):
    study, film = build(levels=("L2", "L3", "L4", "L5", "S1"))
    shown = segment_pictures(study, film, EN)
    assert list(shown) == [("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1")]
    lengths = []
    for pair, (drawing, alt) in shown.items():
        assert "/".join(pair) in alt
        (upper,), (lower,) = paths(drawing, "inferior"), paths(drawing, "superior")
        lengths += [np.linalg.norm(upper[1] - upper[0]), np.linalg.norm(lower[1] - lower[0])]
    assert np.ptp(lengths) < 0.1  # the phantom's endplates are all equally long


def test_a_segment_at_the_edge_of_the_film_is_drawn(tools):
    corners = tools.phantom_corners(50.0, centre=60.0, top=-60.0)
    study = tools.make_study(corners, 1400, 760)
    film = tools.radiograph_of(study, np.full((1400, 760), 0.4, np.float32))
    assert ("T12", "L1") in segment_pictures(study, film, EN)


def test_bodies_and_discs_add_up_to_the_lordosis(build):
    study, _ = build(lordosis=47.0)
    parts = profile_parts(study)
    assert [part.name for part in parts][:3] == ["L1", "L1/L2", "L2"]
    assert len(parts) == 10
    assert sum(part.item.value for part in parts) == pytest.approx(47.0, abs=1e-6)
    drawing, alt = lordosis_profile(study, DE, 260)
    assert "47,0°" in texts(drawing)
    assert "L5/S1" in alt


@pytest.mark.parametrize("lordosis", [-35.0, 0.5, 95.0])
def test_the_profile_stays_in_its_frame(build, lordosis):
    drawing, _ = lordosis_profile(build(lordosis=lordosis)[0], EN, 260)
    root = ET.fromstring(drawing)  # noqa: S314
    height = float(root.get("height"))
    for line in root.iter(f"{SPACE}line"):
        for name, end in (("x1", 260), ("x2", 260), ("y1", height), ("y2", height)):
            assert 0 <= float(line.get(name)) <= end


def test_no_profile_where_a_part_is_missing_or_does_not_add_up(build):
    study, _ = build(levels=("L2", "L3", "L4", "L5", "S1"))
    assert lordosis_profile(study, EN, 260) is None
    study, _ = build()
    off = tuple(
        replace(item, value=item.value + 3) if item.name == "lumbar_lordosis" else item
        for item in study.measurements
    )
    assert lordosis_profile(replace(study, measurements=off), EN, 260) is None


def test_markup_of_a_drawing_is_safe():
    drawing = svg.document(10, 10, svg.text('<b>&"\x00', 1, 1, 5), label='a "<b>" & c')
    assert texts(drawing) == ['<b>&"']
    root = ET.fromstring(drawing)  # noqa: S314
    assert root.get("aria-label") == 'a "<b>" & c'


def test_close_points_are_left_out_and_ends_are_kept():
    pen = svg.SvgPen()
    curve = np.column_stack([np.linspace(0, 10, 2001), np.zeros(2001)])
    pen.line(curve, (1.0, 1.0, 1.0), 1.0)
    kept = np.array(re.findall(r"-?[\d.]+", re.search(r'd="([^"]*)"', pen.parts[0])[1]), float)
    assert 8 < len(kept) / 2 < 30
    assert kept[:2].tolist() == [0.0, 0.0]
    assert kept[-2:].tolist() == [10.0, 0.0]


def test_words_on_a_plate_are_no_wider_than_it_whatever_font_a_browser_has():
    pen = svg.SvgPen()
    wide = pen.text_width("50 mm, estimated", 8.0) + 6
    pen.chip((40.0, 20.0), "50 mm, estimated", 8.0, (1.0, 1.0, 1.0), wide)
    plate, words = (dict(re.findall(r'(\w+)="([^"]*)"', part)) for part in pen.parts)
    assert float(words["textLength"]) == pytest.approx(float(plate["width"]) - 6, abs=0.01)
    assert words["lengthAdjust"] == "spacingAndGlyphs"
