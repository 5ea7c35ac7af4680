"""Write the reference pages that have one source of truth: ``python docs/generate.py``.

cli.md comes from the commands, flags.md from spinemorph.flags, study-json.md from the JSON Schema.
A test compares the committed pages with what this makes.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from spinemorph.cli import COMMANDS, cli
from spinemorph.flags import FLAGS, FORBIDDEN_WITHOUT_SCALE, FORBIDS

HERE = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py: change the source, not this page. -->"


def cli_page() -> str:
    """The command line: every command with its arguments and options."""
    context = click.Context(cli, info_name="spinemorph")
    lines = [MADE, "", "# Command line", "", *_prose(cli.help), ""]
    lines += ["| command | what it does |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {line} |" for name, (_, line) in COMMANDS.items()]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            raise KeyError(name)
        lines += _command(command, context, name, "##")
    return "\n".join(lines) + "\n"


def flags_page() -> str:
    """Every flag and reason with its words."""
    lines = [
        MADE, "", "# Flags and reasons", "",
        "A flag says what a reader should know of a film, a body or a value; a value that is missing",
        "carries its reason. Both are codes in `study.json` and `measurements.csv`, and these words in",
        "the report.",
        "", "| code | words |", "|---|---|",
    ]  # fmt: skip
    lines += [f"| `{code}` | {words} |" for code, words in FLAGS.items()]
    units = " and ".join(FORBIDDEN_WITHOUT_SCALE)
    lines += [
        "", "## What a flag forbids", "",
        "Where one of these flags stands on a film, on a body or on a segment, the measures of it that fit",
        "the pattern have no value, and the flag is their reason: for measures of plugins too. `*` is every",
        f"measure that names a level. On a film without a scale no measure in {units} has a value",
        "(`no_pixel_spacing`). All other flags stand beside the values and forbid nothing.",
        "", "| flag | forbids |", "|---|---|",
    ]  # fmt: skip
    lines += [
        f"| `{code}` | {', '.join(f'`{each}`' for each in names)} |"
        for code, names in FORBIDS.items()
    ]
    return "\n".join(lines) + "\n"


def study_page() -> str:
    """The schema of study.json as tables."""
    schema = json.loads(
        files("spinemorph.report").joinpath("study-1.schema.json").read_text(encoding="utf-8")
    )
    lines = [
        MADE, "", "# study.json", "", schema["description"], "",
        "The schema ships with the package as `spinemorph/report/study-1.schema.json` (JSON Schema",
        "2020-12). The file holds neither NaN nor Infinity: what is not known is null. Flags and reasons",
        "are explained in [flags.md](flags.md).",
    ]  # fmt: skip
    lines += ["", "## The document", "", *_table(schema)]
    for name, part in schema["$defs"].items():
        if "properties" in part:
            lines += ["", f"## {name}", ""]
            lines += [part["description"], ""] if "description" in part else []
            lines += _table(part)
    return "\n".join(lines) + "\n"


def _command(command: click.Command, parent: click.Context, name: str, level: str) -> list[str]:
    """A section for a command; a group has one for each of its own."""
    context = click.Context(command, parent, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    title = context.command_path.removeprefix("spinemorph ")
    lines = ["", f"{level} {title}", "", f"    {context.command_path} {usage}", ""]
    lines += _prose(command.help)
    options = [_option(each) for each in command.params if isinstance(each, click.Option)]
    table = ["", "| option | default | meaning |", "|---|---|---|", *options]
    if isinstance(command, click.Group):
        lines += table if options else []
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                lines += _command(inner, context, each, f"{level}#")
        return lines
    return lines + table


PAGES = {"cli.md": cli_page, "flags.md": flags_page, "study-json.md": study_page}


def _prose(text: str | None) -> list[str]:
    """A docstring as Markdown; click's mark for unwrapped paragraphs is left out."""
    cleaned = inspect.cleandoc(text or "").replace("\b\n", "").replace("\\b\n", "")
    return [re.sub(r"<(\w+)>", r"`<\1>`", line.rstrip()) for line in cleaned.splitlines()]


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if not option.is_flag:
        names += f" `{_metavar(option)}`"
    if option.required:
        default = "required"
    elif (
        option.is_flag
        or option.default is None
        or not isinstance(option.default, str | int | float)
    ):
        default = ""
    else:
        default = f"`{option.default}`"
    return f"| {names} | {default} | {(option.help or '').replace('|', chr(92) + '|')} |"


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "/".join(str(choice) for choice in option.type.choices)
    return option.type.name.upper().replace(" RANGE", "")


def _table(part: Mapping[str, Any]) -> list[str]:
    return ["| name | type | meaning |", "|---|---|---|", *_rows(part, "")]


def _rows(part: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in part.get("properties", {}).items():
        yield f"| `{prefix}{name}` | {_type(value)} | {value.get('description', '')} |"
        for inner in (value, *value.get("oneOf", ())):
            if "properties" in inner:
                yield from _rows(inner, f"{prefix}{name}.")


def _type(value: Mapping[str, Any]) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if "$ref" in value:
        return value["$ref"].rsplit("/", 1)[1].replace("_", " ")
    if "oneOf" in value:
        return " or ".join(_type(each) for each in value["oneOf"])
    kind = value.get("type", "any")
    if kind == "array":
        return f"array of {_type(value.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8", newline="\n")
        print(HERE / name)


if __name__ == "__main__":
    main()
