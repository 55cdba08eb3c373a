"""The last lines of a log, for whoever asks later. Written by any thread, read by any."""

import threading
from collections import deque
from typing import Final

MOST_LINES: Final = 5_000
MOST_CHARACTERS: Final = 4_000
"""A longer line is cut."""


class RecentLines:
    """Keeps the end of what is added."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._count = 0
        self.is_over = False
        """Nothing that matters follows: whoever waits for more may leave."""

    def add(self, line: str) -> None:
        """Keep a line for as long as there is room."""
        with self._lock:
            self._count += 1
            self._lines.append(line[:MOST_CHARACTERS])

    def after(self, number: int) -> tuple[list[str], int]:
        """The lines that came after the first `number` of them, as far as they are kept; how many there were in all."""
        with self._lock:
            fresh = self._count - number
            return list(self._lines)[-fresh:] if fresh > 0 else [], self._count
