"""Starts a server in the background: one, however many commands ask at once, and with a log of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tampu.client.client import Client
from tampu.config import Settings
from tampu.errors import ServerUnreachable

START_S: Final = 30.0
POLL_S: Final = 0.03
TAIL_BYTES: Final = 2_000
KEPT_LOGS: Final = 3
EXIT_WHEN_IDLE: Final = "--exit-when-idle"


def start_server(client: Client, settings: Settings) -> Path:
    """Start a server and wait until it answers; its log file. Raises ServerUnreachable with the end of the log."""
    log = settings.home / "logs" / "server.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(settings.home / "logs" / "server.lock"):
            # Another command may have started one while this one waited for the lock.
            if not client.is_answering():
                _wait(client, _spawn(log), log)
    except OSError as error:
        why = f"{(error.strerror or str(error)).lower()}{f': {error.filename}' if error.filename else ''}"
        raise ServerUnreachable(
            f"cannot start a server in the background: {why}; start one yourself with 'tampu serve', where HOME "
            "is a folder that can be written, or set OLLAMA_HOST to one that runs"
        ) from error
    return log


def _spawn(log: Path) -> subprocess.Popen[bytes]:
    _rotate(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tampu", "serve", EXIT_WHEN_IDLE],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait(client: Client, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if _has_come_up(client):
            # It outlives us: tell Popen not to warn about a child that still runs.
            server.returncode = 0
            return
        if server.poll() is not None:
            raise ServerUnreachable(f"the server ended at once; {_end_of(log)}")
        time.sleep(POLL_S)
    server.terminate()
    server.wait()
    raise ServerUnreachable(f"the server did not answer within {START_S:.0f} seconds; {_end_of(log)}")


def _has_come_up(client: Client) -> bool:
    """Whether the server answers. One that dies while it starts may take the connection first and drop it then."""
    try:
        return client.is_answering()
    except ServerUnreachable:
        return False


def _rotate(log: Path) -> None:
    """Keep the logs of the last few starts: server.log, server-1.log, ..."""
    for number in range(KEPT_LOGS - 1, -1, -1):
        older = log.with_name(f"server-{number + 1}.log")
        newer = log.with_name(f"server-{number}.log") if number else log
        if newer.exists():
            newer.replace(older)


def _end_of(log: Path) -> str:
    data = log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").strip()
    if not data:
        return f"its log is empty ({log})"
    lines = "\n".join(f"  {line}" for line in data.splitlines()[-10:])
    return f"the end of its log ({log}):\n{lines}"


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock file; waits while another process holds it. The system frees it if its holder dies."""
    with path.open("ab") as file:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  # exists there only

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl  # noqa: PLC0415  # exists everywhere else

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
