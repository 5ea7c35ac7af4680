"""Data flows one way: stages know the shared values, never each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import spinemorph

ROOT = Path(spinemorph.__file__).parent

#: What any module may import. ``chain``, ``rim``, ``contract``, ``motion`` and ``withhold`` are geometry
#: and rules on the types.
SHARED = {
    "anatomy",
    "chain",
    "contract",
    "errors",
    "flags",
    "hookspecs",
    "motion",
    "reference",
    "rim",
    "types",
    "withhold",
}
#: Edges beyond the shared ones; a stage that is not named here has none.
ALLOWED = {
    "__init__": {"hookspecs"},
    "__main__": {"cli"},
    "anatomy": set(),
    "compare": {"report"},
    "errors": set(),
    "evaluate": {"data", "report"},
    "flags": set(),
    "hookspecs": {"types"},
    "learn": {"data", "evaluate", "read", "segmenters", "simulate"},
    "pipeline": {"plugins", "preprocess", "read"},
    "store": {"data", "report"},
    "testing": {"data"},
    "types": {"anatomy"},
}
#: The command line fronts the pipeline and the tools that are no part of it.
COMMAND_LINE = {
    "compare",
    "data",
    "evaluate",
    "learn",
    "pipeline",
    "plugins",
    "read",
    "report",
    "scaffold",
    "simulate",
    "store",
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_parts(tree: ast.AST) -> set[str]:
    names = {name.split(".")[1] for name in imported(tree) if name.startswith("spinemorph.")}
    return {name for name in names if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_part_may(path):
    me = part(path)
    allowed = ALLOWED.get(me, set()) | {me}
    if me not in {"anatomy", "errors", "flags", "types", "hookspecs"}:
        allowed |= SHARED
    if me == "cli":
        allowed |= COMMAND_LINE
    assert own_parts(ast.parse(path.read_text(encoding="utf-8"))) <= allowed


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_learning_folder_names_torch(path):
    names = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
    assert "torch" not in names or part(path) == "learn"
