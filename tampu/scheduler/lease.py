"""What a request holds: a ticket while it waits for an engine, a lease while it uses one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from tampu.engine.protocol import Engine, EngineProperties
from tampu.errors import TampuError
from tampu.scheduler.line import ANYBODY, Asker
from tampu.scheduler.records import LoadRequest, ProgressCallback, ResidentView

if TYPE_CHECKING:
    from tampu.scheduler.resident import Resident


@dataclass(frozen=True, slots=True)
class Lease:
    """The use of an engine. It is good inside its `async with` only."""

    engine: Engine
    _describe: Callable[[], ResidentView]

    @property
    def properties(self) -> EngineProperties:
        """What the engine said of itself when it became ready."""
        return self.engine.properties

    @property
    def resident(self) -> ResidentView:
        """The loaded model as it is now."""
        return self._describe()


class Ticket:
    """One waiting request. It is settled once: with a resident whose slot is then its own, or with an error."""

    def __init__(
        self,
        request: LoadRequest,
        since: float,
        on_progress: ProgressCallback | None = None,
        *,
        asker: Asker = ANYBODY,
    ) -> None:
        self.request, self.asker = request, asker
        self.since = since
        self.on_progress = on_progress
        self.resident: Resident[Ticket] | None = None
        """Where it waits for a slot, or has one."""
        self.evicted_others = False
        """Whether the idle models have been unloaded for it after it ran out of memory."""
        self._settled = anyio.Event()
        self._error: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it has its answer."""
        return self._settled.is_set()

    def grant(self) -> None:
        """The slot in `resident` is its own."""
        self._settled.set()

    def refuse(self, error: BaseException) -> None:
        """It gets no engine."""
        self.resident, self._error = None, error
        self._settled.set()

    async def answer(self) -> "Resident[Ticket]":
        """Wait for the resident; raises what it was refused with."""
        await self._settled.wait()
        if self._error:
            # Several tickets share one error: each raise starts its trace anew, or it would grow and keep frames alive.
            raise self._error.with_traceback(None)
        if not self.resident:
            raise TampuError("the request was settled without an engine")
        return self.resident
