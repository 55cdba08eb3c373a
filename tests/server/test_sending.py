"""Files that are sent: to those who take them, to those who stop, and when they break."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from tampu.errors import BlobNotFound, CorruptBlob
from tests.fakes.operations import FakeOperations
from tests.server.live import Live, live_server

DIGEST = f"sha256:{'a' * 64}"
PATH = f"/v2/x/blobs/{DIGEST}"
SIZE = 64 << 20


class FakeBlob:
    """Has bytes without end in sight; breaks after `breaks_at`."""

    digest, size = DIGEST, SIZE

    def __init__(self, breaks_at: int) -> None:
        self.breaks_at = breaks_at

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        for place in range(start, end, 1 << 18):
            if place >= self.breaks_at:
                raise CorruptBlob("it became shorter")
            yield bytes(min(1 << 18, end - place))


class FakeShare:
    """Knows one blob and counts those who have it open."""

    def __init__(self) -> None:
        self.open, self.opened, self.breaks_at = 0, 0, SIZE

    @asynccontextmanager
    async def blob(self, lookup: Any) -> AsyncIterator[FakeBlob]:
        if lookup.reference != DIGEST:
            raise BlobNotFound(lookup.reference)
        self.open += 1
        self.opened += 1
        try:
            yield FakeBlob(self.breaks_at)
        finally:
            self.open -= 1


@pytest.fixture
def share() -> FakeShare:
    return FakeShare()


@pytest.fixture
def live(share: FakeShare) -> Iterator[Live]:
    operations = FakeOperations()
    operations.share = share
    with live_server(operations, registry=True) as server:
        yield server


def asking(live: Live) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", live.port), timeout=20)
    client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(20).startswith(b"HTTP/1.1 200")
    return client


def wait_until_closed(live: Live, share: FakeShare) -> None:
    async def closed() -> None:
        with anyio.fail_after(20):
            while share.open:
                await anyio.sleep(0.01)

    live.wait(closed)


def test_it_is_sent_whole(live: Live, share: FakeShare) -> None:
    response, content = live.ask("GET", PATH)
    assert (response.status, len(content)) == (200, SIZE)
    wait_until_closed(live, share)


def test_only_the_head_is_sent_without_reading(live: Live, share: FakeShare) -> None:
    share.breaks_at = 0
    response, content = live.ask("HEAD", PATH)
    assert (response.status, response.headers["Content-Length"], content) == (200, str(SIZE), b"")


def test_who_leaves_gives_it_back(live: Live, share: FakeShare) -> None:
    asking(live).close()
    wait_until_closed(live, share)


def test_who_takes_nothing_for_long_is_left(live: Live, share: FakeShare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tampu.server.handlers._STUCK_S", 0.2)
    with asking(live):
        wait_until_closed(live, share)


def test_a_file_that_breaks_is_not_passed_off_as_whole(live: Live, share: FakeShare) -> None:
    share.breaks_at = 1 << 20
    with asking(live) as client:
        taken = 0
        while piece := client.recv(1 << 20):
            taken += len(piece)
    assert taken < SIZE
    wait_until_closed(live, share)
    assert live.ask("GET", "/v2/")[0].status == 200


def test_the_server_stops_though_a_file_is_being_sent(
    live: Live, share: FakeShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tampu.server.server.GRACE_S", 0.1)
    with asking(live):
        live.stop()
        wait_until_closed(live, share)


def test_paths_that_are_no_routes_have_none(live: Live) -> None:
    for path in ("/v2", "/v2/x", "/v2/manifests/x"):
        assert live.ask("GET", path)[0].status == 404
    assert live.ask("PATCH", PATH)[0].status == 405
