"""A clock that stands still until a test moves it."""

import anyio
import anyio.lowlevel

_EPOCH_NS = 1_800_000_000 * 10**9


class FakeClock:
    def __init__(self) -> None:
        self._now = 1000.0
        self._waiting: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        return self._now

    def wall_ns(self) -> int:
        return _EPOCH_NS + int(self._now * 10**9)

    async def wait(self, event: anyio.Event, *, until: float) -> None:
        if until <= self._now:
            await anyio.lowlevel.checkpoint()
            return
        entry = (until, event)
        self._waiting.append(entry)
        try:
            await event.wait()
        finally:
            self._waiting.remove(entry)

    def advance(self, seconds: float) -> None:
        """Let time pass; who waits for a moment that has come goes on."""
        self._now += seconds
        for until, event in self._waiting:
            if until <= self._now:
                event.set()
