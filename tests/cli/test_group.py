"""The group: what it lists, what it says of wrong use, and how known faults end."""

import click
import pytest

from spinemorph.cli import COMMANDS, NOTHING_DONE, OK, WRONG_USE, cli, main
from spinemorph.errors import UsageError, WeightsError


def ended(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return stopped.value.code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_of_the_table_is_a_command_with_help(name, capsys):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert ended(name, "--help") == OK
    assert command.help.split()[0] in capsys.readouterr().out


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert ended("--help") == OK
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)
    assert "Exit codes" in out


@pytest.mark.parametrize("arguments", [["gone"], ["--gone"], ["analyze"], ["analyze", "x.png"]])
def test_wrong_use_has_its_own_code_and_says_what_is_wrong(arguments, capsys):
    assert ended(*arguments) == WRONG_USE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error" in captured.err


@pytest.mark.parametrize(
    ("fault", "code"),
    [(UsageError("one line"), WRONG_USE), (WeightsError("one line"), NOTHING_DONE)],
)
def test_a_known_fault_is_one_line_and_a_bug_keeps_its_traceback(monkeypatch, capsys, fault, code):
    def fail(raised):
        @click.command()
        def command():
            raise raised

        monkeypatch.setattr("spinemorph.cli.plugins.plugins", command)
        return "plugins"

    assert ended(fail(fault)) == code
    assert capsys.readouterr().err == "error: one line\n"
    with pytest.raises(ZeroDivisionError):
        main([fail(ZeroDivisionError())])


def test_plugins_are_listed(capsys):
    assert ended("plugins") == OK
    out = capsys.readouterr().out
    assert "compact" in out
    assert "sacrum-first" in out
