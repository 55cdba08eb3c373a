"""Content by its sha256: how bytes come into the blobs folder whole or not at all.

Every way in writes a temporary file, hashes what it writes, makes it durable and renames it: a file under a digest's
name is whole. Temporary files are pinned while they are written, so pruning leaves them alone.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

from anyio import CancelScope, to_thread

from tampu.errors import BlobNotFound, CorruptBlob, DigestMismatch, StoreError
from tampu.store.clone import is_lent, open_regular, regular_file, share_file
from tampu.store.durable import sync_folder
from tampu.store.faults import store_faults
from tampu.store.hashing import hash_steps
from tampu.store.layout import Layout, temporary_name
from tampu.store.locks import Pins, pin_handle
from tampu.store.opening import open_file

_WRITE_SIZE: Final = 1 << 20
"""Bytes gathered before a thread writes and hashes them: small pieces would cost more in hops than in work."""
_FILE_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is in the store. `is_new`: it was not there before."""

    digest: str
    size: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class AdoptStep:
    """How much of a file is taken in; `blob` is None until all of it is."""

    done: int
    total: int
    blob: StoredBlob | None = None


class BlobStore:
    """The blobs of one models folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def path(self, digest: str) -> Path:
        """Where the blob lies or would lie; raises BadRequest for a malformed digest."""
        return self._layout.blob(digest)

    def size(self, digest: str) -> int:
        """Bytes of a stored blob; raises BlobNotFound."""
        try:
            return self.path(digest).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise BlobNotFound(digest) from None
        except OSError as error:
            raise StoreError(f"blob {digest} cannot be read: {error.strerror}") from error

    def has(self, digest: str) -> bool:
        """Whether the blob is stored; raises BadRequest for a malformed digest."""
        with store_faults(f"looking for blob {digest}"):
            return self.path(digest).is_file()

    def read(self, digest: str, *, limit: int) -> bytes:
        """The content of a small blob; raises BlobNotFound, CorruptBlob where it has more than `limit` bytes."""
        try:
            with os.fdopen(open_file(self.path(digest)), "rb") as file:
                content = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise BlobNotFound(digest) from None
        except OSError as error:
            raise StoreError(f"blob {digest} cannot be read: {error.strerror}") from error
        if len(content) > limit:
            raise CorruptBlob(f"blob {digest} is too long for its kind: more than {limit} bytes")
        return content

    def touch(self, digest: str) -> None:
        """Make the blob look new, so that pruning by age leaves it to the job that is about to use it.

        One that is also a file of the user keeps its time, which is the user's; pins protect it all the same.
        """
        path = self.path(digest)
        try:
            if not is_lent(path):
                os.utime(path)
        except OSError:
            return  # another owner's file: pins and the check at commit still protect it

    def put_bytes(self, content: bytes, pins: Pins | None = None) -> StoredBlob:
        """Store a small blob, pinned for the job of `pins`; an existing one of the same size is kept and touched."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self.reuse(digest, pins, size=len(content)):
            return StoredBlob(digest, len(content), is_new=False)
        with TemporaryFile(self._layout) as temporary:
            temporary.write(content)
            return StoredBlob(digest, len(content), is_new=temporary.become(digest, pins))

    def reuse(self, digest: str, pins: Pins | None, *, size: int | None = None) -> bool:
        """Pin and touch a stored blob for a job; False if there is none, or none of that size."""
        path = self.path(digest)
        if pins is not None and not pins.add(path):
            return False
        try:
            found = path.stat()
        except OSError:
            return False
        if not stat.S_ISREG(found.st_mode) or (size is not None and found.st_size != size):
            return False
        self.touch(digest)
        return True

    def writer(self, pins: Pins | None = None) -> "BlobWriter":
        """A new blob whose bytes come piece by piece: `async with blobs.writer() as writer`."""
        return BlobWriter(self._layout, pins)

    async def adopting(
        self, source: Path, *, wanted: str | None = None, pins: Pins | None = None, or_point: bool = False
    ) -> AsyncGenerator[AdoptStep, None]:
        """Bring in a file of any size, sharing its bytes where the file system can: reflink, hard link, else copy.

        With `or_point` a symbolic link takes the place of the copy.

        The last step has the blob. Raises DigestMismatch, nothing kept, if it is not `wanted`; StoreError if the file
        changes meanwhile. Hashing and copying run in threads.
        """
        source = await to_thread.run_sync(regular_file, source)
        with TemporaryFile(self._layout) as temporary, Pins() as hold:
            if await to_thread.run_sync(partial(share_file, source, temporary.path, or_point=or_point)):
                hold.add(temporary.path)
                steps = self._take_shared(temporary, wanted, pins)
            else:
                steps = self._copy_in(source, wanted, pins)
            async with aclosing(steps):  # what it holds is let go of here and not some day
                async for step in steps:
                    yield step

    async def _take_shared(
        self, temporary: "TemporaryFile", wanted: str | None, pins: Pins | None
    ) -> AsyncGenerator[AdoptStep, None]:
        digest, done = "", 0
        async with aclosing(hash_steps(temporary.path)) as steps:
            async for step in steps:
                digest, done = step.digest, step.done
                yield AdoptStep(done, step.total)
        _check_digest(digest, wanted)
        is_new = await to_thread.run_sync(temporary.become, digest, pins)
        yield AdoptStep(done, done, StoredBlob(digest, done, is_new))

    async def _copy_in(self, source: Path, wanted: str | None, pins: Pins | None) -> AsyncGenerator[AdoptStep, None]:
        with store_faults(f"importing {source.name}"):
            file = os.fdopen(open_regular(source), "rb", buffering=0)
        with file:
            total, done = os.fstat(file.fileno()).st_size, 0
            async with self.writer(pins) as writer:
                while done <= total and (piece := await to_thread.run_sync(file.read, _WRITE_SIZE)):
                    await writer.write(piece)
                    done += len(piece)
                    yield AdoptStep(done, total)
                stored = await writer.commit(wanted=wanted)
        yield AdoptStep(stored.size, stored.size, stored)

    def place(self, finished: Path, digest: str) -> bool:
        """Rename a complete, already verified file into place; True if the blob is new. Durable when it returns."""
        with store_faults("storing a blob"):
            return _place(finished, self.path(digest))


class TemporaryFile:
    """A file in the blobs folder that becomes a blob or vanishes."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.path = layout.blobs / temporary_name(secrets.token_hex(10))
        self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, content: bytes) -> None:
        """Append."""
        with store_faults("writing a blob"):
            if self._handle < 0:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
                pin_handle(self._handle)
            view = memoryview(content)
            while view:
                view = view[os.write(self._handle, view) :]

    def sync(self) -> None:
        """Return when the bytes are on the disk."""
        os.fsync(self._handle)

    def become(self, digest: str, pins: Pins | None = None) -> bool:
        """Take the blob's name, durably; True if no whole blob had it before."""
        target = self._layout.blob(digest)
        with store_faults("storing a blob"):
            if self._handle < 0 and not self.path.exists():
                self.write(b"")
            is_new = _place(self.path, target)
        if pins is not None:
            pins.add(target)
        return is_new

    def discard(self) -> None:
        """Close, and delete what is left."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return  # a folder that is read-only says so even of what is not there; what stays is pruned some day


class BlobWriter:
    """A blob in the making. Leaving the block without `commit` leaves nothing behind."""

    def __init__(self, layout: Layout, pins: Pins | None = None) -> None:
        self._temporary = TemporaryFile(layout)
        self._pins = pins
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with CancelScope(shield=True):  # the file may be large: deleting it is work for a thread, and must happen
            await to_thread.run_sync(self._temporary.discard)

    async def write(self, piece: bytes) -> None:
        """Append; the disk and the hash work in a thread."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _WRITE_SIZE:
            await to_thread.run_sync(self._flush)

    async def commit(self, *, wanted: str | None = None) -> StoredBlob:
        """Store what was written under its own digest; raises DigestMismatch, nothing kept, if it is not `wanted`."""
        return await to_thread.run_sync(self._commit, wanted)

    def _flush(self) -> None:
        content = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        self._hash.update(content)
        self._size += len(content)
        self._temporary.write(content)

    def _commit(self, wanted: str | None) -> StoredBlob:
        self._flush()
        digest = f"sha256:{self._hash.hexdigest()}"
        _check_digest(digest, wanted)
        return StoredBlob(digest, self._size, self._temporary.become(digest, self._pins))


def _check_digest(digest: str, wanted: str | None) -> None:
    if wanted is not None and digest != wanted:
        raise DigestMismatch(f'digest mismatch, expected "{wanted}", got "{digest}"', wanted=wanted, got=digest)


def _place(finished: Path, target: Path) -> bool:
    """Rename a complete file to its blob's name. The order matters: the bytes are on the disk before the name is."""
    handle = os.open(finished, os.O_RDONLY)
    try:
        os.fsync(handle)
        size = os.fstat(handle).st_size
    finally:
        os.close(handle)
    is_new = not _is_whole(target, size)
    if is_new:
        finished.replace(target)
    else:
        finished.unlink()
    sync_folder(target.parent)
    return is_new


def _is_whole(path: Path, size: int) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False  # nothing there, or a link that leads nowhere
    return stat.S_ISREG(status.st_mode) and status.st_size == size
