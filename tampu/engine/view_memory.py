"""Files that are nowhere but in memory: made, and, once an engine has loaded one, rid of what it does not use."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_BLOCK: Final = 4096
_PUNCH_HOLE: Final = 0x01 | 0x02  # without changing the length


def has_memory_files() -> bool:
    """Whether this system has files that are nowhere but in memory."""
    return sys.platform == "linux" and hasattr(os, "memfd_create")


@contextmanager
def memory_file() -> Iterator[int]:
    """The descriptor of a new one. What another process has opened or mapped of it outlives the descriptor."""
    descriptor = os.memfd_create("tampu-model", os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def release_unmapped(descriptor: int, pid: int) -> int:
    """Give back the memory of all that a process has not mapped of a file in memory; the bytes given back.

    An engine that keeps its weights on a device maps none or few of them; what nobody has mapped would stay as long as
    the rest does. Where it has mapped nothing at all, closing is enough, or another process is the engine.
    """
    status = os.fstat(descriptor)
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return 0
    mapped, freed = mapped_ranges(maps, status.st_ino), 0
    for start, end in gaps(mapped, status.st_size) if mapped else ():
        with suppress(OSError):
            _punch(descriptor, start, end - start)
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


def _punch(descriptor: int, start: int, nbytes: int) -> None:
    import ctypes  # noqa: PLC0415  # Linux only

    library = ctypes.CDLL(None, use_errno=True)
    if library.fallocate(descriptor, _PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(nbytes)):
        raise OSError(ctypes.get_errno(), "fallocate")
