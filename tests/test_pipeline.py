"""The order of the stages and the rules that hold for any plugin."""

import dataclasses
import json
import os

import numpy as np
import pytest

from spinemorph.errors import PluginError, ReportError, UsageError
from spinemorph.hookspecs import (
    API,
    Findings,
    LabelerPlugin,
    PostprocessorPlugin,
    ReportWriterPlugin,
    SegmenterPlugin,
)
from spinemorph.pipeline import Options, Pipeline
from spinemorph.plugins import Plugins, Registered, load_plugins
from spinemorph.testing import PhantomSegmenter, draw_phantom, write_png
from spinemorph.types import LabeledSpine, Measurement, Numbering, Region, Segmentation

FILM = draw_phantom(450, 300)
BUILT_IN = load_plugins()


def with_plugins(*descriptors):
    mine = tuple(Registered("test", each, "spinemorph-test", "1") for each in descriptors)
    return Plugins(BUILT_IN.registered + mine)


def segmenting(change, base=PhantomSegmenter):
    """Plugins with a segmenter ``mine`` that gives ``change(what the phantom segmenter found)``."""

    class Mine(base):
        def segment(self, radiograph):
            return change(super().segment(radiograph))

    return with_plugins(SegmenterPlugin("mine", "A test", API, Mine))


def study(change=lambda found: found, film=FILM, **options):
    options = Options(segmenter="mine", formats=(), **options)
    return Pipeline(segmenting(change), options).study_of(film.radiograph)


def labeling(change):
    """Plugins with a labeler ``changed`` that gives ``change(what the built-in one said)``."""

    class Changed:
        def __init__(self):
            self.label = lambda *film: change(
                BUILT_IN.labeler("sacrum-first").create().label(*film)
            )

    return Plugins(
        segmenting(lambda found: found).registered
        + with_plugins(LabelerPlugin("changed", "A test", API, Changed)).registered[-1:]
    )


def labelled_study(change, film=FILM.radiograph):
    options = Options(segmenter="mine", labeler="changed", formats=())
    return Pipeline(labeling(change), options).study_of(film)


@pytest.mark.parametrize("facing", ["left", "right"])
@pytest.mark.parametrize("lordosis", [20.0, 55.0])
def test_a_phantom_is_numbered_and_measured(facing, lordosis):
    phantom = draw_phantom(facing=facing, lordosis=lordosis)
    found = study(film=phantom)
    assert tuple(body.level for body in found.vertebrae) == phantom.levels
    assert found.image.facing == facing
    value = found.find("lumbar_lordosis", ("L1", "S1"))
    assert value.value == pytest.approx(lordosis, abs=2.5)
    assert value.interval95[0] < value.value < value.interval95[1]


def test_regions_of_a_postprocessor_reach_the_study():
    ring = Region("mark", ("L4",), np.array([[1.0, 1], [9, 1], [9, 9]]))

    class Marks:
        def process(self, radiograph, spine, provided):
            return Findings(regions=(ring,))

    plugins = with_plugins(
        SegmenterPlugin("mine", "A test", API, PhantomSegmenter),
        PostprocessorPlugin("marks", "A test", API, Marks),
    )
    found = Pipeline(plugins, Options(segmenter="mine", formats=())).study_of(FILM.radiograph)
    assert ring in found.regions


def test_the_manifest_says_what_made_the_study():
    manifest = study(contrast="equalize").manifest
    assert manifest["segmenter"] == "mine"
    assert manifest["segmenter_from"] == "spinemorph-test 1"
    assert manifest["weights_sha256"] is None
    assert manifest["preprocessing"] == "equalize"
    assert manifest["postprocessors"][0] == "endplates"
    assert manifest["device"] == "cpu"
    assert {"spinemorph", "onnxruntime", "python", "analyzed_at"} <= set(manifest)
    json.dumps(dict(manifest), allow_nan=False)


def test_what_is_no_lateral_lumbar_film_is_flagged_and_not_measured():
    found = study(lambda found: Segmentation(found.instances, lateral_lumbar=0.2))
    assert "not_lateral_lumbar" in found.flags
    assert (found.vertebrae, found.implants, found.measurements) == ((), (), ())
    assert found.numbering == Numbering(0.0)
    sure = study(lambda found: Segmentation(found.instances, lateral_lumbar=0.9))
    assert "not_lateral_lumbar" not in sure.flags
    assert sure.vertebrae


def test_without_a_sacrum_nothing_is_named():
    found = study(film=draw_phantom(450, 300, sacrum=False))
    assert "no_sacrum" in found.flags
    assert found.vertebrae
    assert {body.level for body in found.vertebrae} == {None}
    assert all(item.value is None for item in found.measurements if item.levels)


def test_an_empty_result_gives_an_empty_study():
    found = study(lambda found: [])
    assert found.vertebrae == ()
    assert found.flags
    assert all(item.value is None for item in found.measurements)


def test_values_that_depend_on_a_level_are_withheld_where_numbering_is_uncertain():
    certain = labelled_study(lambda spine: spine)
    uncertain = labelled_study(
        lambda spine: dataclasses.replace(spine, flags=(*spine.flags, "numbering_uncertain"))
    )
    assert [item.name for item in uncertain.measurements] == [
        item.name for item in certain.measurements
    ]
    before = [item for item in certain.measurements if item.value is not None and item.levels]
    assert before
    for item in uncertain.measurements:
        if item.levels:
            assert item.value is None
            assert item.interval95 is None
            assert item.label is None
    reasons = {(item.name, item.levels, item.site): item.reason for item in uncertain.measurements}
    for item in before:
        assert reasons[item.name, item.levels, item.site] == "numbering_uncertain"
    assert [body.level for body in uncertain.vertebrae] == [
        body.level for body in certain.vertebrae
    ]


def test_the_facing_that_the_user_gave_wins():
    def right(found):
        return Segmentation(found.instances, facing="right")

    assert study(right).image.facing == "right"
    assert study(right, facing="left").image.facing == "left"


def test_a_facing_that_disagrees_with_the_header_is_flagged():
    header = dataclasses.replace(FILM.radiograph, facing="right")
    film = dataclasses.replace(FILM, radiograph=header)
    found = study(lambda found: Segmentation(found.instances, facing="left"), film=film)
    assert found.image.facing == "left"
    assert "facing_disagrees" in found.flags
    agreeing = study(lambda found: Segmentation(found.instances, facing="right"), film=film)
    assert "facing_disagrees" not in agreeing.flags


def test_flags_of_every_stage_arrive_once_in_the_order_of_the_stages():
    header = dataclasses.replace(FILM.radiograph, flags=("unknown_scale",))
    film = dataclasses.replace(FILM, radiograph=header)
    found = study(
        lambda found: Segmentation(found.instances, flags=("polarity_inverted", "unknown_scale")),
        film=film,
    )
    assert found.flags[:2] == ("unknown_scale", "polarity_inverted")
    assert len(set(found.flags)) == len(found.flags)


@pytest.mark.parametrize("result", [None, "bodies", iter(()), [1]])
def test_a_segmenter_that_breaks_the_contract_is_named(result):
    with pytest.raises(PluginError, match="segmenter 'mine'"):
        study(lambda found: result)


class Counts:
    """Provides how many bodies there are, and needs landmarks for it."""

    def process(self, radiograph, spine, provided):
        return Findings(provided={"count": len(provided["landmarks"].bodies)})


class UsesCount:
    def process(self, radiograph, spine, provided):
        value = float(provided["count"])
        return Findings(
            (Measurement("bodies", (), value, "1", "number of bodies"),), {}, ("counted",)
        )


def postprocessing(*plugins):
    base = segmenting(lambda found: found)
    mine = tuple(Registered("postprocessor", each, "spinemorph-test", "1") for each in plugins)
    return Pipeline(Plugins(base.registered + mine), Options(segmenter="mine", formats=()))


def test_postprocessors_of_others_run_after_what_they_need():
    found = postprocessing(
        PostprocessorPlugin("a-user", "A test", API, UsesCount, needs=("count",)),
        PostprocessorPlugin("z-counter", "A test", API, Counts, ("landmarks",), ("count",)),
    ).study_of(FILM.radiograph)
    assert found.find("bodies").value == 7
    assert "counted" in found.flags
    names = found.manifest["postprocessors"]
    assert names.index("endplates") < names.index("z-counter") < names.index("a-user")


def test_a_postprocessor_that_breaks_its_word_is_named():
    class Nothing:
        def process(self, radiograph, spine, provided):
            return None

    class Forgets:
        def process(self, radiograph, spine, provided):
            return Findings()

    for create, message in ((Nothing, "returned NoneType"), (Forgets, "did not provide count")):
        plugin = PostprocessorPlugin("mine", "A test", API, create, provides=("count",))
        with pytest.raises(PluginError, match=message):
            postprocessing(plugin).study_of(FILM.radiograph)


def test_unknown_names_are_refused_before_a_film_is_read():
    for options in (Options(segmenter="gone"), Options(labeler="gone"), Options(formats=("gone",))):
        with pytest.raises(UsageError, match=r"'gone'; known: "):
            Pipeline(BUILT_IN, options)


class Writes:
    def __init__(self, text):
        self.text = text

    def __call__(self):
        return self

    def write(self, study, radiograph, path):
        assert not path.exists()
        path.write_text(self.text)
        if self.text == "fails":
            raise ReportError("mine.txt: no ink")


def writing(*texts):
    writers = [
        Registered(
            "w", ReportWriterPlugin(f"w{i}", "A test", API, Writes(text), f"{i}.txt"), "d", "1"
        )
        for i, text in enumerate(texts)
    ]
    plugins = Plugins(segmenting(lambda found: found).registered + tuple(writers))
    options = Options(segmenter="mine", formats=tuple(f"w{i}" for i in range(len(texts))))
    return Pipeline(plugins, options)


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def film(tmp_path):
    return write_png(FILM.radiograph.pixels, tmp_path / "films" / "film.png")


def test_files_of_a_study_appear_together(film, tmp_path):
    out = tmp_path / "out"
    pipeline = writing("one", "two")
    written = pipeline.write(pipeline.analyze(film), out / "film")
    assert written == [out / "film" / "0.txt", out / "film" / "1.txt"]
    assert files_in(out) == ["film/0.txt", "film/1.txt"]
    again = writing("three", "four")
    again.write(again.analyze(film), out / "film")
    assert (out / "film" / "0.txt").read_text() == "three"


def test_a_writer_that_fails_leaves_the_old_files_and_nothing_new(film, tmp_path):
    out = tmp_path / "out"
    first = writing("one")
    first.write(first.analyze(film), out / "film")
    second = writing("two", "fails")
    with pytest.raises(ReportError, match="no ink"):
        second.write(second.analyze(film), out / "film")
    assert files_in(out) == ["film/0.txt"]
    assert (out / "film" / "0.txt").read_text() == "one"
    assert [path.name for path in out.iterdir()] == ["film"]


def test_a_place_that_cannot_be_written_is_one_line(film, tmp_path):
    (tmp_path / "out").write_text("a file, not a folder")
    pipeline = writing("one")
    with pytest.raises(ReportError, match="cannot be written") as caught:
        pipeline.write(pipeline.analyze(film), tmp_path / "out" / "film")
    assert "\n" not in str(caught.value)


def test_the_film_is_read_only_and_unchanged_by_an_analysis():
    before = FILM.radiograph.pixels.copy()
    study()
    assert np.array_equal(before, FILM.radiograph.pixels)
    with pytest.raises(ValueError, match="read-only"):
        FILM.radiograph.pixels[0, 0] = 1


def test_a_study_of_the_same_film_is_the_same():
    first, second = study(), study()
    assert first.measurements == second.measurements
    assert isinstance(first.source.file, str)
    assert os.sep not in first.source.file


def test_the_labeler_answers_with_a_spine():
    assert isinstance(labelled_study(lambda spine: spine).numbering, Numbering)
    empty = labelled_study(lambda spine: LabeledSpine(()))
    assert empty.vertebrae == ()


def test_a_low_confidence_withholds_values_even_if_the_labeler_does_not_say_so():
    found = labelled_study(
        lambda spine: dataclasses.replace(spine, numbering=Numbering(0.3), flags=())
    )
    assert "numbering_uncertain" in found.flags
    assert all(item.value is None for item in found.measurements if item.levels)


def test_a_labeler_that_breaks_the_contract_is_named():
    with pytest.raises(PluginError, match="'changed' returned a list"):
        labelled_study(lambda spine: [])
    with pytest.raises(PluginError, match="gave one level to two bodies"):
        labelled_study(
            lambda spine: dataclasses.replace(
                spine, vertebrae=(spine.vertebrae[0], *spine.vertebrae[:2])
            )
        )


def test_results_are_not_written_through_a_link_out_of_the_folder(film, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "film").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    pipeline = writing("one")
    with pytest.raises(ReportError, match="is a link"):
        pipeline.write(pipeline.analyze(film), tmp_path / "out" / "film")
    assert files_in(tmp_path / "elsewhere") == []


def test_a_postprocessor_cannot_change_what_others_provided():
    class Vandal:
        def process(self, radiograph, spine, provided):
            provided["landmarks"] = None

    with pytest.raises(TypeError):
        postprocessing(
            PostprocessorPlugin("mine", "A test", API, Vandal, needs=("landmarks",))
        ).study_of(FILM.radiograph)
