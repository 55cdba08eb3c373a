"""Makes the file that an engine opens in the place of a stored one, which is never changed.

In the order in which they are tried: a file that shares its blocks with the stored one, where the file system can; on
Linux a file in memory, where there is room; a file on disk, kept for the next time as long as all of them together
stay below a limit.
"""

import errno
import hashlib
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Final, assert_never

from tampu.errors import EngineStartFailed, InvalidModelFile
from tampu.gguf.translate.plan import Computed, Copied, Given, Piece, View
from tampu.units import format_bytes

MOST_KEPT_BYTES: Final = 64 << 30
"""Disk for kept files. One that is larger by itself is kept until the next one comes."""
_MEMORY_MARGIN: Final = 256 << 20
"""Memory that a file in memory leaves to others."""
_STEP: Final = 64 << 20
"""Bytes between two looks whether anybody still wants the file."""
_BLOCK: Final = 4096
_WORTH_SHARING: Final = 1 << 20
_CLONE_RANGE: Final = 0x4020940D
_CANNOT_SHARE: Final = frozenset({errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG})
_PUNCH_HOLE: Final = 0x01 | 0x02  # without changing the length

Share = Callable[[int, int, int, int, int], None]
"""Let a range of a file share the blocks of another: (target, source, start in source, bytes, start in target)."""
StillWanted = Callable[[], None]
"""Raises where nobody wants the file any more."""


@dataclass(frozen=True, slots=True)
class OpenView:
    """A file for an engine. `descriptor`: that of a file in memory, which lasts as long as it is open."""

    path: Path
    descriptor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where such files may go: a folder, and how their names there begin, by which it knows them.

    `memory_bytes`: what may be taken of memory now, 0 for nothing.
    """

    folder: Path
    prefix: str
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
        return stack.enter_context(_in_memory(view, still_wanted))
    return OpenView(_on_disk(view, places, still_wanted))


def has_memory_files() -> bool:
    """Whether this system has files that are nowhere but in memory."""
    return sys.platform == "linux" and hasattr(os, "memfd_create")


def release_unmapped(view: OpenView, pid: int) -> int:
    """Give back the memory of all that a process has not mapped of a file in memory; the bytes given back.

    An engine that keeps its weights on a device maps none or few of them; what nobody has mapped would stay as long as
    the rest does. Where it has mapped nothing at all, closing is enough, or another process is the engine.
    """
    if view.descriptor is None:
        return 0
    status = os.fstat(view.descriptor)
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return 0
    mapped, freed = mapped_ranges(maps, status.st_ino), 0
    for start, end in gaps(mapped, status.st_size) if mapped else ():
        with suppress(OSError):
            _punch(view.descriptor, start, end - start)
            freed += end - start
    return freed


def mapped_ranges(maps: str, inode: int) -> list[tuple[int, int]]:
    """The ranges of a file that are mapped, from the text of `/proc/PID/maps`."""
    found = []
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) >= 5 and fields[4] == str(inode) and "memfd:" in line:
            low, high = (int(number, 16) for number in fields[0].split("-"))
            offset = int(fields[2], 16)
            found.append((offset, offset + high - low))
    return sorted(found)


def gaps(ranges: Iterable[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """What sorted ranges leave uncovered of a length, in whole blocks."""
    at = 0
    for start, end in (*ranges, (length, length)):
        low, high = -(-at // _BLOCK) * _BLOCK, start // _BLOCK * _BLOCK
        if low < high:
            yield low, high
        at = max(at, end)


# --- the three ways ------------------------------------------------------------------------------------------------


@contextmanager
def _shared(view: View, places: Places, still_wanted: StillWanted) -> Iterator[OpenView | None]:
    """None where the file system cannot share blocks, or there is nothing worth sharing."""
    if not any(isinstance(piece, Copied) and piece.nbytes >= _WORTH_SHARING for piece in view.pieces):
        yield None
        return
    if clone_range is None:
        yield None
        return
    with _unfinished(places) as (descriptor, path):
        yield OpenView(path) if _write(view, descriptor, still_wanted, clone_range) else None


@contextmanager
def _in_memory(view: View, still_wanted: StillWanted) -> Iterator[OpenView]:
    descriptor = os.memfd_create("tampu-model", os.MFD_CLOEXEC)
    try:
        _write(view, descriptor, still_wanted)
        # The engine is another process of the same user; what it has opened or mapped outlives our descriptor.
        yield OpenView(Path(f"/proc/{os.getpid()}/fd/{descriptor}"), descriptor)
    finally:
        os.close(descriptor)


def _on_disk(view: View, places: Places, still_wanted: StillWanted) -> Path:
    kept = places.folder / f"{places.prefix}kept-{_key(view)}"
    with suppress(FileNotFoundError):
        os.utime(kept)  # the most recently used are kept
        return kept
    places.folder.mkdir(parents=True, exist_ok=True)
    _make_room(view, places)
    if view.nbytes > disk_usage(places.folder).free:
        raise _no_room(view, places)
    with _unfinished(places) as (descriptor, path):
        _write(view, descriptor, still_wanted)
        os.fsync(descriptor)
        path.replace(kept)
    return kept


def _make_room(view: View, places: Places) -> None:
    files = sorted(
        ((path.stat(), path) for path in places.folder.glob(f"{places.prefix}kept-*")),
        key=lambda file: file[0].st_mtime,
    )
    taken = sum(status.st_size for status, _ in files)
    for status, path in files:
        if taken + view.nbytes <= places.most_kept_bytes and view.nbytes <= disk_usage(places.folder).free:
            return
        path.unlink(missing_ok=True)
        taken -= status.st_size


def _key(view: View) -> str:
    """A name that changes with the stored file and with how it is translated."""
    status = view.source.stat()
    digest = hashlib.sha256(f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {view.nbytes}".encode())
    digest.update(str(view.source).encode())
    for piece in view.pieces:
        digest.update(piece.content if isinstance(piece, Given) else _outline(piece))
    return digest.hexdigest()


def _outline(piece: Copied | Computed) -> bytes:
    sources = (piece,) if isinstance(piece, Copied) else piece.sources
    return repr([(source.start, source.nbytes) for source in sources]).encode()


def _no_room(view: View, places: Places) -> EngineStartFailed:
    with suppress(OSError):
        free = format_bytes(disk_usage(places.folder if places.folder.is_dir() else places.folder.anchor).free)
        there = f"{format_bytes(places.memory_bytes)} of memory and {free} of disk are free"
        return EngineStartFailed(f"translating this model takes {format_bytes(view.nbytes)}, but only {there}")
    return EngineStartFailed(f"translating this model takes {format_bytes(view.nbytes)}, for which there is no room")


# --- writing -------------------------------------------------------------------------------------------------------


@contextmanager
def _unfinished(places: Places) -> Iterator[tuple[int, Path]]:
    """A new file in the folder; it is gone afterwards unless it got another name."""
    places.folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=places.prefix, dir=places.folder)
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _write(view: View, target: int, still_wanted: StillWanted, share: Share | None = None) -> bool:
    """Write all pieces; False where blocks were to be shared and cannot be."""
    source = os.open(view.source, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        writer = _Writer(source, target, still_wanted)
        return all(writer.write(piece, share) for piece in view.pieces)
    finally:
        os.close(source)


class _Writer:
    """Writes one file from its beginning on."""

    def __init__(self, source: int, target: int, still_wanted: StillWanted) -> None:
        self._source, self._target, self._still_wanted = source, target, still_wanted
        self._at = 0

    def write(self, piece: Piece, share: Share | None) -> bool:
        """Write what comes next; False where blocks were to be shared and cannot be."""
        self._still_wanted()
        match piece:
            case Given(content=content):
                self._write(content)
            case Computed(sources=places, make=make):
                self._write(make([self._read(place) for place in places]))
            case Copied() if share and piece.nbytes >= _WORTH_SHARING and (piece.start - self._at) % _BLOCK == 0:
                return self._share(piece, share)
            case Copied():
                self._copy(piece)
            case _ as never:
                assert_never(never)
        return True

    def _share(self, piece: Copied, share: Share) -> bool:
        low, high = -piece.start % _BLOCK, (piece.start + piece.nbytes) // _BLOCK * _BLOCK - piece.start
        self._copy(Copied(piece.start, low))
        try:
            share(self._target, self._source, piece.start + low, high - low, self._at)
        except OSError as error:
            if error.errno in _CANNOT_SHARE:
                return False
            raise
        self._at += high - low
        self._copy(Copied(piece.start + high, piece.nbytes - high))
        return True

    def _copy(self, place: Copied) -> None:
        """Copy without the bytes coming by us, where the system can."""
        os.lseek(self._target, self._at, os.SEEK_SET)
        done = 0
        while done < place.nbytes:
            self._still_wanted()
            step = min(_STEP, place.nbytes - done)
            if sys.platform == "linux":
                count = os.sendfile(self._target, self._source, place.start + done, step)
            else:
                part = self._read(Copied(place.start + done, min(step, _WORTH_SHARING)))
                count = os.write(self._target, part)
            if not count:
                raise _changed()
            done += count
        self._at += done

    def _read(self, place: Copied) -> bytes:
        os.lseek(self._source, place.start, os.SEEK_SET)
        parts, left = list[bytes](), place.nbytes
        while left:
            part = os.read(self._source, left)
            if not part:
                raise _changed()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _write(self, content: bytes) -> None:
        os.lseek(self._target, self._at, os.SEEK_SET)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._target, rest) :]
        self._at += len(content)


def _changed() -> InvalidModelFile:
    return InvalidModelFile("the model's file is shorter than when it was looked at; pull or create the model again")


def _clone_range(target: int, source: int, start: int, nbytes: int, at: int) -> None:
    import fcntl  # noqa: PLC0415  # Unix only

    fcntl.ioctl(target, _CLONE_RANGE, struct.pack("qQQQ", source, start, nbytes, at))


clone_range: Share | None = _clone_range if sys.platform == "linux" else None


def _punch(descriptor: int, start: int, nbytes: int) -> None:
    import ctypes  # noqa: PLC0415  # Linux only

    library = ctypes.CDLL(None, use_errno=True)
    if library.fallocate(descriptor, _PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(nbytes)):
        raise OSError(ctypes.get_errno(), "fallocate")
