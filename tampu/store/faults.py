"""The border between the operating system's errors and ours: what went wrong with the models folder, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tampu.errors import DiskFull, StoreError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def store_faults(doing: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that says what was being done (`writing a blob`), without a path."""
    try:
        yield
    except OSError as error:
        raise store_fault(error, doing) from error


def store_fault(error: OSError, doing: str) -> StoreError:
    """The StoreError for one OSError."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskFull(
            f"{doing}: no space left on the device of the models folder; remove models or move OLLAMA_MODELS"
        )
    if error.errno in _READ_ONLY:
        return StoreError(f"{doing}: the models folder cannot be written ({reason.lower()}); check its owner and mode")
    return StoreError(f"{doing}: {reason.lower()}")
