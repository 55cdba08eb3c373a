"""Kept responses: chains, time, size."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tampu.errors import BadRequest, PreviousResponseNotFound
from tampu.responses import KeptResponse
from tampu.state import responses
from tampu.state.database import FILE_NAME, Database, opened_database
from tampu.state.responses import KeptResponses
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_database(tmp_path) as opened:
        yield opened


def _response(name: str, previous: str = "", *, size: int = 10) -> KeptResponse:
    return KeptResponse(id=name, previous_id=previous, items=b"[]", document=b"x" * size)


async def test_a_conversation_comes_oldest_first(database: Database) -> None:
    kept = KeptResponses(database)
    await kept.keep(_response("a"), 60)
    await kept.keep(_response("b", "a"), 60)
    await kept.keep(_response("c", "b"), 60)
    await kept.keep(_response("d", "b"), 60)
    assert [each.id for each in await kept.conversation("c")] == ["a", "b", "c"]
    assert [each.id for each in await kept.conversation("d")] == ["a", "b", "d"]


async def test_a_conversation_with_a_gap_names_what_is_missing(database: Database) -> None:
    kept = KeptResponses(database)
    for name, previous in (("a", ""), ("b", "a"), ("c", "b")):
        await kept.keep(_response(name, previous), 60)
    assert await kept.remove("a")
    assert not await kept.remove("a")
    with pytest.raises(PreviousResponseNotFound, match="id 'a' not found"):
        await kept.conversation("c")
    with pytest.raises(PreviousResponseNotFound, match="id 'nothing' not found"):
        await kept.conversation("nothing")


async def test_a_conversation_has_bounds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptResponses(database)
    for number in range(4):
        await kept.keep(_response(str(number), str(number - 1) if number else "", size=1000), 60)
    monkeypatch.setattr(responses, "MOST_TURNS", 4)
    assert len(await kept.conversation("3")) == 4
    monkeypatch.setattr(responses, "MOST_TURNS", 3)
    with pytest.raises(BadRequest, match="more than 3 turns; begin a new one"):
        await kept.conversation("3")
    monkeypatch.setattr(responses, "MOST_CONVERSATION_BYTES", 2000)
    with pytest.raises(BadRequest, match="too long to go on from"):
        await kept.conversation("3")


async def test_time_ends_what_nobody_goes_on_from(database: Database) -> None:
    clock = FakeClock()
    kept = KeptResponses(database, clock=clock.now)
    await kept.keep(_response("a"), 10)
    await kept.keep(_response("lonely"), 10)
    await kept.keep(_response("for ever"), float("inf"))
    clock.advance(8)
    await kept.keep(_response("b", "a"), 10)
    clock.advance(8)
    assert await kept.find("lonely") is None
    assert [each.id for each in await kept.conversation("b")] == ["a", "b"]
    clock.advance(3)
    with pytest.raises(PreviousResponseNotFound):
        await kept.conversation("b")
    assert not await kept.remove("a")
    assert await kept.find("for ever") is not None


async def test_the_bound_of_all_makes_room_for_the_newest(database: Database, tmp_path: Path) -> None:
    kept = KeptResponses(database, most_bytes=1_000_000)
    for number in range(30):
        await kept.keep(_response(str(number), size=100_000), 1000 + number)
    there = [number for number in range(30) if await kept.find(str(number))]
    assert there == list(range(21, 30))
    assert (tmp_path / FILE_NAME).stat().st_size < 2_000_000
    await kept.keep(_response("too large for all", size=2_000_000), 1000)
    assert await kept.find("too large for all") is not None


async def test_keeping_again_replaces(database: Database) -> None:
    kept = KeptResponses(database)
    await kept.keep(_response("a", size=1), 60)
    await kept.keep(_response("a", size=2), 60)
    found = await kept.find("a")
    assert found is not None
    assert found.document == b"xx"
