"""What an engine's log says of the schemas that it is given.

The bundled engine answers as if there were no schema where it cannot compile one, and where one grows too complex
while it answers; it only logs it, from a thread of its own. Log lines keep their order, so a line that is asked for
now proves that all which was logged before has been read.
"""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_KEPT_FAILURES: Final = 64
_MESSAGE_LIMIT: Final = 500
_PROBLEM: Final = re.compile(r"llg error: (?:at [0-9()]+: )?(?:failed to compile JSON schema: )?(.*)")
_MARK: Final = re.compile(r"\b(constraint-[0-9]+)\b")
_BARRIER: Final = re.compile(r"\b(barrier-[0-9]+)\b")
_STAMPED: Final = re.compile(r"^[0-9]+(?:\.[0-9]+){2,3} [A-Z] ")
_LISTING: Final = re.compile(r"^\s*[0-9]+ \| |^<state>")


class ConstraintLog:
    """Fed by the thread that reads the log, asked by the event loop.

    A failure that shows its schema is known by that schema's mark; any other is a loss, which may be that of every
    answer that was being written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._message: list[str] = []
        self._is_message_open = False
        self._failures: dict[str, str] = {}
        self._waiting: dict[str, Callable[[], object]] = {}
        self.losses = 0
        self.last_loss = ""

    def read(self, line: str) -> bool:
        """Take a line of the log; whether it is one that was asked for, and says nothing else."""
        with self._lock:
            if _STAMPED.match(line) is not None:
                self._lose()
            problem = _PROBLEM.search(line)
            if problem is not None:
                self._lose()
                self._message, self._is_message_open = [problem[1]], True
            elif self._message:
                self._read_more(line)
            barrier = _BARRIER.search(line) if self._waiting else None
            reached = None if barrier is None else self._waiting.pop(barrier[1], None)
        if reached is None:
            return False
        # The event loop is closed where the whole server ended first.
        with suppress(RuntimeError):
            reached()
        return True

    def expect(self, barrier: str, reached: Callable[[], object]) -> None:
        """Call `reached`, on the reading thread, once `barrier` is read."""
        with self._lock:
            self._waiting[barrier] = reached

    def forget(self, barrier: str) -> None:
        """Expect `barrier` no longer."""
        with self._lock:
            self._waiting.pop(barrier, None)

    def failure(self, mark: str) -> str | None:
        """Why the schema with `mark` could not be compiled; None where nothing is known against it."""
        with self._lock:
            return self._failures.get(mark)

    def _read_more(self, line: str) -> None:
        """The lines below a problem: the rest of the message, then a listing, which may show the mark."""
        if _LISTING.match(line) is not None:
            self._is_message_open = False
        elif self._is_message_open:
            self._message.append(line.strip())
        found = _MARK.search(line)
        if found is not None:
            self._failures[found[1]] = self._take_message()
            while len(self._failures) > _KEPT_FAILURES:
                self._failures.pop(next(iter(self._failures)))

    def _lose(self) -> None:
        """What was being read ends without a mark."""
        if self._message:
            self.last_loss = self._take_message()
            self.losses += 1

    def _take_message(self) -> str:
        message = " ".join(filter(None, self._message))[:_MESSAGE_LIMIT]
        self._message, self._is_message_open = [], False
        return message
