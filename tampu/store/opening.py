"""Opening what should be a regular file, without ever waiting for a pipe's other end or reading a device."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Windows lacks the first, and opens files as text without the last."""


def open_file(path: Path) -> int:
    """A handle to read by, links followed. Raises OSError, with "not a regular file" for what is none."""
    handle = os.open(path, _FLAGS)
    try:
        mode = os.fstat(handle).st_mode
    except OSError:
        os.close(handle)
        raise
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "not a regular file")
