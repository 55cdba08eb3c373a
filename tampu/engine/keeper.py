"""Keeps one child process: a thread that starts it, reads its log to the end, and reaps it.

The thread lives exactly as long as the child. That is why the child may ask Linux to be killed when the thread that
started it ends, and why nothing else has to watch for its exit.
"""

import asyncio
import logging
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

import anyio

from tampu.engine.log_watch import LogTail

_log = logging.getLogger(__name__)

_READ_LIMIT: Final = 64 * 1024
"""A longer line of a log is read in pieces."""


class Keeper:
    """A child process. Made and asked on one event loop; `settled` and `ended` are set there."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], first_line: bytes, mark: str) -> None:
        self._command, self._environment = list(command), dict(environment)
        self._first_line, self._mark = first_line, mark
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failure: OSError | None = None
        self._loop = asyncio.get_running_loop()
        self._started = asyncio.Event()
        self.log = LogTail()
        self.address: str | None = None
        self.exit_code: int | None = None
        self.settled = asyncio.Event()
        """The child has said that it is ready, or has ended."""
        self.ended = asyncio.Event()
        """The child has ended and is reaped."""

    @property
    def pid(self) -> int:
        """The child's process id; only after `start`."""
        assert self._process is not None, "the child was never started"  # noqa: S101  # a mistake of ours alone
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child runs; never waits."""
        return self._process is not None and self.exit_code is None

    async def start(self) -> None:
        """Start the child; raises OSError where the system refuses."""
        self._thread = threading.Thread(target=self._keep, name="engine keeper", daemon=True)
        self._thread.start()
        await self._started.wait()
        if self._failure is not None:
            raise self._failure

    async def end(self, *, grace_s: float, kill_grace_s: float) -> None:
        """End the child and see it reaped: politely, then by force. Safe to call before, during and after its life."""
        if self._thread is None:
            return
        # The thread may be about to start the child: it cannot be called back.
        await self._started.wait()
        if self._process is None:
            return
        with suppress(OSError):
            self._process.terminate()
        with anyio.move_on_after(grace_s):
            await self.ended.wait()
        if not self.ended.is_set():
            with suppress(OSError):
                self._process.kill()
        # A process that waits for a dead disk cannot even be killed; nobody shall wait for it for ever.
        with anyio.move_on_after(kill_grace_s):
            await self.ended.wait()

    def _keep(self) -> None:
        try:
            process = self._spawn()
        except OSError as error:
            self._failure = error
            self._tell(self._started)
            return
        self._process = process
        self._tell(self._started)
        try:
            self._hand_over(process)
            assert process.stderr is not None  # noqa: S101  # for the type checker
            self._read_log(process.stderr)
        finally:
            self.exit_code = process.wait()
            self._close_pipes(process)
            self._tell(self.ended)
            self._tell(self.settled)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            env=self._environment,
            cwd="/" if self._command[0].startswith("/") else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C in the terminal is for the server, which ends its engines in order.
            start_new_session=True,
        )

    def _hand_over(self, process: "subprocess.Popen[bytes]") -> None:
        """Give the child its task. Its stdin stays open: that it ends tells the child that we are gone."""
        assert process.stdin is not None  # noqa: S101  # for the type checker
        with suppress(OSError):
            process.stdin.write(self._first_line)
            process.stdin.flush()

    def _close_pipes(self, process: "subprocess.Popen[bytes]") -> None:
        for pipe in (process.stdin, process.stderr):
            # What a dead child did not read cannot be flushed.
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _read_log(self, log: IO[bytes]) -> None:
        for raw in iter(lambda: log.readline(_READ_LIMIT), b""):
            line = raw.decode("utf-8", "replace").rstrip()
            if line.startswith(self._mark):
                self.address = line.removeprefix(self._mark).strip()
                self._tell(self.settled)
            elif line:
                self.log.add(line)
                _log.debug("engine: %s", line)

    def _tell(self, event: asyncio.Event) -> None:
        # The loop is closed where the whole server ended first.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(event.set)
