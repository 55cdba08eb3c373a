"""The table of commands. A command's module is imported when it is called, or when its help is asked for."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import click

from tampu.cli.command import Command
from tampu.cli.grammar import HELP, Flag
from tampu.cli.help import program_page


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: its name, its module below tampu.cli, what help says of it. `beyond`: Ollama has no such command.

    An alias that the command itself does not list is a hidden command that does the same.
    """

    name: str
    module: str
    summary: str
    aliases: tuple[str, ...] = ()
    beyond: bool = False


_ENTRIES: Final = (
    Entry("serve", "serve", "Start the server", ("start",)),
    Entry("create", "create", "Create a model"),
    Entry("show", "show", "Show information for a model"),
    Entry("run", "run", "Run a model"),
    Entry("stop", "stop", "Stop a running model"),
    Entry("pull", "pull", "Pull a model from a registry"),
    Entry("push", "push", "Push a model to a registry"),
    Entry("signin", "signin", "Sign in to ollama.com", ("login",)),
    Entry("signout", "signout", "Sign out from ollama.com", ("logout",)),
    Entry("list", "list", "List models", ("ls",)),
    Entry("ps", "ps", "List running models"),
    Entry("cp", "cp", "Copy a model"),
    Entry("rm", "rm", "Remove a model"),
    Entry("chat", "chat", "Chat with a model", beyond=True),
    Entry("embedding", "embedding", "Print the vector of a text as a JSON list", ("embed",), beyond=True),
    Entry("bench", "bench", "Measure how fast a model is on this machine", beyond=True),
    Entry("import", "import_folder", "Add the GGUF files of a folder, where they lie", beyond=True),
    Entry("verify", "verify", "Look for damage in stored models", beyond=True),
    Entry("doctor", "doctor", "Examine this machine and what is stored", beyond=True),
    Entry("tune", "tune", "Find the fastest way to run a model on this machine", beyond=True),
    Entry("engine", "engine", "List, build and choose the engine that runs models", beyond=True),
    Entry("logs", "logs", "Show the log of the server, or of the engine of a model", beyond=True),
    Entry("config", "config", "Show, check and change settings", beyond=True),
    Entry("purge", "purge", "Remove files that no model uses", beyond=True),
    Entry("gguf", "gguf", "Look into model files and what becomes of published ones", beyond=True),
    Entry("completion", "completion", "Print a script that completes command lines", beyond=True),
)
COMMANDS: Final[Mapping[str, Entry]] = {entry.name: entry for entry in _ENTRIES}
"""The table by name, in the order of the help page."""
_HELP: Final = Entry(HELP, "help_topics", "Help about any command")
ROOT_FLAGS: Final = (
    Flag(["--nowordwrap"], help="Don't wrap words to the next line automatically"),
    Flag(["--verbose"], help="Show timings for response"),
    Flag(["-v", "--version"], help="Show version information"),
)
_SUGGESTION_DISTANCE: Final = 2


class Program(click.Group):
    """The program as click sees it; every command is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Command | None:  # noqa: ARG002  # click's signature
        for entry in (*COMMANDS.values(), _HELP):
            if cmd_name == entry.name or cmd_name in entry.aliases:
                command = importlib.import_module(f"tampu.cli.{entry.module}").command_line
                assert isinstance(command, Command)  # noqa: S101  # a contract of this package
                return command if cmd_name in (entry.name, *command.aliases) else command.named(cmd_name)
        return None


def whole_page(program: str) -> str:
    """The page of the program, with all commands."""
    ollamas = [entry for entry in COMMANDS.values() if not entry.beyond]
    return program_page(
        program,
        commands=[(entry.name, entry.summary) for entry in (*ollamas, _HELP)],
        more_commands=[(entry.name, entry.summary) for entry in COMMANDS.values() if entry.beyond],
        flags=ROOT_FLAGS,
    )


def unknown_command(program: str, name: str) -> str:
    """What is said of a command that does not exist, with those that may have been meant."""
    text = f'unknown command "{name}" for "{program}"'
    # People who mistype a command of Ollama are told what Ollama tells them.
    known = [entry.name for entry in COMMANDS.values() if not entry.beyond]
    ours = [entry.name for entry in COMMANDS.values() if entry.beyond]
    close = [each for each in known if _is_close(name, each, _SUGGESTION_DISTANCE)]
    if close := close or [each for each in ours if _is_close(name, each, 1)]:
        text += "\n\nDid you mean this?\n" + "".join(f"\t{meant}\n" for meant in close)
    return text


def _is_close(typed: str, name: str, distance: int) -> bool:
    return name.lower().startswith(typed.lower()) or _distance(typed.lower(), name.lower()) <= distance


def _distance(one: str, other: str) -> int:
    """Letters to insert, remove or change to make one word of the other."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != wanted))
    return row[-1]
