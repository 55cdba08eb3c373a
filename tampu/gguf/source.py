"""A forward reader over a file of known size: one window of bytes in memory, nothing read beyond the end.

The file is read, not mapped: a file that another process cuts short must not kill the server with SIGBUS.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tampu.errors import InvalidModelFile

WINDOW_BYTES = 1 << 20


class Source:
    """`window[cursor:]` is what comes next; `need` makes sure that enough of it is there."""

    def __init__(self, descriptor: int, file_bytes: int) -> None:
        self._descriptor = descriptor
        self.file_bytes = file_bytes
        self.window = b""
        self.cursor = 0
        self._window_start = 0

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._window_start + self.cursor

    @property
    def left(self) -> int:
        """Bytes between the position and the end of the file."""
        return self.file_bytes - self.position

    def need(self, count: int) -> None:
        """Have at least `count` bytes after the cursor; raises InvalidModelFile at the end of the file."""
        if count <= len(self.window) - self.cursor:
            return
        if count > self.left:
            raise InvalidModelFile("unexpected EOF")
        start = self.position
        self.window = _read_at(self._descriptor, start, min(max(count, WINDOW_BYTES), self.file_bytes - start))
        self._window_start, self.cursor = start, 0
        if count > len(self.window):
            raise InvalidModelFile("unexpected EOF")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        self.need(count)
        start = self.cursor
        self.cursor += count
        return self.window[start : self.cursor]

    def skip(self, count: int) -> None:
        """Move on by `count` bytes without reading them; raises InvalidModelFile at the end of the file."""
        if count > self.left:
            raise InvalidModelFile("unexpected EOF")
        position = self.position + count
        if position <= self._window_start + len(self.window):
            self.cursor += count
            return
        self.window, self._window_start, self.cursor = b"", position, 0


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a regular file; raises InvalidModelFile for anything else, at once, and OSError as it comes."""
    _require_regular(path.stat())
    # Should a pipe have taken the file's place since, O_NONBLOCK keeps the opening from waiting for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        _require_regular(status)
        yield Source(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidModelFile("a model must be a regular file, not a folder, pipe or device")


def _read_at(descriptor: int, start: int, count: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    parts: list[bytes] = []
    while count > 0:
        part = os.read(descriptor, count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
