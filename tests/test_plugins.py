"""A broken plugin hurts nobody; a name belongs to one plugin."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemorph.errors import PluginError, UsageError
from spinemorph.hookspecs import (
    API,
    EvaluatorPlugin,
    LabelerPlugin,
    PostprocessorPlugin,
    ReportWriterPlugin,
    SegmenterPlugin,
    hookimpl,
)
from spinemorph.plugins import HOOKS, load_plugins, ordered

MINE = SegmenterPlugin(name="mine", summary="A test", api=API, create=dict)


@dataclass(frozen=True)
class FakeSource:
    """Stands for an entry point."""

    name: str
    plugin: Any
    distribution: str = "spinemorph-fake"

    def load(self):
        return self.plugin() if isinstance(self.plugin, type) else self.plugin


def bringing(hook, result):
    """A plugin object whose ``hook`` returns ``result`` (or calls it)."""

    def implementation():
        return result() if callable(result) else result

    implementation.__name__ = hook
    return SimpleNamespace(**{hook: hookimpl(implementation)})


def segmenters(result, distribution="spinemorph-fake", name="entry"):
    return FakeSource(name, bringing("spinemorph_segmenters", result), distribution)


class FailsToImport:
    def __new__(cls):
        raise ImportError("no module named 'gone'")


class ExitsOnImport:
    def __new__(cls):
        raise SystemExit(3)


def a_generator():
    yield MINE


def failing():
    raise RuntimeError("two\nlines")


BROKEN = {
    "import fails": (FakeSource("entry", FailsToImport), "ImportError: no module named 'gone'"),
    "import exits": (FakeSource("entry", ExitsOnImport), "SystemExit: 3"),
    "no hook": (FakeSource("entry", SimpleNamespace(x=1)), "has no hook"),
    "unknown hook": (
        FakeSource("entry", bringing("spinemorph_segmentrs", [MINE])),
        "spinemorph_segmentrs",
    ),
    "too many arguments": (
        FakeSource("entry", SimpleNamespace(spinemorph_segmenters=hookimpl(lambda extra: []))),
        "extra",
    ),
    "wrong api": (segmenters([replace(MINE, api=API + 1)]), f"api {API + 1}"),
    "wrong descriptor": (
        segmenters([LabelerPlugin("mine", "A test", API, dict)]),
        "expected SegmenterPlugin, got LabelerPlugin",
    ),
    "not a descriptor": (segmenters(["mine"]), "expected SegmenterPlugin, got str"),
    "a generator": (segmenters(a_generator), "returned a generator, expected a list"),
    "a tuple": (segmenters((MINE,)), "returned a tuple, expected a list"),
    "none": (segmenters(lambda: None), "returned a NoneType, expected a list"),
    "hook fails": (segmenters(failing), "RuntimeError: two lines"),
    "no name": (segmenters([replace(MINE, name="My Model")]), "not a name"),
    "create is no function": (segmenters([replace(MINE, create=None)]), "cannot be called"),
    "needs is a word": (
        FakeSource(
            "entry",
            bringing(
                "spinemorph_postprocessors",
                [PostprocessorPlugin("mine", "A test", API, dict, needs="landmarks")],
            ),
        ),
        "must be a tuple",
    ),
    "file leaves the folder": (
        FakeSource(
            "entry",
            bringing(
                "spinemorph_report_writers",
                [ReportWriterPlugin("mine", "A test", API, dict, "../../report.txt")],
            ),
        ),
        "not the name of a file",
    ),
    "a wrapper": (
        FakeSource(
            "entry",
            SimpleNamespace(
                spinemorph_segmenters=pluggy.HookimplMarker("spinemorph")(wrapper=True)(a_generator)
            ),
        ),
        "wrapper",
    ),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_reported_with_its_distribution_and_left_out(source, reason):
    good = segmenters([replace(MINE, name="good")], "spinemorph-good")
    plugins = load_plugins([source, good])
    assert plugins.segmenter("good").name == "good"
    assert [each.descriptor.name for each in plugins.registered] == ["good"]
    (broken,) = plugins.broken
    assert broken.distribution == "spinemorph-fake"
    assert reason in broken.reason
    assert "\n" not in str(broken)


def test_asking_for_a_broken_plugin_by_name_says_what_is_wrong():
    plugins = load_plugins([segmenters([replace(MINE, api=99)]), segmenters([MINE], "other", "z")])
    assert plugins.segmenter("mine") is MINE
    plugins = load_plugins([segmenters([replace(MINE, api=99)])])
    with pytest.raises(PluginError, match=r"'mine' could not be loaded.*api 99"):
        plugins.segmenter("mine")
    plugins = load_plugins([FakeSource("unet", FailsToImport, "spinemorph-unet")])
    for name in ("unet", "spinemorph-unet"):
        with pytest.raises(PluginError, match="ImportError"):
            plugins.segmenter(name)


def test_an_unknown_name_lists_the_known_ones_and_what_did_not_load():
    plugins = load_plugins(
        [segmenters([MINE, replace(MINE, name="yours")]), FakeSource("gone", FailsToImport)]
    )
    with pytest.raises(UsageError, match=r"known: mine, yours; not loaded: gone of") as caught:
        plugins.segmenter("maskrcnn")
    assert "\n" not in str(caught.value)


def test_a_name_that_two_claim_belongs_to_neither_and_names_both():
    plugins = load_plugins([segmenters([MINE], "first"), segmenters([MINE], "second", "other")])
    with pytest.raises(PluginError, match="first and second"):
        plugins.segmenter("mine")


def test_equal_names_of_different_kinds_do_not_meet():
    labelers = bringing("spinemorph_labelers", [LabelerPlugin("mine", "A test", API, dict)])
    plugins = load_plugins([segmenters([MINE]), FakeSource("labels", labelers)])
    assert plugins.segmenter("mine") is MINE
    assert plugins.labeler("mine").name == "mine"


def test_every_hook_brings_its_kind():
    kinds = {
        SegmenterPlugin: {},
        LabelerPlugin: {},
        PostprocessorPlugin: {},
        EvaluatorPlugin: {},
        ReportWriterPlugin: {"filename": "a.txt"},
    }
    plugin = SimpleNamespace()
    for hook, (kind, _) in HOOKS.items():
        one = kind(name="mine", summary="A test", api=API, create=dict, **kinds[kind])
        setattr(plugin, hook, getattr(bringing(hook, [one]), hook))
    loaded = load_plugins([FakeSource("all", plugin)])
    assert [type(each.descriptor) for each in loaded.registered] == list(kinds)
    assert not loaded.broken


def test_the_built_in_plugins_come_by_the_entry_point():
    plugins = load_plugins()
    assert plugins.segmenter("compact")
    assert plugins.labeler("sacrum-first")
    assert {"pdf", "json", "csv", "png"} <= set(plugins.names(ReportWriterPlugin))
    assert plugins.postprocessors()[0].name == "endplates"
    assert plugins.owner(plugins.segmenter("compact")).startswith("spinemorph ")


def step(name, needs=(), provides=()):
    return PostprocessorPlugin(name, "A test", API, dict, tuple(needs), tuple(provides))


@given(st.permutations([step("d", "c"), step("a", "bc"), step("b", (), "b"), step("c", "b", "c")]))
def test_postprocessors_follow_those_that_provide_their_needs(plugins):
    assert [plugin.name for plugin in ordered(tuple(plugins))] == ["b", "c", "a", "d"]


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ([step("a", ["landmarks"])], "'a' needs 'landmarks', which no postprocessor provides"),
        ([step("a", "x", "y"), step("b", "y", "x"), step("c")], "circle: a, b"),
        ([step("a", (), "x"), step("b", (), "x")], "'a' and 'b' both provide 'x'"),
        ([step("a", "x", "x")], "circle: a"),
    ],
)
def test_needs_that_cannot_be_met_are_an_error(plugins, message):
    with pytest.raises(PluginError, match=message):
        ordered(tuple(plugins))


@pytest.fixture
def installed(tmp_path):
    """Install a distribution with one module into a folder of its own; gives its environment."""

    def install(name, code):
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[spinemorph]\n{name} = {module}\n")
        path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
        return {**os.environ, "PYTHONPATH": path}

    return install


def test_installed_plugins_are_found_and_a_broken_one_hurts_no_command(installed):
    installed("spinemorph-broken", "import a_module_that_is_not_there\n")
    environment = installed(
        "spinemorph-threshold",
        "import spinemorph\n"
        "from spinemorph.hookspecs import SegmenterPlugin\n"
        "@spinemorph.hookimpl\n"
        "def spinemorph_segmenters():\n"
        "    return [SegmenterPlugin('threshold', 'A test', 1, dict)]\n",
    )
    run = subprocess.run(
        [sys.executable, "-m", "spinemorph", "plugins", "--json"],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    listed = json.loads(run.stdout)
    found = {(each["kind"], each["name"]): each["from"] for each in listed["plugins"]}
    assert found["segmenter", "threshold"] == "spinemorph-threshold 1.2"
    assert ("segmenter", "compact") in found
    (broken,) = listed["broken"]
    assert broken["from"] == "spinemorph-broken"
    assert "a_module_that_is_not_there" in broken["error"]
