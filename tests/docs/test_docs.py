"""What the documentation shows is true: examples run, references are current, links lead somewhere."""

import dataclasses
import importlib.util
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from spinemorph import hookspecs
from spinemorph.flags import FLAGS
from spinemorph.plugins import HOOKS, load_plugins
from spinemorph.scaffold import new_plugin
from spinemorph.testing import draw_phantom, write_png

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return [code for found, code in BLOCK.findall(text) if found == language]


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the films that the examples speak of."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    write_png(draw_phantom().radiograph.pixels, tmp_path / "films" / "first.png")
    (tmp_path / "films" / "notes.txt").write_text("not a film")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(line):
    """Run one line of a ``bash`` block as the installed program."""
    program, *arguments = shlex.split(line)
    assert program == "spinemorph"
    run = subprocess.run(
        [sys.executable, "-m", "spinemorph", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"{line}\n{run.stdout}{run.stderr}"


def with_examples():
    own = {"hooks.md", "write-a-plugin.md"}  # these have tests of their own below
    pages = [page for page in PAGES if blocks(page, "python") or blocks(page, "bash")]
    return [page for page in pages if page.name not in own]


@pytest.mark.parametrize("page", with_examples(), ids=lambda page: page.name)
@pytest.mark.usefixtures("workplace")
def test_the_examples_of_a_page_run_in_order(page):
    namespace = {}
    for language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(code, f"{page.name}", "exec"), namespace)  # noqa: S102
        elif language == "bash":
            for line in code.replace("\\\n", " ").splitlines():
                if line and not line.startswith("#"):
                    shell(line)


@pytest.mark.parametrize("name", ["cli.md", "flags.md", "study-json.md"])
def test_a_made_page_is_current(name):
    made = generator().PAGES[name]()
    message = f"docs/{name} is old: run python docs/generate.py"
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == made, message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_flag_has_words_in_the_page():
    text = (ROOT / "docs" / "flags.md").read_text(encoding="utf-8")
    assert FLAGS
    for code, words in FLAGS.items():
        assert f"| `{code}` | {words} |" in text


def plain(annotation):
    return str(annotation).replace("typing.", "")


def signature(name, function):
    """``name(a: X) -> Y`` as the page writes it, without self."""
    parameters = list(inspect.signature(function).parameters.values())
    shown = [f"{each.name}: {plain(each.annotation)}" for each in parameters if each.name != "self"]
    return (
        f"    {name}({', '.join(shown)}) -> {plain(inspect.signature(function).return_annotation)}"
    )


PROTOCOLS = {
    "spinemorph_segmenters": (hookspecs.Segmenter, "segment"),
    "spinemorph_labelers": (hookspecs.Labeler, "label"),
    "spinemorph_postprocessors": (hookspecs.Postprocessor, "process"),
    "spinemorph_evaluators": (hookspecs.Evaluator, "evaluate"),
    "spinemorph_report_writers": (hookspecs.ReportWriter, "write"),
}


def sections():
    text = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_hook_has_a_section_in_order():
    specified = [name for name in vars(hookspecs.Specifications) if name.startswith("spinemorph_")]
    assert list(sections()) == specified == list(HOOKS) == list(PROTOCOLS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_exact_signature(hook):
    lines = sections()[hook].splitlines()
    assert signature(hook, getattr(hookspecs.Specifications, hook)) in lines
    protocol, method = PROTOCOLS[hook]
    assert signature(method, getattr(protocol, method)) in lines
    kind, _ = HOOKS[hook]
    fields = [
        field.name if field.default is dataclasses.MISSING else f"{field.name}={field.default!r}"
        for field in dataclasses.fields(kind)
    ]
    assert f"    {kind.__name__}({', '.join(fields)})" in lines


class Source:
    """Stands for the entry point of an example."""

    name = distribution = "example"

    def __init__(self, module):
        self.load = lambda: module


def example(hook):
    module = ModuleType(f"example_{hook}")
    (code,) = re.findall(r"^```python\n(.*?)^```$", sections()[hook], re.MULTILINE | re.DOTALL)
    exec(compile(code, f"hooks.md {hook}", "exec"), module.__dict__)  # noqa: S102
    return module


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_loads(hook):
    plugins = load_plugins([Source(example(hook))])
    assert not plugins.broken
    kind, _ = HOOKS[hook]
    assert [type(each.descriptor) for each in plugins.registered] == [kind]


def test_the_examples_of_the_hooks_work_together(tmp_path):
    from spinemorph.pipeline import Options, Pipeline
    from spinemorph.plugins import Plugins

    found = load_plugins([Source(example(hook)) for hook in HOOKS])
    plugins = Plugins(load_plugins().registered + found.registered)
    film = write_png(draw_phantom(facing="right").radiograph.pixels, tmp_path / "film.png")

    named = Pipeline(plugins, Options(segmenter="phantom", formats=("levels",)))
    analysis = named.analyze(film)
    widths = [each for each in analysis.study.measurements if each.name == "body_width"]
    assert {each.levels[0] for each in widths} >= {"L1", "L5", "S1"}
    assert all(each.value > 10 for each in widths)
    named.write(analysis, tmp_path / "out")
    assert (tmp_path / "out" / "levels.txt").read_text().split()[-2:] == ["L5", "S1"]

    nameless = Pipeline(plugins, Options(segmenter="phantom", labeler="nameless", formats=()))
    study = nameless.analyze(film).study
    assert len(study.vertebrae) == 7
    assert {body.level for body in study.vertebrae} == {None}
    assert study.find("lumbar_lordosis").value is None


def test_an_evaluator_example_counts():
    plugin = load_plugins([Source(example("spinemorph_evaluators"))]).evaluator("count")
    phantoms = [draw_phantom(bodies=5), draw_phantom(bodies=6)]
    assert plugin.create().evaluate(*phantoms) == {plugin.metrics[0]: -1.0}


def test_the_plugin_of_the_guide_is_what_the_command_writes_and_works(tmp_path):
    text = (ROOT / "docs" / "write-a-plugin.md").read_text(encoding="utf-8")
    first = text[: text.index("## A model that can be trained")]
    shown = re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", first, re.MULTILINE | re.DOTALL)
    root = tmp_path / "spinemorph-threshold"
    made = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in new_plugin("threshold", tmp_path)
    }
    assert dict(shown) == {name: code for name, code in made.items() if name != "README.md"}
    project = tomllib.loads(made["pyproject.toml"])["project"]
    info = root / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["spinemorph"].items()
    (info / "entry_points.txt").write_text(
        "[spinemorph]\n" + "".join(f"{name} = {target}\n" for name, target in points)
    )
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    film = write_png(draw_phantom().radiograph.pixels, tmp_path / "film.png")
    used = subprocess.run(
        [sys.executable, "-m", "spinemorph", "analyze", str(film), "-o", str(tmp_path / "out"),
         "--segmenter", "threshold", "--formats", "json"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert used.returncode == 0, used.stdout + used.stderr
    assert '"segmenter": "threshold"' in (tmp_path / "out" / "film" / "study.json").read_text()
