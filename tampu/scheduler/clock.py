"""Time as the scheduler sees it: a seam, so that tests move it by hand."""

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """A monotonic clock in seconds, the time of day, and a wait that ends at either an event or a moment."""

    def now(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...

    async def wait(self, event: anyio.Event, *, until: float) -> None:
        """Return once `event` is set or `now()` has reached `until` (infinity: the event only)."""
        ...


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    async def wait(self, event: anyio.Event, *, until: float) -> None:
        """Return at the event or the moment."""
        with anyio.move_on_after(max(0.0, until - self.now())):
            await event.wait()
