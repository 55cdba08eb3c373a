"""Holds downloads to a number of bytes a second, however many share it. Counts bytes; knows nothing of the network."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

_SLACK_S: Final = 0.1
"""Time that went by unused, while nothing arrived, may be made up for by no more than this."""
_BITES_PER_S: Final = 20
_SMALLEST_BITE: Final = 1 << 12
LARGEST_BITE: Final = 1 << 18


class Pace:
    """A limit in bytes a second; 0 means none. Whoever has received bytes says so, and is made to wait.

    Reading stops meanwhile, so the sender is slowed by the network itself. `rate` may be changed at any time. What is
    spent here is also spent of `within`, the limit that is shared with others.
    """

    def __init__(
        self,
        rate: float = 0.0,
        *,
        within: "Pace | None" = None,
        clock: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.rate, self._within = rate, within
        self._clock, self._sleep = clock, sleep
        self._paid_until: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return bool(self.rate) or (self._within is not None and self._within.is_limited)

    @property
    def bite(self) -> int:
        """How many bytes to read at once, so that a slow download moves evenly."""
        largest = self._within.bite if self._within else LARGEST_BITE
        return min(largest, max(_SMALLEST_BITE, int(self.rate / _BITES_PER_S))) if self.rate else largest

    async def spend(self, count: int) -> None:
        """Wait until so many more bytes were allowed."""
        if self.rate:
            now = self._clock()
            begin = now if self._paid_until is None else max(self._paid_until, now - _SLACK_S)
            self._paid_until = begin + count / self.rate
            if self._paid_until > now:
                await self._sleep(self._paid_until - now)
        if self._within is not None:
            await self._within.spend(count)
