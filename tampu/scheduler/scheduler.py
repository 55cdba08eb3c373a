"""The owner of all loaded models: it joins requests to engines, and starts, evicts and expires engines.

How it is cut. State changes happen in plain methods on the event loop, so each is whole before anyone else runs, and
joining a loaded model with a free slot waits for nobody. What to do next is decided in `policy.py`. Whatever takes
time (a start, a stop) is a task of the scheduler's own task group that reports back by a plain method. One task,
`_own`, looks at what is due whenever something has changed or a moment has come.

Invariants:
1. `_pending` holds, in order of arrival, the requests that no loaded engine serves; its head is being worked on.
2. At most one load is under way, and none while an engine is being stopped: its memory is not free yet.
3. A resident leaves `_residents` in the moment in which it is decided that it goes; nobody joins it afterwards.
4. A request that goes away, at any point, gives back what it has; a load that nobody waits for is aborted.
"""

import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Final, Self, assert_never

import anyio

from tampu.descriptions import Standing
from tampu.engine.protocol import EngineProcess, LoadProgress
from tampu.errors import EngineCrashed, EngineOutOfMemory, Overloaded, QueueFull, TampuError
from tampu.hardware.accelerators import Device
from tampu.hardware.memory import Memory
from tampu.scheduler.clock import Clock, SystemClock
from tampu.scheduler.cooldown import CoolDown
from tampu.scheduler.lease import Lease, Ticket
from tampu.scheduler.line import ANYBODY, Asker
from tampu.scheduler.loading import Loading
from tampu.scheduler.policy import PATIENCE_S, Evict, Join, Refuse, Start, Wait, decide, serves
from tampu.scheduler.records import Limits, LoadRequest, ProgressCallback, ResidentView, StartEngine
from tampu.scheduler.resident import Resident
from tampu.scheduler.standings import standings
from tampu.scheduler.stopping import STOP_S, Stopping

_log = logging.getLogger(__name__)
_NEVER: Final = float("inf")
DRAIN_S: Final = 5.0


class Scheduler:
    """Open it with `async with`; leaving it lets running requests finish for `drain_s`, then stops every engine."""

    def __init__(
        self,
        start_engine: StartEngine,
        measure_memory: Callable[[], Memory],
        limits: Limits,
        *,
        clock: Clock | None = None,
        drain_s: float = DRAIN_S,
    ) -> None:
        self._start_engine = start_engine
        self._measure_memory = measure_memory
        self._limits = limits
        self._clock: Clock = clock or SystemClock()
        self._drain_s = drain_s
        self._residents: dict[str, Resident[Ticket]] = {}
        self._pending: deque[Ticket] = deque()
        self._loading: Loading | None = None
        self._stops: list[Stopping] = []
        self._closed_key: str | None = None
        """The resident that takes no new users, because a request has waited too long for it to fall idle."""
        self._cooldown = CoolDown()
        self._is_closing = False

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        self._changed = anyio.Event()
        self._unused = anyio.Event()
        self._looks_at = _NEVER
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._own)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        self._refuse(self._pending, _shutting_down())
        self._pending.clear()
        self._note_unused()
        with anyio.move_on_after(self._drain_s, shield=True):
            await self._unused.wait()
        with anyio.move_on_after(STOP_S, shield=True):
            await self._stop_all()
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def _stop_all(self) -> None:
        loading = self._loading
        if loading:
            loading.abort()
        self._remove_all()
        if loading:
            await loading.done.wait()
            self._remove_all()  # the load may have been over before it heard of the end
        for stop in tuple(self._stops):
            await stop.done.wait()

    # What others ask for.

    @asynccontextmanager
    async def lease(
        self, load: LoadRequest, *, asker: Asker = ANYBODY, on_progress: ProgressCallback | None = None
    ) -> AsyncIterator[Lease]:
        """Use an engine that serves `load`, loading it first where needed.

        `asker` decides whose turn it is where slots are short. `on_progress` hears how far a load is. Raises QueueFull,
        Overloaded while shutting down, EngineStartFailed, EngineOutOfMemory.
        """
        if self._is_closing:
            raise _shutting_down()
        resident = self._joinable(load)
        if resident and resident.has_free_slot:
            resident.join(asker, load.keep_alive)
        else:
            resident = await self._wait_for(Ticket(load, self._clock.now(), on_progress, asker=asker))
        try:
            yield Lease(resident.process.engine, partial(self._view, resident))
        except EngineCrashed:
            resident.has_crashed = True
            raise
        finally:
            self._leave(resident, asker)

    async def unload(self, key: str) -> None:
        """Unload the model of that key once its users have left; waits for the engine's end where nobody uses it."""
        if self._loading and self._loading.plan.request.key == key:
            self._loading.unload_when_idle = True
        for resident in tuple(self._residents.values()):
            if resident.plan.request.key == key:
                resident.expire_when_idle()
        self._expire()
        for stop in tuple(self._stops):
            if stop.request.key == key:
                await stop.done.wait()

    def residents(self) -> list[ResidentView]:
        """The models that are loaded now, in the order in which they were loaded."""
        if any(not resident.is_alive for resident in self._residents.values()):
            self._look_again()
        return [self._view(resident) for resident in self._residents.values() if resident.is_alive]

    def standings(self) -> list[Standing]:
        """Where each request stands: the running ones first, the others in the order of their lines."""
        return list(standings(self._residents.values(), self._pending, self._loading))

    @property
    def devices(self) -> tuple[Device, ...]:
        """What engines can compute on beside the processor, as it was when the server started."""
        return self._limits.devices

    def change_limits(self, limits: Limits) -> None:
        """Decide by other limits from now on; what is loaded stays as it is."""
        self._limits = limits
        self._look_again()

    @property
    def queued(self) -> int:
        """How many requests wait for a model to be loaded."""
        return len(self._pending)

    # Requests come and go.

    async def _wait_for(self, ticket: Ticket) -> Resident[Ticket]:
        self._queue(ticket)
        try:
            return await ticket.answer()
        except BaseException:
            self._withdraw(ticket)
            raise

    def _queue(self, ticket: Ticket) -> None:
        if resident := self._joinable(ticket.request):
            self._admit(ticket, resident)
            return
        # The head is being worked on and does not count. Who asks for what is loaded is never refused.
        resident = self._residents.get(ticket.request.engine_key)
        is_loaded = resident is not None and serves(resident.plan, ticket.request)
        if len(self._pending) > self._limits.max_queue and not is_loaded:
            raise QueueFull
        self._pending.append(ticket)
        self._look_again()

    def _admit(self, ticket: Ticket, resident: Resident[Ticket]) -> None:
        ticket.resident = resident
        if resident.has_free_slot:
            resident.join(ticket.asker, ticket.request.keep_alive)
            ticket.grant()
        else:
            resident.wait(ticket, ticket.asker, ticket.request.keep_alive)

    def _withdraw(self, ticket: Ticket) -> None:
        """The client went away, or was refused: whatever it had is given back."""
        if ticket.resident and ticket.is_settled:
            self._leave(ticket.resident, ticket.asker)
        elif ticket.resident:
            ticket.resident.waiting.remove(ticket)
        elif ticket in self._pending:
            self._pending.remove(ticket)
            if self._loading and not self._waiting_for(self._loading):
                self._loading.abort()
            self._look_again()

    def _leave(self, resident: Resident[Ticket], asker: Asker) -> None:
        if self._residents.get(resident.key) is resident and not resident.is_alive:
            self._bury(resident)
        if heir := resident.leave(asker, self._clock.now()):
            heir.grant()
        elif resident.is_idle:
            self._note_unused()
            if self._pending or resident.expires_at(self._clock.now()) < self._looks_at:
                self._look_again()

    def _joinable(self, load: LoadRequest) -> Resident[Ticket] | None:
        resident = self._residents.get(load.engine_key)
        if resident and resident.key != self._closed_key and serves(resident.plan, load) and resident.is_alive:
            return resident
        return None

    # What is due.

    async def _own(self) -> None:
        while True:
            self._changed = anyio.Event()
            self._looks_at = self._tend()
            await self._clock.wait(self._changed, until=self._looks_at)

    def _look_again(self) -> None:
        self._changed.set()

    def _tend(self) -> float:
        """Do everything that is due; returns the moment at which something will be, if nothing changes before."""
        for resident in tuple(self._residents.values()):
            if not resident.is_alive:
                self._bury(resident)
        self._expire()
        patience_ends = _NEVER if self._loading or self._stops else self._advance()
        self._join_pending()
        now = self._clock.now()
        return min([patience_ends, *(r.expires_at(now) for r in self._residents.values() if r.is_idle)])

    def _expire(self) -> None:
        now = self._clock.now()
        for resident in tuple(self._residents.values()):
            if resident.is_idle and resident.expires_at(now) <= now:
                self._remove(resident, "expired")

    def _advance(self) -> float:
        """Work on the head of the queue; returns the moment at which its patience ends."""
        self._closed_key = None
        now = self._clock.now()
        while self._pending:
            head = self._pending[0]
            decision = decide(
                head.request,
                [resident.state(now) for resident in self._residents.values()],
                memory=self._measure_memory(),
                limits=self._limits,
                waited_s=now - head.since,
                failure=self._cooldown.standing(head.request.spec, now),
            )
            match decision:
                case Join(key):
                    self._admit(self._pending.popleft(), self._residents[key])
                case Refuse(error):
                    self._pending.popleft().refuse(error)
                case Wait(key, closed):
                    self._closed_key = key if closed else None
                    return _NEVER if closed else head.since + PATIENCE_S
                case Evict(victims):
                    for key in victims:
                        self._remove(self._residents[key], "evicted")
                    return _NEVER
                case Start(plan):
                    self._loading = Loading(plan)
                    self._tasks.start_soon(self._load, self._loading)
                    return _NEVER
                case _:
                    assert_never(decision)
        return _NEVER

    def _join_pending(self) -> None:
        """Requests further back in the queue need not wait for its head where an engine serves them already."""
        waiting, self._pending = self._pending, deque()
        for ticket in waiting:
            if resident := self._joinable(ticket.request):
                self._admit(ticket, resident)
            else:
                self._pending.append(ticket)

    # Loads.

    async def _load(self, loading: Loading) -> None:
        began = time.monotonic()
        await loading.run(self._start_engine, self._limits, partial(self._report, loading))
        self._loading = None
        facts = {"model": loading.plan.request.name, "seconds": round(time.monotonic() - began, 3)}
        match loading.outcome:
            case None:
                _log.info("load aborted, nobody waits for it", extra=facts)
            case TampuError() as error:
                _log.warning("load failed", extra={**facts, "error": error.message})
                self._load_failed(loading, error)
            case process:
                placement = loading.plan.placement
                sizes = {"num_ctx": placement.num_ctx, "slots": placement.slots, "bytes": placement.memory_bytes}
                _log.info("model loaded", extra={**facts, **sizes, "pid": process.pid})
                self._loaded(loading, process)
        self._look_again()

    def _report(self, loading: Loading, progress: LoadProgress) -> None:
        for ticket in self._waiting_for(loading):
            if ticket.on_progress:
                ticket.on_progress(progress)

    def _loaded(self, loading: Loading, process: EngineProcess) -> None:
        plan = loading.plan
        self._cooldown.clear(plan.request.spec)
        keep_alive = plan.request.default_keep_alive or self._limits.keep_alive
        resident = Resident[Ticket](plan, process, keep_alive, now=self._clock.now())
        resident.adopt(plan.request.keep_alive)
        self._residents[resident.key] = resident
        self._tasks.start_soon(resident.run_guard, self._look_again)
        self._join_pending()
        if loading.unload_when_idle:
            resident.expire_when_idle()

    def _load_failed(self, loading: Loading, error: TampuError) -> None:
        tickets = self._waiting_for(loading)
        idle = [resident for resident in self._residents.values() if resident.is_idle]
        is_first = bool(tickets) and not any(ticket.evicted_others for ticket in tickets)
        if isinstance(error, EngineOutOfMemory) and idle and is_first:
            for ticket in tickets:
                ticket.evicted_others = True
            for resident in idle:
                self._remove(resident, "evicted")
            return
        self._cooldown.record(loading.plan.request.spec, error, self._clock.now())
        self._refuse(tickets, error)
        self._pending = deque(ticket for ticket in self._pending if not ticket.is_settled)

    def _waiting_for(self, loading: Loading) -> list[Ticket]:
        return [ticket for ticket in self._pending if serves(loading.plan, ticket.request)]

    # Ends.

    def _bury(self, resident: Resident[Ticket]) -> None:
        """It died: who waited for a slot goes to the head of the queue, for a new engine, unless there will be none."""
        _log.warning("engine died", extra={"model": resident.plan.request.name, "pid": resident.process.pid})
        orphans = [] if self._is_closing else resident.abandon()
        for ticket in orphans:
            ticket.resident = None
        self._pending.extendleft(reversed(orphans))
        self._remove(resident, "died")

    def _remove_all(self) -> None:
        for resident in tuple(self._residents.values()):
            self._remove(resident, "shutting down")

    def _remove(self, resident: Resident[Ticket], reason: str) -> None:
        del self._residents[resident.key]
        self._refuse(resident.abandon(), _shutting_down())
        resident.guard.cancel()
        stop = Stopping(resident.plan.request, resident.process)
        self._stops.append(stop)
        _log.info("unloading", extra={"model": resident.plan.request.name, "reason": reason})
        self._tasks.start_soon(self._stop, stop)

    async def _stop(self, stop: Stopping) -> None:
        try:
            await stop.run()
        finally:
            self._stops.remove(stop)
            self._look_again()

    def _refuse(self, tickets: Iterable[Ticket], error: TampuError) -> None:
        for ticket in tickets:
            ticket.refuse(error)

    def _note_unused(self) -> None:
        if self._is_closing and all(resident.is_idle for resident in self._residents.values()):
            self._unused.set()

    def _view(self, resident: Resident[Ticket]) -> ResidentView:
        return resident.view(self._clock.now(), self._clock.wall_ns())


def _shutting_down() -> Overloaded:
    return Overloaded("the server is shutting down; try again when it is back")
