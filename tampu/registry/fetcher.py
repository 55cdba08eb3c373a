"""Gets stretches of one blob from wherever the registry keeps it, through cuts, stalls and refusals.

A failure counts only if the attempt before it brought nothing new. Bytes are handed on in order, in a thread, and what
has been handed on is never asked for again. Knows nothing of files and digests.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import anyio
from aiohttp import ClientResponse, StreamReader
from anyio import CancelScope, to_thread

from tampu.errors import RegistryError, RegistryUnreachable, TampuError
from tampu.registry.client import BlobPlace, RegistryAnswer
from tampu.registry.origin import Origin
from tampu.registry.pace import Pace
from tampu.registry.ranges import Verdict, judge, judge_whole, retry_after_s

_FLUSH_BYTES: Final = 1 << 18
_FLUSH_S: Final = 0.25

Take = Callable[[int, bytes], None]
"""Takes bytes and the place in the blob where they belong; runs in a thread."""


class NoRangesError(RegistryError):
    """The server does not keep to ranges; the blob can only be had whole."""


class _TryAgainError(RegistryError):
    """A failure that may pass."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(slots=True)
class _Cursor:
    """How far a stretch has come: where the stream is, and the furthest it has been."""

    position: int
    end: int
    furthest: int = 0
    failures: int = 0

    def advance(self, count: int) -> None:
        self.position += count
        self.furthest = max(self.furthest, self.position)


class BlobFetcher:
    """Fetches from one blob at a pace; `on_taken` is called after bytes were taken."""

    def __init__(self, origin: Origin, digest: str, pace: Pace) -> None:
        self._origin, self._digest, self._pace = origin, digest, pace
        self.on_taken: Callable[[], None] = lambda: None
        self._place: BlobPlace | None = None
        self._locating = anyio.Lock()

    async def fetch(self, start: int, end: int, take: Take) -> int:
        """Hand bytes `start` up to but not including `end` to `take`; how often that failed on the way.

        Raises NoRangesError, RegistryUnreachable.
        """
        cursor = _Cursor(start, end, start)

        async def attempt() -> None:
            place = await self._locate()
            async with self._origin.open_range(place, cursor.position, end) as response:
                self._act_on(judge(response.status, response.headers, cursor.position), response)
                await self._pour(response, cursor, take)

        await self._persist(cursor, attempt)
        return cursor.failures

    async def fetch_whole(self, end: int, take: Take) -> None:
        """Hand all bytes to `take`; after a cut they begin again at 0."""
        cursor = _Cursor(0, end)

        async def attempt() -> None:
            cursor.position = 0
            async with self._origin.open_whole(await self._locate()) as response:
                self._act_on(judge_whole(response.status, response.headers), response)
                await self._pour(response, cursor, take)

        await self._persist(cursor, attempt)

    async def _persist(self, cursor: _Cursor, attempt: Callable[[], Awaitable[None]]) -> None:
        patience, failures = self._origin.patience, 0
        while cursor.position < cursor.end:
            reached = cursor.furthest
            try:
                await attempt()
            except (_TryAgainError, RegistryUnreachable) as error:
                cursor.failures += 1
                failures = 1 if cursor.furthest > reached else failures + 1
                if failures > patience.retries:
                    raise RegistryUnreachable(f"max retries exceeded: {error}") from None
                await anyio.sleep(patience.pause_s(failures, getattr(error, "wait_s", None)))

    def _act_on(self, verdict: Verdict, response: ClientResponse) -> None:
        match verdict:
            case Verdict.TAKE:
                return
            case Verdict.NO_RANGES:
                raise NoRangesError("the registry does not keep to ranges")
            case Verdict.LOCATE_AGAIN:
                self._place = None
            case Verdict.RETRY:
                pass
        raise _TryAgainError(f"unexpected status code {response.status}", retry_after_s(response.headers))

    async def _pour(self, response: ClientResponse, cursor: _Cursor, take: Take) -> None:
        """Hand the body on until the stretch is full; raises _TryAgainError if it ends before."""
        pieces = _Pieces(cursor.end - cursor.position)
        flushed_at = anyio.current_time()
        try:
            while piece := await response.content.read(self._pace.bite):
                pieces.add(piece)
                if pieces.is_last or pieces.size >= _FLUSH_BYTES or anyio.current_time() - flushed_at >= _FLUSH_S:
                    await self._hand_on(pieces, cursor, take)
                    flushed_at = anyio.current_time()
                await self._pace.spend(len(piece))
                if pieces.is_last:
                    return
        finally:
            # Also when cancelled: what has come should not have to come again.
            pieces.add(_left_behind(response.content))
            with CancelScope(shield=True):
                await self._hand_on(pieces, cursor, take)
        if cursor.position < cursor.end:
            raise _TryAgainError("unexpected EOF")

    async def _hand_on(self, pieces: "_Pieces", cursor: _Cursor, take: Take) -> None:
        data = pieces.take_all()
        if not data:
            return

        def work() -> None:
            # In the thread, so that a cancelled wait cannot part the bytes from the place that they reached.
            take(cursor.position, data)
            cursor.advance(len(data))

        try:
            # What was taken out of `pieces` must be handed on, or what follows would land in the gap.
            with CancelScope(shield=True):
                await to_thread.run_sync(work)
        except TampuError:
            pieces.stop()  # for the same reason
            raise
        self.on_taken()

    async def _locate(self) -> BlobPlace:
        """Where the blob is, asked once for all stretches; the registry gets some time to come round."""
        async with self._locating:
            patience, failures = self._origin.patience, 0
            deadline = anyio.current_time() + patience.locate_s
            while self._place is None:
                try:
                    self._place = await self._origin.locate_blob(self._digest)
                except (RegistryAnswer, RegistryUnreachable) as error:
                    failures += 1
                    pause = min(patience.pause_s(failures, getattr(error, "wait_s", None)) / 10, 10)
                    if anyio.current_time() + pause > deadline:
                        raise
                    await anyio.sleep(pause)
            return self._place


class _Pieces:
    """Bytes that wait to be handed on, `size` of them; takes no more than `room` in all."""

    def __init__(self, room: int) -> None:
        self._room, self._held = room, list[bytes]()
        self.size = 0

    @property
    def is_last(self) -> bool:
        """Nothing more is wanted."""
        return self._room == 0

    def stop(self) -> None:
        """Take nothing more."""
        self._room = 0

    def add(self, piece: bytes) -> None:
        piece = piece[: self._room]
        self._room -= len(piece)
        self._held.append(piece)
        self.size += len(piece)

    def take_all(self) -> bytes:
        taken = b"".join(self._held)
        self._held.clear()
        self.size = 0
        return taken


def _left_behind(content: StreamReader) -> bytes:
    """What had arrived when the connection broke: aiohttp keeps it behind the error and has no public way to it."""
    read = getattr(content, "_read_nowait", None)
    return bytes(read(-1)) if read else b""
