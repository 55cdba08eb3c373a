"""The program: finds the command, runs it, and turns whatever goes wrong into one line and an exit code.

Exit codes: 0 success, 1 an error, 2 a setting with an impossible value, 130 interrupted, 141 nobody reads the output.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Literal, NoReturn, TextIO

import click

from tampu.cli.bare import run_bare
from tampu.cli.catalog import ROOT_FLAGS, Program, unknown_command
from tampu.cli.command import Command
from tampu.cli.grammar import read_flags, split_command
from tampu.cli.invocation import OLLAMA, Invocation
from tampu.config import Settings
from tampu.errors import BadRequest, ConfigError, TampuError
from tampu.terminal.console import SHOW_CURSOR, Console
from tampu.terminal.status import FAILED, INTERRUPTED, MISCONFIGURED, TERMINATED, UNREAD


def main() -> NoReturn:
    """Run the command line of this process."""
    # As an exception it passes through all that holds the terminal, which is then given back as it was.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.stdin, sys.stdout, sys.stderr = _stream(sys.stdin, "r"), _stream(sys.stdout, "w"), _stream(sys.stderr, "w")
    code = run(sys.argv[1:], program_name(sys.argv[0]), Console(sys.stdin, sys.stdout, sys.stderr))
    if code == INTERRUPTED and os.name == "posix":
        # A shell ends the loop or script around a program only if the program died of the interrupt itself.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    sys.exit(code)


def program_name(path: str) -> str:
    """What the program was called: tampu, unless it was started under another name."""
    name = Path(path).stem
    return "tampu" if name.startswith("__") or not name else name


def run(arguments: Sequence[str], program: str, console: Console) -> int:
    """Run one command line; the exit code. Raises nothing."""
    shows_faults = False

    def work() -> int:
        nonlocal shows_faults
        settings = _settings(arguments)
        shows_faults = settings.log_level > 0
        console.colour = not settings.no_color
        invocation = Invocation(program, console, settings)
        invocation.warn()
        return _dispatch(arguments, invocation)

    try:
        code = _told(console, work)
    except BrokenPipeError:
        _drop_unwritten(console)
        return UNREAD
    except Exception as error:  # noqa: BLE001  # the last border: a fault of ours is told in one line too
        if shows_faults:
            traceback.print_exc()
        told = f"internal error: {type(error).__name__}: {error} (OLLAMA_DEBUG=1 shows where)"
        code = _complain(console, told, FAILED)
    if program == OLLAMA:
        _show_cursor(console)
    return code


def _settings(arguments: Sequence[str]) -> Settings:
    """The settings of this process; raises ConfigError. `config` tells itself what is wrong with them, and mends it."""
    try:
        return Settings.read()
    except ConfigError:
        if split_command(arguments, ROOT_FLAGS)[0] != "config":
            raise
        return Settings()


def _told(console: Console, work: Callable[[], int]) -> int:
    """The exit code of `work`, whose errors are told; raises BrokenPipeError, and what is a fault of ours."""
    try:
        return work()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except ConfigError as error:
        return _complain(console, error.message, MISCONFIGURED)
    except TampuError as error:
        return _complain(console, error.message, FAILED)
    except OSError as error:
        _drop_unwritten(console)
        return _complain(console, _in_words(error), FAILED)


def _in_words(error: OSError) -> str:
    """What the system refused, and of which file, without its number."""
    said = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {said}" if error.filename else said


def _dispatch(arguments: Sequence[str], invocation: Invocation) -> int:
    name, rest = split_command(arguments, ROOT_FLAGS)
    program = Program(invocation.program)
    with click.Context(program, info_name=invocation.program, obj=invocation) as context:
        if name is None:
            return _run_bare(rest, invocation)
        command = program.get_command(context, name)
        if command is None:
            raise BadRequest(unknown_command(invocation.program, name))
        return _run_command(command, rest, context)


def _run_command(command: Command, arguments: list[str], context: click.Context) -> int:
    try:
        with command.make_context(command.name, arguments, parent=context) as own:
            command.invoke(own)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return 0


def _run_bare(arguments: Sequence[str], invocation: Invocation) -> int:
    """No command. What a server or a model refuses behind the flags is told and, as in Ollama, no failure."""
    given, _ = read_flags(ROOT_FLAGS, arguments)
    console = invocation.console

    def run_line(words: Sequence[str]) -> int:
        return _told(console, lambda: _dispatch(words, invocation))

    try:
        run_bare(invocation, arguments, given, run_line)
    except KeyboardInterrupt:
        pass
    except TampuError as error:
        _complain(console, error.message, FAILED)
    return 0


def _complain(console: Console, message: str, code: int) -> int:
    try:
        console.tell(f"Error: {message}\n")
    except OSError:
        pass  # nobody is left to hear it; the exit code still says it
    return code


def _show_cursor(console: Console) -> None:
    """Show the cursor after a display, in a pipe too, as Ollama does; at the very end, so that lines stay clean."""
    try:
        if console.spun and console.complained and not console.tells_terminal:
            console.tell(SHOW_CURSOR)
    except OSError:
        pass


def _drop_unwritten(console: Console) -> None:
    """Forget output that nothing takes any more (`list | head -1`): the interpreter would fail on it as it ends."""
    try:
        console.output.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), console.output.fileno())


def _stream(stream: TextIO | None, mode: Literal["r", "w"]) -> TextIO:
    """The stream, with characters that its encoding lacks replaced instead of refused; a void for one that is closed.

    The void takes the number of the closed one, so that no file or socket of ours comes to stand there.
    """
    if stream is None:
        return Path(os.devnull).open(mode, encoding="utf-8")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream
