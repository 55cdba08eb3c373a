"""`engine`: the engines of this machine, which one is used, and building one for its very processor."""

import time
from collections.abc import Iterator
from pathlib import Path

from tampu.cli.command import command
from tampu.cli.grammar import at_least, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import FoundEngine, Report
from tampu.errors import BadRequest
from tampu.terminal.console import Console, printable
from tampu.terminal.progress import Bar, Progress, Spinner
from tampu.terminal.waiting import waiting

_USAGE = "use 'engine list', 'engine build' or 'engine use NAME'"


@command(
    "engine",
    takes="list|build|use [NAME]",
    words=at_least(0),  # none at all is told what to say
    help="List, build and choose the engine that runs models",
)
@flag("--source", word="string", default="", help="Build llama.cpp out of this folder instead of fetching its source")
@flag("--json", "as_json", beyond=True, help="Print the engines as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], source: str, as_json: bool) -> None:
    """`list` tries every engine; `build [NAME]` compiles one for this processor; `use NAME` chooses."""
    match words:
        case ("list",):
            _list(invocation, as_json=as_json)
        case ("build",) | ("build", _):
            _build(invocation, next(iter(words[1:]), ""), source)
        case ("use", name):
            invocation.client.use_engine(name)
            invocation.console.write(f"models that are loaded from now on run on '{printable(name)}'\n")
        case _:
            raise BadRequest(_USAGE)


def _list(invocation: Invocation, *, as_json: bool) -> None:
    with waiting(invocation.console):
        found = invocation.client.engines()
    if as_json:
        invocation.console.write_json(found)
    else:
        invocation.console.write("".join(_paragraph(engine) for engine in found) or "no engine is installed\n")


def _paragraph(engine: FoundEngine) -> str:
    mark = "* " if engine.used else "! " if engine.problem else "  "
    lines = [f"{mark}{engine.name}  ({engine.origin})"]
    lines += [f"    {text}" for text in (engine.path, engine.version, " ".join(engine.features)) if text]
    lines += [f"    does not run here: {engine.problem}"] if engine.problem else []
    lines += [f"    used, because {engine.why}"] if engine.used else []
    return printable("\n".join(lines)) + "\n"


def _build(invocation: Invocation, name: str, source: str) -> None:
    folder = str(Path(source).absolute()) if source else ""
    began = time.monotonic()
    _follow(invocation.console, invocation.client.build_engine(name, folder))
    built = name or "native"
    minutes = (time.monotonic() - began) / 60
    invocation.console.write(
        f"built '{printable(built)}' in {minutes:.1f} minutes; '{invocation.program} engine use {printable(built)}' "
        "lets models run on it\n"
    )


def _follow(console: Console, reports: Iterator[Report]) -> None:
    """Show each kind of step in a line of its own; a layer counts bytes, anything else steps."""
    with Progress(console) as progress:
        doing, line = "", None
        for report in reports:
            if line is None or doing != report.status:
                _settle(line)
                doing = report.status
                line = Bar(doing, report.total) if _counts_bytes(report) else Spinner(doing)
                progress.add(line)
            if isinstance(line, Bar):
                line.update(report.completed, time.monotonic())
            elif report.total:
                line.message = f"{doing} {report.completed} of {report.total}"
        _settle(line)


def _counts_bytes(report: Report) -> bool:
    return bool(report.total and report.digest)


def _settle(line: Bar | Spinner | None) -> None:
    if isinstance(line, Bar):
        line.update(line.total, time.monotonic())
    elif line is not None:
        line.settled = True
