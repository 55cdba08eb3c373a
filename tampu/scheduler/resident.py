"""One loaded model: its process, who uses it, and who waits for a slot of it."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

from tampu.engine.protocol import EngineProcess
from tampu.scheduler.line import Asker, Line
from tampu.scheduler.policy import ResidentState
from tampu.scheduler.records import LoadPlan, ResidentView
from tampu.units import NS_PER_S, KeepAlive

Waiter = TypeVar("Waiter")


class Resident(Generic[Waiter]):
    """Invariants: at most `slots` users at once; nobody waits while a slot is free; slots are handed on fairly."""

    def __init__(self, plan: LoadPlan, process: EngineProcess, keep_alive: KeepAlive, *, now: float) -> None:
        self.plan = plan
        self.process = process
        self.keep_alive = keep_alive
        self.has_crashed = False
        """A user or the guard saw it die or hang; the system may notice later, or never."""
        self.guard = anyio.CancelScope()
        self.working: list[Asker] = []
        """Who has a slot now."""
        self.waiting: Line[Waiter] = Line()
        self._idle_since = now
        self._shows_idle_time = False
        """Whether a busy one shows when it would have left, had nobody come: once idle, until told a new keep-alive."""

    @property
    def key(self) -> str:
        """What it is found by."""
        return self.plan.request.engine_key

    @property
    def users(self) -> int:
        """How many have a slot now."""
        return len(self.working)

    @property
    def is_alive(self) -> bool:
        """Whether its process can still answer."""
        return not self.has_crashed and self.process.is_alive

    @property
    def is_idle(self) -> bool:
        """Whether nobody uses it."""
        return not self.working

    @property
    def has_free_slot(self) -> bool:
        """Whether a new user may begin at once."""
        return self.users < self.plan.placement.slots

    async def run_guard(self, on_useless: Callable[[], None]) -> None:
        """Wait until the process is of no use any more and tell; `guard` cancels it."""
        with self.guard:
            await self.process.wait_useless()
            self.has_crashed = True
            on_useless()

    def join(self, asker: Asker, keep_alive: KeepAlive | None) -> None:
        """Take a free slot."""
        self.working.append(asker)
        self.adopt(keep_alive)

    def wait(self, waiter: Waiter, asker: Asker, keep_alive: KeepAlive | None) -> None:
        """Stand in line for a slot."""
        self.waiting.join(waiter, asker)
        self.adopt(keep_alive)

    def leave(self, asker: Asker, now: float) -> Waiter | None:
        """Give a slot back; returns who has it now, None if nobody waited."""
        self.working.remove(asker)
        if self.waiting:
            heir, heir_asker = self.waiting.next(Counter(user.client for user in self.working))
            self.working.append(heir_asker)
            return heir
        if self.is_idle:
            self._idle_since, self._shows_idle_time = now, True
        return None

    def abandon(self) -> list[Waiter]:
        """Send away those who wait; returns them in order."""
        waiting, self.waiting = list(self.waiting), Line()
        return waiting

    def expire_when_idle(self) -> None:
        """Let it go as soon as nobody uses it."""
        self.adopt(KeepAlive(0))

    def expires_at(self, now: float) -> float:
        """The moment it leaves if nobody comes any more, as far as it is known while somebody uses it."""
        seconds = self.keep_alive.seconds
        if seconds is None:
            return float("inf")
        moment = self._idle_since + seconds
        if self.is_idle or (self._shows_idle_time and moment > now):
            return moment
        return now + seconds

    def state(self, now: float) -> ResidentState:
        """What policy decides on."""
        return ResidentState(
            plan=self.plan,
            users=self.users + len(self.waiting),
            expires_at=self.expires_at(now),
            keep_alive=self.keep_alive,
        )

    def view(self, now: float, wall_ns: int) -> ResidentView:
        """What others may see, at `now` on the clock, `wall_ns` since the epoch."""
        request, expires_at = self.plan.request, self.expires_at(now)
        return ResidentView(
            key=request.key,
            name=request.name,
            digest=request.digest,
            details=request.details,
            spec=request.spec,
            placement=self.plan.placement,
            users=self.users,
            expires_ns=None if math.isinf(expires_at) else wall_ns + int((expires_at - now) * NS_PER_S),
            waiting=len(self.waiting),
            refused=self.plan.refused,
        )

    def adopt(self, keep_alive: KeepAlive | None) -> None:
        """An explicit keep-alive is the model's from now on."""
        if keep_alive is not None:
            self.keep_alive, self._shows_idle_time = keep_alive, False
