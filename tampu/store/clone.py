"""A second name for a file's bytes without a second copy of them: a reflink, else a hard link."""

import errno
import os
from pathlib import Path
from typing import Final

from tampu.errors import StoreError
from tampu.store.faults import store_faults
from tampu.store.opening import open_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is absent there; every use asks first

_FICLONE: Final = 0x40049409
"""Linux's request to share extents between files (`FICLONE` of linux/fs.h)."""
_LINK_REFUSED: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
_FILE_MODE: Final = 0o644


def regular_file(source: Path) -> Path:
    """The file behind `source`, links followed; raises StoreError for what is no regular file."""
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: a name that no system has
        raise StoreError(f"{source.name} cannot be read: {_reason(error)}") from error
    if not real.is_file():
        raise StoreError(f"{source.name} is not a regular file")
    return real


def open_regular(path: Path) -> int:
    """A handle to read a file by; never waits for a pipe's other end. Raises StoreError for what is no regular file."""
    try:
        return open_file(path)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {_reason(error)}") from error


def share_file(source: Path, target: Path, *, or_point: bool = False) -> bool:
    """Make `target`, which must not exist, share the bytes of `source`; False where the file system cannot.

    With `or_point` it becomes a symbolic link then, which needs `source` to stay where it is.

    A reflink is independent of its source. A hard link is not: who edits the source in place edits the target too.
    People replace weights, they do not edit them, and the price of a copy is tens of gigabytes. Mode and times are the
    file's own under both names, so they are left as the user has them; `verify` finds what was edited.
    """
    with store_faults(f"importing {source.name}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        return _reflink(source, target) or _hard_link(source, target) or (or_point and _symbolic_link(source, target))


def is_lent(path: Path) -> bool:
    """Whether a stored file is also a file elsewhere: a hard link, or a symbolic link to it. Raises OSError."""
    return path.is_symlink() or path.stat().st_nlink > 1


def _reflink(source: Path, target: Path) -> bool:
    if fcntl is None:
        return False
    with os.fdopen(open_regular(source), "rb") as original:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            fcntl.ioctl(handle, _FICLONE, original.fileno())
        except OSError:
            target.unlink()
            return False
        finally:
            os.close(handle)
    return True


def _hard_link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _LINK_REFUSED:
            return False
        raise
    return True


def _symbolic_link(source: Path, target: Path) -> bool:
    target.symlink_to(source)
    return True


def _reason(error: Exception) -> str:
    match error:
        case OSError():
            return (error.strerror or str(error)).lower()
        case ValueError():
            return "no file can have this name"
        case _:
            return "its links run in a circle"
