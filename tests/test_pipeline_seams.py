"""Where stages meet: sides of corners under --facing, writers that break their word, outlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemorph.errors import PluginError
from spinemorph.hookspecs import API, ReportWriterPlugin, SegmenterPlugin
from spinemorph.pipeline import Analysis, Options, Pipeline, outline
from spinemorph.plugins import Plugins, Registered, load_plugins
from spinemorph.testing import draw_phantom
from spinemorph.types import Box, Instance, Segmentation


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(600, 400)


def pipeline(answer, *writers, **options):
    """A pipeline whose segmenter answers so on every film, with more report writers."""

    class Fake:
        def segment(self, radiograph):
            return answer

    segmenter = SegmenterPlugin("fake", "A fake", API, lambda weights, device: Fake())
    more = (Registered("segmenter", segmenter, "a-test", "1"),)
    more += tuple(Registered("report writer", each, "a-test", "1") for each in writers)
    plugins = Plugins(load_plugins().registered + more)
    return Pipeline(plugins, Options(**{"segmenter": "fake", "formats": (), **options}))


def exactly(phantom, **changes):
    return Segmentation(**{"instances": phantom.instances, "facing": phantom.facing, **changes})


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("facing", ["left", "right"])
def test_corners_keep_their_sides_when_the_caller_decides_the_facing(facing, said):
    """With the other side in front the curve is the same, hollow on the other side."""
    phantom = draw_phantom(600, 400, facing=facing)
    other = "right" if facing == "left" else "left"
    answer = exactly(phantom) if said else exactly(phantom, facing=None)
    agreeing = pipeline(answer, facing=facing).study_of(phantom.radiograph)
    turned = pipeline(answer, facing=other).study_of(phantom.radiograph)
    assert (agreeing.image.facing, turned.image.facing) == (facing, other)
    value = agreeing.find("lumbar_lordosis").value
    assert value == pytest.approx(phantom.lordosis, abs=0.1)
    assert turned.find("lumbar_lordosis").value == pytest.approx(-value, abs=0.1)
    for study, side in ((agreeing, facing), (turned, other)):
        for body in study.vertebrae:
            assert (body.corners[0, 0] < body.corners[1, 0]) == (side == "left")


def test_the_names_of_corners_speak_of_the_facing_before_the_header(phantom):
    film = replace(phantom.radiograph, facing="right")
    study = pipeline(exactly(phantom, facing=None)).study_of(film)
    assert study.image.facing == "left"
    assert "facing_disagrees" in study.flags
    masks = tuple(replace(item, corners=None, covariance=None) for item in phantom.instances)
    silent = pipeline(Segmentation(masks)).study_of(film)
    assert silent.image.facing == "right"
    assert "facing_disagrees" not in silent.flags


def writer(filename, write):
    class Writer:
        def write(self, study, radiograph, path):
            write(path)

    return ReportWriterPlugin("extra", "A fake", API, Writer, filename)


def test_a_writer_that_writes_nothing_is_named_and_nothing_appears(phantom, tmp_path):
    lazy = writer("extra.txt", lambda path: None)
    made = pipeline(exactly(phantom), lazy, formats=("json", "extra"))
    analysis = Analysis(made.study_of(phantom.radiograph), phantom.radiograph)
    with pytest.raises(PluginError, match=r"report writer 'extra' wrote no extra\.txt"):
        made.write(analysis, tmp_path / "film")
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_a_writer_keeps_its_traceback_and_leaves_nothing(phantom, tmp_path):
    def bug(path):
        path.write_text("half")
        raise ZeroDivisionError("a bug")

    made = pipeline(exactly(phantom), writer("extra.txt", bug), formats=("json", "extra"))
    analysis = Analysis(made.study_of(phantom.radiograph), phantom.radiograph)
    with pytest.raises(ZeroDivisionError):
        made.write(analysis, tmp_path / "film")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_are_refused_before_any_film_is_read(phantom):
    same = writer("Study.json", lambda path: path.write_text("{}"))
    with pytest.raises(PluginError, match=r"'json' and 'extra' both write Study\.json"):
        pipeline(exactly(phantom), same, formats=("json", "extra"))


def test_the_outline_is_the_longest_contour_in_film_pixels():
    mask = np.zeros((10, 12), bool)
    mask[1:8, 2:9] = True
    mask[9, 11] = True
    points = outline(Instance("cage", 0.9, mask, Box(20, 30, 30, 42)))
    assert points.min(axis=0) == pytest.approx([32, 21])
    assert points.max(axis=0) == pytest.approx([38, 27])
