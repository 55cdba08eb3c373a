"""Locks that other processes respect: one on a folder for short changes, one on each blob that a job relies on.

Both are `flock`s on the folder and on the blobs themselves, so nothing is added to a folder that Ollama shares, and a
killed process never leaves a lock behind. Where the file system or the platform has no such locks, threads of this
process still exclude each other and the check in `manifests.commit` still refuses a manifest that names missing blobs.
"""

import errno
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from tampu.store.faults import store_faults
from tampu.store.opening import open_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is absent there; every use asks first

_UNSUPPORTED: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, errno.ENOSYS})
_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_MOST_PINS: Final = 128
"""More blobs of one job stay unpinned (models of thousands of tensors): file descriptors are not endless."""


class FolderLock:
    """The lock on a folder: one holder among all processes. Not re-entrant; hold it for milliseconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, hold it inside the block."""
        with self._threads:
            with store_faults("locking the models folder"):
                self._folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(self._folder, os.O_RDONLY) if fcntl else -1
            try:
                if fcntl:
                    _lock(handle, fcntl.LOCK_EX)
                yield
            finally:
                if handle >= 0:
                    os.close(handle)


class Pins:
    """Blobs that a running job relies on. While one is pinned, no process that follows the rule deletes it."""

    def __init__(self) -> None:
        self._handles: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.keep_only(())

    def add(self, path: Path) -> bool:
        """Pin the blob at `path`; False if there is none, or something else than a file."""
        if path in self._handles and _has_name(self._handles[path]):
            return True
        try:
            handle = open_file(path)
        except OSError:
            return False
        if fcntl:
            _lock(handle, fcntl.LOCK_SH)
        # A deleter may have won between open and lock.
        exists = _has_name(handle)
        if exists and path not in self._handles and len(self._handles) < _MOST_PINS:
            self._handles[path] = handle
        else:
            os.close(handle)
        return exists

    def keep_only(self, paths: Collection[Path]) -> None:
        """Let go of every other blob: the job does not need them after all."""
        for path in [path for path in self._handles if path not in paths]:
            os.close(self._handles.pop(path))


def _has_name(handle: int) -> bool:
    return os.fstat(handle).st_nlink > 0


def pin_handle(handle: int) -> None:
    """Pin a file by the open handle that writes it, until the handle is closed."""
    if fcntl:
        _lock(handle, fcntl.LOCK_SH)


def remove_unpinned(path: Path, *, after: Collection[Path] = ()) -> bool:
    """Delete the file unless a job relies on it, and before it those of `after`; False if it stays or was not there."""
    with _unpinned(path) as is_free:
        if is_free:
            for each in (*after, path):
                each.unlink(missing_ok=True)
    return is_free


def is_pinned(path: Path) -> bool:
    """Whether a job relies on the file."""
    with _unpinned(path) as is_free:
        return not is_free and path.exists()


@contextmanager
def _unpinned(path: Path) -> Iterator[bool]:
    """Keep jobs from taking the file inside the block; False if one has it, or there is no such file."""
    try:
        handle = open_file(path)
    except FileNotFoundError:
        yield path.is_symlink()  # what it pointed to is gone: nobody can rely on it
        return
    except OSError:
        handle = -1  # not ours to read, or no file: nobody can have pinned it
    try:
        yield handle < 0 or not fcntl or _try_lock(handle)
    finally:
        if handle >= 0:
            os.close(handle)


def _lock(handle: int, kind: int) -> None:
    try:
        fcntl.flock(handle, kind)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _try_lock(handle: int) -> bool:
    """Whether nobody else holds a lock on the file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _BUSY
    return True
