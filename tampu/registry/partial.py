"""A blob that is not whole yet: `<blob>-partial` and one small state file per part, as Ollama keeps them.

A state file is brought up to date with every write of data, in place and in one call, so that a kill at any moment
loses a fraction of a MiB. Both programs can go on with what the other left. Files only; no network.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Final, Self

import msgspec

from tampu.errors import StoreError
from tampu.store.blobs import BlobStore
from tampu.store.faults import store_faults

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is absent there; every use asks first

PART_COUNT: Final = 16
SMALLEST_PART_BYTES: Final = 100_000_000
LARGEST_PART_BYTES: Final = 1_000_000_000
_STATE_WIDTH: Final = 112
_PIECE_BYTES: Final = 1 << 20
_DOING: Final = "downloading a model"


class PartialBusy(StoreError):
    """Another process is downloading the same blob right now."""

    def __init__(self) -> None:
        super().__init__("another process is downloading the same model; wait for it or stop it")


@dataclass(slots=True)
class Part:
    """A stretch of a blob that is fetched by one request at a time; `completed` counts from its start.

    `is_doubtful`: it did not come in one go, so it is the first to look at when the digest is wrong.
    """

    number: int
    offset: int
    size: int
    completed: int = 0
    is_doubtful: bool = field(default=False, compare=False)

    @property
    def position(self) -> int:
        """Where in the blob the next byte belongs."""
        return self.offset + self.completed

    @property
    def end(self) -> int:
        """Just after the part's last byte."""
        return self.offset + self.size

    @property
    def is_done(self) -> bool:
        """Whether every byte is on disk."""
        return self.completed >= self.size


class _State(msgspec.Struct, omit_defaults=True):
    """A part's state file. `Model`, whom the download is for, is ours; Ollama passes over it."""

    number: int = msgspec.field(name="N")
    offset: int = msgspec.field(name="Offset")
    size: int = msgspec.field(name="Size")
    completed: int = msgspec.field(name="Completed")
    model: str = msgspec.field(name="Model", default="")


def plan_parts(total: int) -> list[Part]:
    """The parts of a blob of `total` bytes."""
    size = min(max(total // PART_COUNT, SMALLEST_PART_BYTES), LARGEST_PART_BYTES)
    return [Part(n, offset, min(size, total - offset)) for n, offset in enumerate(range(0, total, size))]


class PartialBlob:
    """An open partial blob, locked against other processes. Leaving the block keeps it for a later run."""

    def __init__(self, target: Path, file: IO[bytes]) -> None:
        self.path, self._target, self._file = _partial_path(target), target, file
        self._reader = self.path.open("rb", buffering=0)
        self._buffer = memoryview(bytearray(_PIECE_BYTES))
        self._states: dict[int, IO[bytes]] = {}
        self._lock = Lock()
        self.parts: list[Part] = []
        self.model = ""

    @classmethod
    def open(cls, target: Path, expected: int, model: str = "") -> Self:
        """The partial of `target` with what an earlier run left in it, else without parts; raises PartialBusy.

        `model` is written down for whoever asks what the partial is; an earlier run's word stands.
        """
        with store_faults(_DOING):
            target.parent.mkdir(parents=True, exist_ok=True)
            path = _partial_path(target)
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0)
            try:
                _lock(file, path)
                partial = cls(target, file)
                known = read_states(target)
                partial.parts = usable_parts(known, os.fstat(file.fileno()).st_size, expected)
                partial.model = (known.model if partial.parts else "") or model
            except BaseException:
                file.close()
                raise
        return partial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.completed:
            self.discard()
        self.close()

    def plan(self, total: int) -> None:
        """Begin anew with the parts of a blob of `total` bytes."""
        with store_faults(_DOING):
            self._forget_states()
            self.parts = plan_parts(total)
            self._file.truncate(0)
            self._file.truncate(total)
            for part in self.parts:
                self._record(part)

    @property
    def total(self) -> int:
        """The size that the blob will have."""
        return self.parts[-1].end if self.parts else 0

    @property
    def completed(self) -> int:
        """Bytes on disk, in all parts."""
        return sum(part.completed for part in self.parts)

    @property
    def prefix(self) -> int:
        """How many bytes from the start are on disk without a gap."""
        for part in self.parts:
            if not part.is_done:
                return part.position
        return self.total

    def absorb(self, position: int, data: bytes) -> None:
        """Keep what is still missing of `data`, which belongs at `position`. Threads may call this at the same time."""
        view = memoryview(data)
        for part in self.parts:
            start, end = max(position, part.position), min(position + len(data), part.end)
            if start < end and start == part.position:
                self.overwrite(start, view[start - position : end - position])
                part.completed = end - part.offset
                with store_faults(_DOING), self._lock:
                    self._record(part)

    def overwrite(self, position: int, data: bytes | memoryview) -> None:
        """Write `data` at `position`, whatever is there."""
        with store_faults(_DOING), self._lock:
            self._file.seek(position)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    def read(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position`. For one thread at a time."""
        with store_faults(_DOING):
            self._reader.seek(position)
            return self._reader.read(size)

    def pieces(self, position: int, size: int) -> Iterator[memoryview]:
        """Up to `size` bytes from `position`, piece by piece; each is good until the next. For one thread at a time."""
        # One buffer for all: fresh megabytes for each would cost as much as hashing them.
        with store_faults(_DOING):
            self._reader.seek(position)
            while size > 0 and (count := self._reader.readinto(self._buffer[:size])):
                yield self._buffer[:count]
                size -= count

    def promote(self, blobs: BlobStore, digest: str) -> None:
        """Make the whole, checked partial the blob, safe against a power cut."""
        blobs.place(self.path, digest)
        self._forget_states()

    def discard(self) -> None:
        """Forget the partial and its states."""
        with store_faults(_DOING):
            self.parts = []
            self.path.unlink(missing_ok=True)
            self._forget_states()

    def close(self) -> None:
        """Let go of the files and of the lock; what is on disk stays."""
        for file in (self._reader, self._file, *self._states.values()):
            file.close()
        self._states.clear()

    def _forget_states(self) -> None:
        for state in self._states.values():
            state.close()
        self._states.clear()
        for path in _state_paths(self._target):
            path.unlink(missing_ok=True)

    def _record(self, part: Part) -> None:
        """Write the part's state in one call over the old one, which is never longer."""
        state = self._states.get(part.number)
        if state is None:
            path = self._target.with_name(f"{self._target.name}-partial-{part.number}")
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            state = self._states[part.number] = os.fdopen(handle, "r+b", buffering=0)
        fields = msgspec.json.encode(_State(part.number, part.offset, part.size, part.completed, self.model))
        state.seek(0)
        state.write(fields.ljust(_STATE_WIDTH + len(self.model)) + b"\n")


def _partial_path(target: Path) -> Path:
    return target.with_name(f"{target.name}-partial")


def _state_paths(target: Path) -> list[Path]:
    return list(target.parent.glob(f"{target.name}-partial-*"))


@dataclass(frozen=True, slots=True)
class States:
    """What the state files of a partial say: its parts in order of offset, and whom it is for ("" if unknown)."""

    parts: tuple[Part, ...] = ()
    model: str = ""

    @property
    def total(self) -> int:
        """The size that the blob will have."""
        return self.parts[-1].end if self.parts else 0

    @property
    def completed(self) -> int:
        """Bytes on disk, in all parts."""
        return sum(part.completed for part in self.parts)


def read_states(target: Path) -> States:
    """The state files of `target`'s partial; no parts if one is unreadable."""
    try:
        states = [msgspec.json.decode(path.read_bytes(), type=_State) for path in _state_paths(target)]
    except (msgspec.DecodeError, UnicodeDecodeError, FileNotFoundError):
        return States()
    parts = [Part(state.number, state.offset, state.size, state.completed, state.completed > 0) for state in states]
    model = next((state.model for state in states if state.model), "")
    return States(tuple(sorted(parts, key=lambda part: part.offset)), model)


def usable_parts(states: States, file_size: int, expected: int) -> list[Part]:
    """The parts if they make up one blob of the expected size whose bytes the file can hold, else none."""
    parts, reached = list(states.parts), 0
    for part in parts:
        if part.offset != reached or part.size <= 0 or not 0 <= part.completed <= part.size:
            return []
        reached = part.end
    holds_all = file_size >= max((part.position for part in parts if part.completed), default=0)
    return parts if holds_all and reached == expected else []


def _lock(file: IO[bytes], path: Path) -> None:
    """Take the file, opened at `path`, for this process; raises PartialBusy. A lock also keeps pruning away."""
    if not fcntl:
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PartialBusy from None
    except OSError:
        return  # a file system without locks
    # Whoever held the lock may just have given up, or finished: then this is the blob, and not to be written to.
    try:
        is_still_there = os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        is_still_there = False
    if not is_still_there:
        raise PartialBusy
