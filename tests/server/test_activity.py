"""When a server counts as idle."""

import pytest

from tampu.server.activity import Activity


class Hand:
    """A clock that is turned by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_idleness_is_counted_from_the_last_request() -> None:
    clock = Hand()
    activity = Activity(clock)
    assert activity.rest_s(10) == 10
    clock.now += 4
    assert activity.rest_s(10) == 6
    with activity.request():
        clock.now += 60
        assert activity.rest_s(10) == 10
        with activity.request():
            pass
        clock.now += 60
        assert activity.rest_s(10) == 10
    assert activity.rest_s(10) == 10
    clock.now += 11
    assert activity.rest_s(10) == 0


@pytest.mark.anyio
async def test_waiting_ends_when_it_has_been_idle() -> None:
    clock = Hand()
    activity = Activity(clock)
    clock.now += 5
    await activity.wait_until_idle(5)
