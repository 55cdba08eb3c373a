"""One answer, poured as it comes: to its end, to enough, to an error, and no faster than it is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.audience import KEEPS_UP
from tampu.engine.connection import Address, Answer, ConnectionLost, exchange, request_bytes

pytestmark = pytest.mark.anyio
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Serve = Callable[[anyio.abc.SocketStream], object]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def _answered(
    folder: Path, *pieces: bytes, endless: bytes = b"", sent: list[int] | None = None
) -> AsyncIterator[Answer]:
    """An answer of these pieces; `endless` is then sent for ever, and `sent` grows by a number each time."""

    async def serve(client: anyio.abc.SocketStream) -> None:
        async with client:
            await client.receive()
            try:
                for piece in pieces:
                    await client.send(piece)
                while endless:
                    await client.send(endless)
                    if sent is not None:
                        sent.append(len(endless))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass

    path = folder / "s"
    async with anyio.create_task_group() as group, await anyio.create_unix_listener(path) as listener:
        group.start_soon(listener.serve, serve)
        async with exchange(Address(str(path)), request_bytes("GET", "/", key="", body=None)) as answer:
            yield answer
        group.cancel_scope.cancel()


class Reader:
    """Takes until it has `enough`; is behind once it has more than `most`, until `may_go_on`."""

    def __init__(self, *, enough: bytes = b"\0", most: int = 1 << 40) -> None:
        self.taken = bytearray()
        self.may_go_on = anyio.Event()
        self._enough, self._most = enough, most

    def take(self, piece: bytes) -> bool:
        self.taken += piece
        return self._enough in self.taken

    @property
    def is_behind(self) -> bool:
        return len(self.taken) > self._most and not self.may_go_on.is_set()

    async def catch_up(self) -> None:
        await self.may_go_on.wait()


async def test_to_the_end_of_the_body(tmp_path: Path) -> None:
    reader = Reader()
    async with _answered(tmp_path, HEAD + _chunk(b"a"), _chunk(b"b"), b"0\r\n\r\n") as answer:
        assert await answer.status() == 200
        await answer.pour(reader.take, KEEPS_UP)
    assert reader.taken == b"ab"


class Transport(asyncio.Transport):
    """Takes the request, and is never closed."""

    def write(self, data: Any) -> None:
        pass


@given(st.lists(st.integers(0, 400), max_size=12).map(sorted))
async def test_what_is_whole_may_be_taken_whole_however_it_is_cut(cuts: list[int]) -> None:
    """Half of the whole chunks are taken past the parser, which must not notice."""
    chunks = [_chunk(b"%d" % number * 10) for number in range(10)]
    stream = HEAD + b"".join(chunks) + b"0\r\n\r\n"
    edges = [0, *cuts, len(HEAD) + len(chunks[0]), len(HEAD) + 2 * len(chunks[0]), len(stream)]
    got = bytearray()

    def take(piece: bytes) -> bool:
        got.extend(piece)
        return False

    def take_whole(received: bytes) -> bool:
        is_one = received in chunks[::2]
        if is_one:
            got.extend(received.split(b"\r\n")[1])
        return is_one

    answer = Answer(b"", asyncio.get_running_loop())
    answer.connection_made(Transport())
    async with anyio.create_task_group() as group:
        group.start_soon(partial(answer.pour, take, KEEPS_UP, take_whole=take_whole))
        await anyio.wait_all_tasks_blocked()
        for begin, end in pairwise(sorted(edges)):
            answer.data_received(stream[begin:end])
    assert got == b"".join(b"%d" % number * 10 for number in range(10))


async def test_to_enough(tmp_path: Path) -> None:
    reader = Reader(enough=b"end")
    async with _answered(tmp_path, HEAD, endless=_chunk(b"x") + _chunk(b"end") + _chunk(b"more")) as answer:
        await answer.pour(reader.take, KEEPS_UP)
        assert reader.taken == b"xend"


async def test_to_a_connection_that_breaks(tmp_path: Path) -> None:
    reader = Reader()
    async with _answered(tmp_path, HEAD + _chunk(b"a") + b"5\r\nab") as answer:
        with pytest.raises(ConnectionLost):
            await answer.pour(reader.take, KEEPS_UP)
    assert reader.taken == b"aab"


async def test_to_what_the_taker_raises(tmp_path: Path) -> None:
    def refuse(_: bytes) -> bool:
        raise LookupError

    async with _answered(tmp_path, HEAD, endless=_chunk(b"x")) as answer:
        with pytest.raises(LookupError):
            await answer.pour(refuse, KEEPS_UP)


async def test_no_faster_than_it_is_taken(tmp_path: Path) -> None:
    """A server that sends for ever comes to a stop as soon as the sockets between are full."""
    reader, sent = Reader(enough=b"never", most=1), list[int]()
    piece = _chunk(b"x" * (1 << 16))
    async with _answered(tmp_path, HEAD, endless=piece, sent=sent) as answer, anyio.create_task_group() as group:
        group.start_soon(answer.pour, reader.take, reader)
        with anyio.fail_after(10):
            while not reader.taken:
                await anyio.wait_all_tasks_blocked()
        await anyio.wait_all_tasks_blocked()
        held, poured = sum(sent), len(reader.taken)
        assert held < 16 << 20
        assert not answer.is_awaited  # the engine owes nothing to who does not take it
        reader.may_go_on.set()
        with anyio.fail_after(10):
            while len(reader.taken) < poured + (4 << 20):
                await anyio.sleep(0)
        group.cancel_scope.cancel()
