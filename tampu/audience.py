"""Events told to an audience while they are made, by plain calls: a token needs no task, queue or generator of its own.

1. `tell` takes an event at once and never waits. Whoever makes events may call it from anywhere on the event loop, also
   from what the loop itself calls when bytes arrive.
2. An audience that cannot pass on what it is told is behind: it keeps it, and its maker awaits `catch_up` before it
   makes more, as soon as it may wait at all. So a slow reader holds back an engine, and memory stays bounded.
3. What `tell` raises ends the making, and comes out of what is awaited there.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import anyio

EventT = TypeVar("EventT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)
_MOST_WAITING: Final = 64


class Pace(Protocol):
    """Whether an audience keeps up (rule 2)."""

    @property
    def is_behind(self) -> bool:
        """Whether `catch_up` is to be awaited before more is made."""
        ...

    async def catch_up(self) -> None:
        """Return once more may be told; several may wait at once."""
        ...


class _KeepsUp:
    is_behind: Final = False

    async def catch_up(self) -> None:
        """Nothing is kept."""


KEEPS_UP: Final = _KeepsUp()


@dataclass(frozen=True, slots=True)
class Audience(Generic[EventT_contra]):
    """Whom to tell, and how fast. `Audience(seen.append)` just collects.

    `forget` takes back all that was told, for it to be told anew; None where some of it may have gone on.
    """

    tell: Callable[[EventT_contra], None]
    pace: Pace = KEEPS_UP
    forget: Callable[[], None] | None = None


class Telling(AsyncGenerator[EventT, None]):
    """Events that will be made once: have them told to an audience, which is cheap, or take it for a generator.

    `work` makes them for the audience that it gets.
    """

    def __init__(self, work: Callable[[Audience[EventT]], Awaitable[None]]) -> None:
        self._work = work
        self._iterated: AsyncGenerator[EventT, None] | None = None

    async def tell(self, audience: Audience[EventT]) -> None:
        """Make the events, and tell them; cancel it to end the work."""
        await self._work(audience)

    async def asend(self, value: None) -> EventT:
        """As a generator of the events does."""
        self._iterated = self._iterated or self._iterate()
        return await self._iterated.asend(value)

    async def athrow(self, *raised: Any) -> EventT:
        """As a generator of the events does."""
        self._iterated = self._iterated or self._iterate()
        return await self._iterated.athrow(*raised)

    async def aclose(self) -> None:
        """End the work of an iteration."""
        if self._iterated is not None:
            await self._iterated.aclose()

    async def _iterate(self) -> AsyncGenerator[EventT, None]:
        queue = _Queue[EventT](_MOST_WAITING)
        failure: Exception | None = None

        async def work() -> None:
            nonlocal failure
            with queue.send:
                try:
                    await self._work(Audience(queue.tell, queue))
                except Exception as error:  # noqa: BLE001  # raised below, behind what was told before it
                    failure = error
                await queue.catch_up()

        async with anyio.create_task_group() as group, queue.receive:
            group.start_soon(work)
            try:
                async for event in queue.receive:
                    yield event
            except GeneratorExit:
                pass  # a task group would make an error of it; the cancelling below is all that is due
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure


async def tell_all(events: AsyncIterator[EventT], audience: Audience[EventT]) -> None:
    """Tell all events, however they are made, as fast as the audience takes them."""
    if isinstance(events, Telling):
        await events.tell(audience)
        return
    try:
        async for event in events:
            audience.tell(event)
            if audience.pace.is_behind:
                await audience.pace.catch_up()
    finally:
        # What a generator holds is given back now and not some day.
        if isinstance(events, AsyncGenerator):
            await events.aclose()


class _Queue(Generic[EventT]):
    """The audience of an iteration."""

    def __init__(self, size: int) -> None:
        self.send, self.receive = anyio.create_memory_object_stream[EventT](size)
        self._kept: list[EventT] = []
        self._lock = anyio.Lock()

    @property
    def is_behind(self) -> bool:
        return bool(self._kept)

    def tell(self, event: EventT) -> None:
        if self._kept:
            self._kept.append(event)
            return
        try:
            self.send.send_nowait(event)
        except anyio.WouldBlock:
            self._kept.append(event)

    async def catch_up(self) -> None:
        async with self._lock:
            while self._kept:
                await self.send.send(self._kept[0])
                del self._kept[0]
