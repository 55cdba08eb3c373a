"""Brings one blob whole and right into the store: parallel parts, resume, a digest computed on the way.

Rules: 1. what is on disk is not asked for again, not after a cut, a stall, a restart nor a kill; 2. a server that does
not keep to ranges is read from the start, and what is there already is skipped; 3. ETags are not compared, since the
nodes of one network differ in them: the digest decides; 4. nothing bears the blob's name before its digest is right;
5. after a wrong digest the parts are compared with the registry's once more, and only what differs is replaced.
"""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from tampu.errors import DigestMismatch, RegistryError
from tampu.registry.failures import first_failure
from tampu.registry.fetcher import BlobFetcher, NoRangesError
from tampu.registry.origin import Origin
from tampu.registry.pace import Pace
from tampu.registry.partial import PART_COUNT, Part, PartialBlob, PartialBusy, read_states
from tampu.registry.retries import when_asked_to_wait
from tampu.registry.room import check_room
from tampu.store.blobs import BlobStore

_HASH_BYTES: Final = 8 << 20
_BUSY_POLL_S: Final = 0.5
_STREAMS_WHEN_LIMITED: Final = 4
"""More would gain nothing, and what each of them has under way is not held back by a limit."""

Report = Callable[[int, int], None]
"""Told the bytes on disk and the bytes in all."""


@dataclass(frozen=True, slots=True)
class WantedBlob:
    """A blob to fetch: its size is what the manifest says, `model` the name of the model that it is for."""

    digest: str
    size: int
    model: str = ""


async def download_blob(origin: Origin, blobs: BlobStore, wanted: WantedBlob, *, pace: Pace, report: Report) -> None:
    """Make the blob stored. Raises RegistryError, DigestMismatch, StoreError.

    What was fetched stays for the next attempt, whatever happens; only bytes that proved wrong are thrown away.
    """
    async with whole_partial(origin, blobs, wanted, pace=pace, report=report) as partial:
        if partial is not None:
            await to_thread.run_sync(partial.promote, blobs, wanted.digest)


@asynccontextmanager
async def whole_partial(
    origin: Origin, blobs: BlobStore, wanted: WantedBlob, *, pace: Pace, report: Report
) -> AsyncIterator[PartialBlob | None]:
    """The blob's partial, whole and right, locked inside the block and kept after it; None if the blob is stored.

    Raises what `download_blob` raises.
    """
    target, size = blobs.path(wanted.digest), wanted.size
    while not await to_thread.run_sync(_is_whole, target, size):
        try:
            with anyio.CancelScope(shield=True):  # an open file must not get lost between thread and task
                partial = await to_thread.run_sync(PartialBlob.open, target, size, wanted.model)
        except PartialBusy:
            states = await to_thread.run_sync(read_states, target)
            report(states.completed, size)  # another process is at it: that is how far it is
            await anyio.sleep(_BUSY_POLL_S)
            continue
        with partial:
            await _complete(partial, origin, wanted, pace=pace, report=report)
            yield partial
        return
    yield None


async def _complete(partial: PartialBlob, origin: Origin, wanted: WantedBlob, *, pace: Pace, report: Report) -> None:
    if not partial.parts:
        await _check_size(origin, wanted.digest, wanted.size)
        await to_thread.run_sync(check_room, partial.path.parent, wanted.size)
        await to_thread.run_sync(partial.plan, wanted.size)
    else:
        await to_thread.run_sync(check_room, partial.path.parent, wanted.size - partial.completed)
    fetcher = BlobFetcher(origin, wanted.digest, pace)
    await _Download(fetcher, partial, wanted.digest, report).run(
        streams=_STREAMS_WHEN_LIMITED if pace.is_limited else PART_COUNT
    )


async def _check_size(origin: Origin, digest: str, size: int) -> None:
    """Ask for the blob before room is made for it; a registry that contradicts its own manifest is refused."""
    told = await when_asked_to_wait(origin.patience, lambda: origin.blob_size(digest))
    if told is not None and told != size:
        raise RegistryError(f"the registry has {told} bytes for {digest}, its manifest says {size}: refused")


def _is_whole(target: Path, size: int) -> bool:
    try:
        return target.stat().st_size == size
    except OSError:
        return False


class _Download:
    """One blob on its way. `run` returns when every byte is on disk and the digest is right."""

    def __init__(self, fetcher: BlobFetcher, partial: PartialBlob, digest: str, report: Report) -> None:
        self._fetcher, self._partial, self._digest, self._report = fetcher, partial, digest, report
        self._fetcher.on_taken = self._announce
        self._arrived = anyio.Event()

    async def run(self, *, streams: int) -> None:
        self._announce()
        got = await self._fetch_and_hash(streams)
        if got != self._digest:
            got = await self._repair(got)
        if got != self._digest:
            await to_thread.run_sync(self._partial.discard)
            message = f"digest mismatch, file must be downloaded again: want {self._digest}, got {got}"
            raise DigestMismatch(message, wanted=self._digest, got=got)

    async def _fetch_and_hash(self, streams: int) -> str:
        """Fetch what is missing and hash the bytes from the start while they come in."""
        state = hashlib.sha256()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._hash_prefix, state)
                await self._fetch(streams)
        except ExceptionGroup as failures:
            raise first_failure(failures) from None
        return f"sha256:{state.hexdigest()}"

    async def _fetch(self, streams: int) -> None:
        missing = deque(part for part in self._partial.parts if not part.is_done)
        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(streams, len(missing))):
                    group.start_soon(self._fetch_parts, missing)
        except* NoRangesError:
            await self._fetcher.fetch_whole(self._partial.total, self._partial.absorb)

    async def _fetch_parts(self, missing: deque[Part]) -> None:
        while missing:
            part = missing.popleft()
            failures = await self._fetcher.fetch(part.position, part.end, self._partial.absorb)
            part.is_doubtful |= failures > 0

    async def _hash_prefix(self, state: "hashlib._Hash") -> None:
        """Hash from the start as far as there is no gap, again and again until the end."""
        hashed = 0
        while hashed < self._partial.total:
            arrived, ready = self._arrived, min(self._partial.prefix - hashed, _HASH_BYTES)
            if ready <= 0:
                await arrived.wait()
                continue
            hashed += await to_thread.run_sync(self._hash_some, state, hashed, ready)

    def _hash_some(self, state: "hashlib._Hash", position: int, size: int) -> int:
        hashed = 0
        for piece in self._partial.pieces(position, size):
            state.update(piece)
            hashed += len(piece)
        return hashed

    async def _repair(self, got: str) -> str:
        """Ask for one part after the other again until the digest is right; gives the digest at the end.

        Those that came in pieces come first: where something went wrong, more may have gone wrong.
        """
        for part in sorted(self._partial.parts, key=lambda part: not part.is_doubtful):
            comparison = _Comparison(self._partial)
            try:
                await self._fetcher.fetch(part.offset, part.end, comparison.take)
            except NoRangesError:
                await self._fetcher.fetch_whole(self._partial.total, comparison.take)
            if comparison.has_changed:
                state = hashlib.sha256()
                await self._hash_prefix(state)
                got = f"sha256:{state.hexdigest()}"
            if got == self._digest:
                break
        return got

    def _announce(self) -> None:
        self._report(self._partial.completed, self._partial.total)
        self._arrived.set()
        self._arrived = anyio.Event()


class _Comparison:
    """Takes bytes that are on disk already and replaces those that differ."""

    def __init__(self, partial: PartialBlob) -> None:
        self._partial = partial
        self.has_changed = False

    def take(self, position: int, data: bytes) -> None:
        if self._partial.read(position, len(data)) != data:
            self._partial.overwrite(position, data)
            self.has_changed = True
