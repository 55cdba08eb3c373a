"""The folder of a user's own files: one process at a time changes what is in it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Others wait meanwhile, where the system can lock a folder; a holder that dies frees it. Raises OSError."""
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415  # not there on Windows

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
