"""Makes the file that an engine opens in the place of a stored one, which is never changed.

In the order in which they are tried: a file that shares its blocks with the stored one, where the file system can; on
Linux a file in memory, where there is room; a file on disk, kept for the next time as long as all of them together
stay below a limit.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Final

from tampu import __version__
from tampu.engine import view_writer
from tampu.engine.view_folder import (
    MOST_KEPT_BYTES,
    has_paths_of_descriptors,
    kept_path,
    make_room,
    new_file,
    path_of,
)
from tampu.engine.view_memory import has_memory_files, memory_file, release_unmapped
from tampu.engine.view_writer import StillWanted, is_worth_sharing, write_view
from tampu.errors import EngineStartFailed
from tampu.gguf.translate.plan import Computed, Copied, Given, View
from tampu.units import format_bytes

_MEMORY_MARGIN: Final = 256 << 20
"""Memory that a file in memory leaves to others."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class OpenView:
    """A file for an engine. `descriptor`: that of a file in memory, which lasts as long as it is open."""

    path: Path
    descriptor: int | None = None

    def release_unmapped(self, pid: int) -> int:
        """Give back the memory of what a process has loaded from it and does not use; the bytes given back."""
        return 0 if self.descriptor is None else release_unmapped(self.descriptor, pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where such files may go: a folder on the file system of the stored models, and memory.

    `memory_bytes`: what may be taken of memory now, 0 for nothing.
    """

    folder: Path
    memory_bytes: int
    most_kept_bytes: int = MOST_KEPT_BYTES


@contextmanager
def opened(view: View, places: Places, still_wanted: StillWanted = lambda: None) -> Iterator[OpenView]:
    """The file that `view` describes, for the time in which an engine opens it; once open it lives on without us.

    Raises InvalidModelFile where the stored file is shorter than it was, EngineStartFailed where there is no room.
    """
    with ExitStack() as stack:
        try:
            made = _made(view, places, still_wanted, stack)
        except OSError as error:
            if error.errno in _FULL:
                raise _no_room(view, places) from None
            text = f"the translated model cannot be written: {error.strerror or error}"
            raise EngineStartFailed(text) from error
        yield made


def _made(view: View, places: Places, still_wanted: StillWanted, stack: ExitStack) -> OpenView:
    try:
        shared = stack.enter_context(_shared(view, places, still_wanted))
    except OSError:
        shared = None  # of a folder that cannot be written or is full; memory may do
    if shared is not None:
        return shared
    if has_memory_files() and view.nbytes + _MEMORY_MARGIN <= places.memory_bytes:
        try:
            return stack.enter_context(_in_memory(view, still_wanted))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            # A system that promises no more memory than it has may refuse what is free; the disk may do.
    kept = kept_path(places.folder, _key(view))
    return _kept(view, kept, stack) or stack.enter_context(_on_disk(view, kept, places, still_wanted))


@contextmanager
def _shared(view: View, places: Places, still_wanted: StillWanted) -> Iterator[OpenView | None]:
    """None where the file system cannot share blocks, or there is nothing worth sharing."""
    share = view_writer.clone_range
    if share is None or not is_worth_sharing(view):
        yield None
        return
    with new_file(places.folder) as file:
        yield OpenView(file.path) if write_view(view, file.descriptor, still_wanted, share) else None


@contextmanager
def _in_memory(view: View, still_wanted: StillWanted) -> Iterator[OpenView]:
    with memory_file() as descriptor:
        write_view(view, descriptor, still_wanted)
        yield OpenView(path_of(descriptor), descriptor)


def _kept(view: View, kept: Path, stack: ExitStack) -> OpenView | None:
    """The file that an earlier load has kept; None where there is none, or one that somebody has cut."""
    try:
        file = stack.enter_context(kept.open("rb"))
    except FileNotFoundError:
        return None
    if os.fstat(file.fileno()).st_size != view.nbytes:
        kept.unlink(missing_ok=True)
        return None
    with suppress(OSError):
        os.utime(kept)  # those that were used last are kept longest
    # By its descriptor a purge cannot take it away between now and the time when the engine opens it.
    return OpenView(path_of(file.fileno()) if has_paths_of_descriptors() else kept)


@contextmanager
def _on_disk(view: View, kept: Path, places: Places, still_wanted: StillWanted) -> Iterator[OpenView]:
    with new_file(places.folder) as file:
        make_room(places.folder, view.nbytes, places.most_kept_bytes)
        if view.nbytes > disk_usage(places.folder).free:
            raise _no_room(view, places)
        write_view(view, file.descriptor, still_wanted)
        file.keep(kept)
        yield OpenView(file.path)


def _key(view: View) -> str:
    """A name that changes with the stored files, with how they are translated, and with the version that does it."""
    digest = hashlib.sha256(f"{__version__} {view.nbytes}".encode())
    for source in view.sources:
        status = source.stat()
        digest.update(f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {source}".encode())
    for piece in view.pieces:
        digest.update(piece.content if isinstance(piece, Given) else _outline(piece))
    return digest.hexdigest()


def _outline(piece: Copied | Computed) -> bytes:
    sources = (piece,) if isinstance(piece, Copied) else piece.sources
    return repr([(source.file, source.start, source.nbytes) for source in sources]).encode()


def _no_room(view: View, places: Places) -> EngineStartFailed:
    with suppress(OSError):
        free = format_bytes(disk_usage(places.folder if places.folder.is_dir() else places.folder.anchor).free)
        there = f"{format_bytes(places.memory_bytes)} of memory and {free} of disk are free"
        return EngineStartFailed(f"translating this model takes {format_bytes(view.nbytes)}, but only {there}")
    return EngineStartFailed(f"translating this model takes {format_bytes(view.nbytes)}, for which there is no room")
