"""`logs`: the end of the server's log, or of that of a model's engine, and what follows it.

A server that runs is asked, however it was started and whoever runs it. Where none does there may be the file of the
last one that a command started in the background.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.errors import BadRequest, NotFound, ServerError, ServerUnreachable
from tampu.terminal.console import Console

LINES: Final = 100
LOOK_S: Final = 1.0
_PATIENCE_S: Final = 3.0
_BLOCK_BYTES: Final = 1 << 16


@command("logs", takes="[MODEL]", words=Words(0, 1), help="Show the log of the server, or of the engine of a model")
@flag("-f", "--follow", beyond=True, help="Go on with what is written from now on, also by a server that starts later")
@flag("-n", "--lines", word="int", beyond=True, help=f"How many lines to begin with (default {LINES})")
def command_line(invocation: Invocation, words: tuple[str, ...], follow: bool, lines: int | None) -> None:
    """Show them. Starts no server; raises NotFound where there is no log, and says where one may be."""
    count = LINES if lines is None else lines
    if count < 0:
        raise BadRequest(f"--lines: {count} is not allowed; 0 or more is")
    model, console = (words[0] if words else ""), invocation.console
    client = Client(invocation.settings.address)
    try:
        _check(invocation, client)
        if not follow:
            _show(console, client.logs(model, lines=count))
            return
    except ServerUnreachable:
        if model:
            raise NotFound("no server answers, and what an engine writes is kept by its server only") from None
        _show(console, _left_behind(invocation, count, must_be=not follow))
        if not follow:
            return
        count = 0
    _follow(console, client, model, count)


def _follow(console: Console, client: Client, model: str, count: int) -> None:
    """Show what comes, until interrupted; a server that ends is waited for."""
    while True:
        try:
            _show(console, client.logs(model, lines=count, follow=True))
        except ServerUnreachable:
            pass
        except ServerError as error:
            # In mid-stream a server says that it stops; before, it has no such log.
            if error.status >= 400:
                raise
        console.tell("no server answers; waiting for one\n")
        while not client.is_answering():
            time.sleep(LOOK_S)
        count = LINES


def _show(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.show(f"{line}\n")


def _check(invocation: Invocation, client: Client) -> None:
    """Raise ServerUnreachable where nothing answers, NotFound where it is no server of ours."""
    if not client.is_answering():
        raise ServerUnreachable("no server answers")
    own = Client(invocation.settings.address, patience_s=_PATIENCE_S).own_version()
    if not own:
        raise NotFound(
            "the server that answers is not of this program and tells no log; where Ollama runs look into "
            "'journalctl -u ollama' (Linux) or ~/.ollama/logs/server.log (macOS)"
        )


# --- no server ---------------------------------------------------------------------------------------------------


def _left_behind(invocation: Invocation, count: int, *, must_be: bool) -> Iterator[str]:
    """The end of the last log in a file; raises NotFound where there is none and there must be."""
    file = invocation.settings.home / "logs" / "server.log"
    try:
        lines = _last_lines(file, count)
    except OSError as error:
        if must_be:
            why = "" if isinstance(error, FileNotFoundError) else f" ({file}: {(error.strerror or '').lower()})"
            raise NotFound(_nowhere(invocation) + why) from None
        return
    invocation.console.tell(f"no server answers; this is what the last one that a command started left in {file}\n")
    yield from lines


def _nowhere(invocation: Invocation) -> str:
    return (
        f"no server answers at {invocation.settings.address.authority}, and none that a command started left a log; "
        "a service writes to the journal ('journalctl -u tampu', or -u ollama), 'serve' to its own terminal"
    )


def _last_lines(file: Path, count: int) -> Iterable[str]:
    """The last lines of a file, however long it is; raises OSError."""
    with file.open("rb") as opened:
        end = opened.seek(0, os.SEEK_END)
        data = b""
        while end and data.count(b"\n") <= count:
            step = min(_BLOCK_BYTES, end)
            end = opened.seek(end - step)
            data = opened.read(step) + data
    return deque(data.decode("utf-8", "replace").splitlines(), maxlen=count)
