"""Events that are told: in order, at the pace of who hears them, to iterators too, errors behind what was told."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import pytest

from tampu.audience import Audience, Telling, tell_all

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Slow:
    """Is behind after every event, until `catch_up`."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.is_behind = False
        self.waits = 0

    def tell(self, event: int) -> None:
        assert not self.is_behind
        self.heard.append(event)
        self.is_behind = True

    async def catch_up(self) -> None:
        self.waits += 1
        await anyio.lowlevel.checkpoint()
        self.is_behind = False


async def _counting(count: int, ended: list[str]) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            yield number
    finally:
        ended.append("closed")


async def _count(audience: Audience[int]) -> None:
    """Tells more than any queue holds before it waits."""
    for number in range(1000):
        audience.tell(number)
        if audience.pace.is_behind:
            await audience.pace.catch_up()


async def test_a_generator_is_told_at_the_pace_of_its_audience_and_closed() -> None:
    slow, ended = Slow(), list[str]()
    await tell_all(_counting(3, ended), Audience(slow.tell, slow))
    assert (slow.heard, slow.waits, ended) == ([0, 1, 2], 3, ["closed"])


async def test_what_telling_raises_ends_the_making() -> None:
    def refuse(_: int) -> None:
        raise LookupError

    ended: list[str] = []
    with pytest.raises(LookupError):
        await tell_all(_counting(3, ended), Audience(refuse))
    assert ended == ["closed"]
    with pytest.raises(LookupError):
        await tell_all(Telling(_count), Audience(refuse))


async def test_a_telling_is_told_or_iterated() -> None:
    heard: list[int] = []
    await tell_all(Telling(_count), Audience(heard.append))
    assert heard == [number async for number in Telling(_count)] == list(range(1000))


async def test_what_was_told_comes_before_what_went_wrong() -> None:
    async def break_off(audience: Audience[int]) -> None:
        audience.tell(1)
        raise LookupError

    events = Telling(break_off)
    assert await anext(events) == 1
    with pytest.raises(LookupError):
        await anext(events)


async def test_closing_an_iteration_ends_the_work() -> None:
    ended: list[str] = []

    async def endless(audience: Audience[int]) -> None:
        try:
            while True:
                audience.tell(1)
                await (audience.pace.catch_up() if audience.pace.is_behind else anyio.lowlevel.checkpoint())
        finally:
            ended.append("ended")

    async with aclosing(Telling(endless)) as events:
        assert await anext(events) == 1
    assert ended == ["ended"]
    await Telling(endless).aclose()
    assert ended == ["ended"]
