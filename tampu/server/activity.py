"""How busy the server is: requests at work, and since when there is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio


class Activity:
    """Counts requests. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_work = 0
        self._idle_since = clock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request is at work."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._idle_since = self._clock()

    def rest_s(self, idle_s: float) -> float:
        """How long nothing may happen yet until the server has been idle for `idle_s`; 0 if it has been."""
        if self._at_work:
            return idle_s
        return max(0.0, self._idle_since + idle_s - self._clock())

    async def wait_until_idle(self, idle_s: float) -> None:
        """Return once there was no request for `idle_s` seconds."""
        while (rest_s := self.rest_s(idle_s)) > 0:  # noqa: ASYNC110  # time is what is waited for; no event tells it
            await anyio.sleep(rest_s)
