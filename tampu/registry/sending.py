"""Sends stretches of a file as the bodies of requests: read and hashed in threads, counted, and watched for stalls."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

import anyio
from aiohttp import ClientResponse, hdrs
from anyio import CancelScope, to_thread
from yarl import URL

from tampu.errors import CorruptBlob, RegistryUnreachable, TampuError
from tampu.registry.client import RegistryClient
from tampu.store.faults import store_faults

_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to a part, and the MD5 of the part as it was sent; "" where the answer came before its end."""

    response: ClientResponse
    md5: str


class PartSender:
    """Sends parts of one file. `on_progress` is called whenever more, or less, is `under_way`."""

    def __init__(self, client: RegistryClient, path: Path, on_progress: Callable[[], None]) -> None:
        self._client, self._path, self._on_progress = client, path, on_progress
        self._streams: set[_Stream] = set()

    @property
    def under_way(self) -> int:
        """Bytes handed to the network of parts that are not answered yet."""
        return sum(stream.position - stream.start for stream in self._streams)

    @asynccontextmanager
    async def send(
        self, method: str, url: URL, start: int, end: int, headers: Mapping[str, str], *, knows_user: bool
    ) -> AsyncIterator[Sent]:
        """The answer to bytes `start` up to but not including `end`; raises RegistryUnreachable, StoreError.

        `knows_user`: the answer is a good one of the registry itself, which is told who asks; else it is an answer of
        any status, of a place that is told nothing.
        """
        patience = self._client.patience
        described = {
            **headers,
            hdrs.CONTENT_LENGTH: str(end - start),
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.ACCEPT_ENCODING: "gzip",
        }
        stream = _Stream(self._path, start, end)
        self._streams.add(stream)
        try:
            with CancelScope() as scope:

                def taken() -> None:
                    is_all = stream.position == stream.end
                    scope.deadline = inf if is_all else anyio.current_time() + patience.silence_s
                    self._on_progress()

                def body() -> AsyncIterator[bytes]:
                    return stream.pieces(taken)

                opened = (
                    self._client.exchange(method, url, described, body=body, answer_s=patience.answer_s)
                    if knows_user
                    else self._client.without_user(method, url, described, body())
                )
                async with opened as response:
                    scope.deadline = inf
                    self._streams.discard(stream)  # what was answered is the caller's to count
                    yield Sent(response, stream.md5)
        except RegistryUnreachable:
            if stream.fault is not None:
                raise stream.fault from None
            raise
        finally:
            self._streams.discard(stream)
        if scope.cancelled_caught:
            raise RegistryUnreachable(f'{method.title()} "{url.origin()}": no byte was taken in time')


class _Stream:
    """The pieces of one part, once for each time that they are asked for."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._path, self.start, self.end = path, start, end
        self.position = self._hashed = start
        self.fault: TampuError | None = None
        self._hash = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> str:
        """Of the part, if all of it was handed on."""
        return self._hash.hexdigest() if self._hashed == self.end else ""

    async def pieces(self, taken: Callable[[], None]) -> AsyncIterator[bytes]:
        """The bytes in order; `taken` is called before each piece and after the last."""
        self.position = self._hashed = self.start
        self._hash = hashlib.md5(usedforsecurity=False)
        taken()
        while self.position < self.end:
            try:
                piece = await to_thread.run_sync(self._read, self.position)
            except TampuError as error:
                self.fault = error  # the HTTP client would make an error of the network of it
                raise
            yield piece
            self.position += len(piece)
            taken()

    def _read(self, position: int) -> bytes:
        with store_faults("reading a blob"), self._path.open("rb") as file:
            file.seek(position)
            piece = file.read(min(_PIECE_BYTES, self.end - position))
        if not piece:
            raise CorruptBlob("a stored blob is shorter than its manifest says; pull or create the model again")
        self._hash.update(piece)
        self._hashed += len(piece)
        return piece
