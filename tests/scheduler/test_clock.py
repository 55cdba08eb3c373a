import anyio
import pytest

from tampu.scheduler.clock import SystemClock

pytestmark = pytest.mark.anyio


async def test_it_waits_for_the_event_or_the_moment():
    clock, event = SystemClock(), anyio.Event()
    await clock.wait(event, until=clock.now() - 1)
    await clock.wait(event, until=clock.now())
    assert not event.is_set()
    event.set()
    await clock.wait(event, until=float("inf"))


async def test_it_never_goes_back():
    clock = SystemClock()
    moments = [clock.now() for _ in range(100)]
    assert moments == sorted(moments)
