"""Writes the file that a view describes: pieces copied from the stored file, or sharing its blocks, or computed."""

import errno
import os
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, assert_never

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.plan import Computed, Copied, Given, Piece, View

_STEP: Final = 64 << 20
"""Bytes between two looks whether anybody still wants the file."""
_BLOCK: Final = 4096
_WORTH_SHARING: Final = 1 << 20
_CLONE_RANGE: Final = 0x4020940D
_CANNOT_SHARE: Final = frozenset({errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS})

Share = Callable[[int, int, int, int, int], None]
"""Let a range of a file share the blocks of another: (target, source, start in source, bytes, start in target)."""
StillWanted = Callable[[], None]
"""Raises where nobody wants the file any more."""


def is_worth_sharing(view: View) -> bool:
    """Whether enough of it is copied in one go that sharing blocks saves something."""
    return any(isinstance(piece, Copied) and piece.nbytes >= _WORTH_SHARING for piece in view.pieces)


def write_view(view: View, target: int, still_wanted: StillWanted, share: Share | None = None) -> bool:
    """Write all pieces to an empty file; False where blocks were to be shared and cannot be.

    Raises InvalidModelFile where the stored file is shorter than it was, OSError.
    """
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with ExitStack() as stack:
        sources = []
        for path in view.sources:
            sources.append(os.open(path, flags))
            stack.callback(os.close, sources[-1])
        writer = _Writer(sources, target, still_wanted)
        return all(writer.write(piece, share) for piece in view.pieces)


class _Writer:
    """Writes one file from its beginning on."""

    def __init__(self, sources: Sequence[int], target: int, still_wanted: StillWanted) -> None:
        self._sources, self._target, self._still_wanted = sources, target, still_wanted
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
        self._copy(Copied(piece.start, low, piece.file))
        try:
            share(self._target, self._sources[piece.file], piece.start + low, high - low, self._at)
        except OSError as error:
            if error.errno in _CANNOT_SHARE:
                return False
            raise
        self._at += high - low
        self._copy(Copied(piece.start + high, piece.nbytes - high, piece.file))
        return True

    def _copy(self, place: Copied) -> None:
        """Copy without the bytes coming by us, where the system can."""
        os.lseek(self._target, self._at, os.SEEK_SET)
        done = 0
        while done < place.nbytes:
            self._still_wanted()
            step = min(_STEP, place.nbytes - done)
            if sys.platform == "linux":
                count = os.sendfile(self._target, self._sources[place.file], place.start + done, step)
            else:
                part = self._read(Copied(place.start + done, min(step, _WORTH_SHARING), place.file))
                count = os.write(self._target, part)
            if not count:
                raise _changed()
            done += count
        self._at += done

    def _read(self, place: Copied) -> bytes:
        source = self._sources[place.file]
        os.lseek(source, place.start, os.SEEK_SET)
        parts, left = list[bytes](), place.nbytes
        while left:
            part = os.read(source, left)
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
