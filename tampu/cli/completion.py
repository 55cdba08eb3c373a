"""`completion`: a script for a shell that completes commands, flags and the names of stored models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import click

from tampu.cli.catalog import COMMANDS, Program
from tampu.cli.command import command
from tampu.cli.completion_scripts import FOLDERS, MODELS, Line, bash_script, fish_script, zsh_script
from tampu.cli.grammar import HELP, Flag, exactly
from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest

SHELLS: Final[Mapping[str, Callable[[str, Sequence[Line]], str]]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
}
_FILTERED: Final = frozenset({"list", "ps"})
"""Commands whose word is the beginning of a name, which help does not tell."""
_HELP_FLAG: Final = ("--help", "Show help")


@command(
    "completion", takes="SHELL", words=exactly(1), variables=(), help="Print a script that completes command lines"
)
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:
    """The script for bash, zsh or fish, for the name that the program was called by."""
    write = SHELLS.get(words[0])
    if write is None:
        raise BadRequest(f'unknown shell "{words[0]}", known are {", ".join(SHELLS)}')
    invocation.console.write(write(invocation.program, lines()))


def lines() -> list[Line]:
    """What may stand on the command line of each command, read off its declaration."""
    program, context = Program(""), click.Context(click.Command(""))
    found = []
    for name, entry in COMMANDS.items():
        command = program.get_command(context, name)
        flags = [] if command is None else [_told(flag) for flag in command.flags if not flag.hidden]
        takes = "" if command is None else command.takes
        found.append(Line((name, *entry.aliases), entry.summary, (*flags, _HELP_FLAG), _kind(name, takes)))
    commands = " ".join(name for line in found for name in line.names)
    return [*found, Line((HELP,), "Help about any command", (), commands)]


def _told(flag: Flag) -> tuple[str, str]:
    return flag.long, str(flag.help)


def _kind(name: str, takes: str) -> str:
    if takes == "SHELL":
        return " ".join(SHELLS)
    if takes == "FOLDER":
        return FOLDERS
    return MODELS if name in _FILTERED or takes.startswith(("MODEL", "[MODEL", "SOURCE")) else ""
