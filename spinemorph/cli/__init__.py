"""The command group. A command's module is imported only when the command is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

from spinemorph import __version__
from spinemorph.errors import SpinemorphError, UsageError

#: name -> (module:function, one line of help); a new command is a new row.
COMMANDS: Final = {
    "analyze": ("spinemorph.cli.analyze:analyze", "Films in, a report for each of them out."),
    "compare": ("spinemorph.cli.compare:compare", "Films of one patient before and after."),
    "timeline": (
        "spinemorph.cli.timeline:timeline",
        "All stored films of a patient, compared over time.",
    ),
    "store": ("spinemorph.cli.store:store", "Studies that are kept: list, show, export, remove."),
    "evaluate": ("spinemorph.cli.evaluate:evaluate", "One model against reference annotation."),
    "stats": ("spinemorph.cli.stats:stats", "Several models: tests, tables and plots."),
    "agreement": ("spinemorph.cli.agreement:agreement", "Agreement of readers and models."),
    "train": ("spinemorph.cli.train:train", "A model family on annotated films."),
    "convert": ("spinemorph.cli.convert:convert", "Annotations from one format to another."),
    "plugins": (
        "spinemorph.cli.plugins:plugins",
        "List what is installed, and what does not load.",
    ),
    "simulate": ("spinemorph.cli.simulate:simulate", "Make radiographs with exact truth."),
}

OK, NOTHING_DONE, WRONG_USE, SOME_FAILED = 0, 1, 2, 3


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  narrows the type
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table above instead of the commands' own help, which would import them all."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="spinemorph")
def cli() -> None:
    """Morphometry of lateral lumbar spine radiographs. Research use only, not a medical device.

    Exit codes: 0 all done, 1 nothing could be done, 2 wrong use, 3 some studies failed.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a known fault is one line on stderr and an exit code."""
    try:
        code = cli.main(arguments, prog_name="spinemorph", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(WRONG_USE)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except UsageError as fault:
        click.echo(f"error: {fault}", err=True)
        sys.exit(WRONG_USE)
    except SpinemorphError as fault:
        click.echo(f"error: {fault}", err=True)
        sys.exit(NOTHING_DONE)
    sys.exit(code if isinstance(code, int) else OK)
