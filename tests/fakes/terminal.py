"""The real program on a pseudo-terminal: keys in, rendered screen out."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pexpect
import pyte

from tampu.config import Address

DEADLINE_S = 30.0
_SYNCHRONISED = re.compile("\x1b\\[\\?2026[hl]")


class Terminal:
    """One running program. Screens are awaited, never timed."""

    def __init__(self, child: pexpect.spawn, columns: int, rows: int) -> None:
        self._child = child
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without blanks at the ends."""
        shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def colours(self) -> set[str]:
        """The colours of all that the screen shows."""
        return {cell.fg for row in self._screen.buffer.values() for cell in row.values()}

    def send(self, keys: str) -> None:
        self._child.send(keys)

    def send_bytes(self, keys: bytes) -> None:
        """Type what need not be text."""
        os.write(self._child.child_fd, keys)

    def kill(self, number: int) -> None:
        """Send the program a signal."""
        self._child.kill(number)

    @property
    def echoes(self) -> bool:
        """Whether the terminal is in its usual mode, not a line editor's."""
        return self._child.getecho()

    @property
    def hides_cursor(self) -> bool:
        """Whether the cursor is not to be seen."""
        return self._screen.cursor.hidden

    def resize(self, columns: int, rows: int) -> None:
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def wait_for(self, *lines: str) -> None:
        """Wait until the screen ends in `lines`."""
        until = time.monotonic() + DEADLINE_S
        while self.lines[-len(lines) :] != list(lines):
            assert time.monotonic() < until, f"wanted {lines}, the screen shows {self.lines}"
            self._pump()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < until, f"the screen shows {self.lines}"
            self._pump()

    def wait_for_end(self) -> int | None:
        """Wait until the program ends; its exit status."""
        until = time.monotonic() + DEADLINE_S
        while self._pump():
            assert time.monotonic() < until, f"still running: {self.lines}"
        self._child.close()
        return self._child.exitstatus

    @property
    def ended_by(self) -> int | None:
        """The signal of which the program died; None if it ended by itself."""
        return self._child.signalstatus

    def _pump(self) -> bool:
        try:
            text = self._child.read_nonblocking(65536, 0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self._stream.feed(_SYNCHRONISED.sub("", text))
        return True


def environment(home: Path, address: Address, **more: str) -> dict[str, str]:
    """What a program under test sees of the world: a home of its own and one server."""
    own = {"HOME": str(home), "OLLAMA_HOST": address.url, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return {"PATH": os.environ["PATH"], **own, "TAMPU_AUTOSTART": "0", **more}


@contextmanager
def program_on_terminal(
    *arguments: str, home: Path, address: Address, columns: int = 80, rows: int = 24, **variables: str
) -> Iterator[Terminal]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "tampu", *arguments],
        env=environment(home, address, **variables),
        dimensions=(rows, columns),
        encoding="utf-8",
        codec_errors="replace",
        # A job in the background of a plain shell ignores Ctrl-C and hands that on; a person's terminal does not.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    child.delaybeforesend = None
    try:
        yield Terminal(child, columns, rows)
    finally:
        child.close(force=True)
