"""Limits on the speed of downloads, by a clock that only moves when somebody sleeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.registry.pace import LARGEST_BITE, Pace
from tampu.registry.shared import SharedDownload

pytestmark = pytest.mark.anyio

MIB = 1 << 20


class Clock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(rate: float, clock: Clock, within: Pace | None = None) -> Pace:
    return Pace(rate, within=within, clock=clock, sleep=clock.sleep)


async def test_no_limit_never_waits() -> None:
    clock = Clock()
    pace = paced(0, clock)
    await pace.spend(1 << 40)
    assert clock.now == 100.0
    assert pace.bite == LARGEST_BITE


@pytest.mark.parametrize("rate", [10_000, MIB, 300 * MIB])
async def test_the_rate_is_kept_within_a_tenth(rate: int) -> None:
    clock = Clock()
    pace = paced(rate, clock)
    total = 0
    while clock.now < 105.0:
        total += pace.bite
        await pace.spend(pace.bite)
    assert total / (clock.now - 100.0) == pytest.approx(rate, rel=0.1)


async def test_time_in_which_nothing_came_is_not_made_up_for() -> None:
    clock = Clock()
    pace = paced(MIB, clock)
    await pace.spend(MIB)
    clock.now += 60.0
    begin, total = clock.now, 0
    while clock.now < begin + 2.0:
        total += pace.bite
        await pace.spend(pace.bite)
    assert total / (clock.now - begin) == pytest.approx(MIB, rel=0.1)


async def test_several_share_one_limit() -> None:
    clock = Clock()
    server = paced(2 * MIB, clock)
    mine, yours = paced(0, clock, server), paced(16 * MIB, clock, server)
    total = 0
    while clock.now < 104.0:
        for pace in (mine, yours):
            total += pace.bite
            await pace.spend(pace.bite)
    assert total / (clock.now - 100.0) == pytest.approx(2 * MIB, rel=0.1)
    assert mine.is_limited


@given(st.integers(0, 1 << 40))
def test_a_bite_is_never_nothing_nor_more_than_a_read(rate: int) -> None:
    assert 4096 <= Pace(rate).bite <= LARGEST_BITE


async def _nothing(_: SharedDownload) -> None:
    pass


async def test_the_most_generous_client_counts() -> None:
    download = SharedDownload(_nothing, 10, Pace())
    for limit, rate in ((500, 500), (900, 900), (0, 0)):
        download.enter(limit)
        assert download.pace.rate == rate
    for limit, rate in ((0, 900), (900, 500)):
        download.leave(limit)
        assert download.pace.rate == rate
    download.leave(500)
    assert not download.has_clients
