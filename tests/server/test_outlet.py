"""Events to bytes at a client that takes them, takes them later, or is gone; errors behind what was told before."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from tampu.api.dialect import Reply
from tampu.errors import EngineCrashed, TampuError
from tampu.server.outlet import Outlet

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Writer:
    """Writes an event as itself; `whole` ones are answers by themselves, empty ones show nothing."""

    streams = True
    content_type = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()

    def is_whole(self, first: str) -> bool:
        return first == "whole"

    def chunk(self, event: str) -> bytes:
        return event.encode()

    def end(self) -> bytes:
        return b"."

    def whole(self, events: Sequence[str]) -> Reply:
        return Reply(200, "".join(events).encode())

    def early_error(self, error: TampuError) -> Reply:
        return Reply(error.status, error.message.encode())

    def late_error(self, error: TampuError) -> bytes:
        return error.message.encode()


class Client:
    """Stands for the exchange. `takes`: whether it takes what is written at once; else only once `may_take` is set."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.takes = True
        self.may_take = anyio.Event()
        self.has_begun = self.is_over = False

    def write_at_once(self, piece: bytes) -> bool:
        if self.takes and self.has_begun:
            self.got.append(piece)
        return self.takes and self.has_begun

    async def begin(self, content_type: str, headers: Any) -> None:
        self.has_begun = True
        self.got.append(content_type)

    async def write(self, piece: bytes) -> None:
        if not self.takes:
            await self.may_take.wait()
        self.got.append(piece)

    async def reply(self, reply: Reply) -> None:
        self.has_begun = self.is_over = True
        self.got.append(reply)

    async def end(self, piece: bytes = b"") -> None:
        self.is_over = True
        self.got.append(piece)


def _outlet(client: Client) -> Outlet[str]:
    return Outlet(client, Writer())  # type: ignore[arg-type]  # it stands for an exchange


async def test_what_is_taken_at_once_needs_no_waiting() -> None:
    client = Client()
    async with _outlet(client) as outlet:
        outlet.tell("a")
        assert outlet.is_behind
        await outlet.catch_up()
        for event in ("b", "", "c"):
            outlet.tell(event)
            assert not outlet.is_behind
        assert client.got == ["text/plain", b"a", b"b", b"c"]
    assert client.got[-1] == b"."


async def test_what_is_not_taken_waits_in_order() -> None:
    client = Client()
    async with _outlet(client) as outlet, anyio.create_task_group() as group:
        outlet.tell("a")
        await outlet.catch_up()
        client.takes = False
        outlet.tell("b")
        group.start_soon(outlet.catch_up)
        group.start_soon(outlet.catch_up)  # of a second answer to the same client
        await anyio.wait_all_tasks_blocked()
        outlet.tell("c")
        assert outlet.is_behind
        assert client.got == ["text/plain", b"a"]
        client.takes = True
        client.may_take.set()
        await outlet.catch_up()
        outlet.tell("d")
    assert b"".join(client.got[1:]) == b"abcd."


async def test_a_whole_answer_is_a_reply() -> None:
    client = Client()
    async with _outlet(client) as outlet:
        outlet.tell("whole")
    assert client.got == [Reply(200, b"whole")]


async def test_an_answer_without_words_begins_and_ends() -> None:
    client = Client()
    async with _outlet(client) as outlet:
        outlet.tell("")
    assert client.got == ["text/plain", b"."]


async def test_before_an_error_goes_what_was_told_and_nothing_else() -> None:
    for told, got in ((["a"], ["text/plain", b"a"]), ([], [])):
        client = Client()
        with pytest.raises(EngineCrashed):
            await _told_then_crashed(client, told)
        assert client.got == got


async def _told_then_crashed(client: Client, told: Sequence[str]) -> None:
    async with _outlet(client) as outlet:
        for event in told:
            outlet.tell(event)
        raise EngineCrashed("gone")
