"""A scheduler whose engines and clock a test moves, and clients that hold a lease until they are told to go."""

from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel

from tampu.errors import TampuError
from tampu.hardware.memory import Memory
from tampu.scheduler.line import ANYBODY
from tampu.scheduler.records import Limits
from tampu.scheduler.scheduler import Scheduler
from tests.fakes.clock import FakeClock
from tests.fakes.engines import FakeEngines
from tests.scheduler.wanted import MB, load

_TURNS = 40


async def settled():
    """Let everybody go on until nobody can: no chain of wake-ups is as long as this."""
    for _ in range(_TURNS):
        await anyio.lowlevel.checkpoint()


class World:
    def __init__(self, **limits):
        self.clock, self.engines = FakeClock(), FakeEngines()
        self.memory = Memory(64_000 * MB, 64_000 * MB)
        self.scheduler = Scheduler(
            self.engines.start, lambda: self.memory, Limits(**limits), clock=self.clock, drain_s=0.2
        )
        self.begun: list[str] = []

    @asynccontextmanager
    async def open(self):
        async with self.scheduler, anyio.create_task_group() as self.tasks:
            yield self
            self.tasks.cancel_scope.cancel()

    def client(self, weights, *, on_progress=None, label="", asker=ANYBODY, **wish):
        client = Client(self, load(weights, **wish), label or weights, on_progress, asker)
        self.tasks.start_soon(client.run)
        return client

    async def use(self, weights, **wish):
        """A whole request that ends at once."""
        async with self.scheduler.lease(load(weights, **wish)) as lease:
            return lease

    def names(self):
        return [view.name for view in self.scheduler.residents()]

    def expires_in(self, name):
        view = next(view for view in self.scheduler.residents() if view.name == name)
        return None if view.expires_ns is None else round((view.expires_ns - self.clock.wall_ns()) / 1e9, 3)


class Client:
    def __init__(self, world, request, label, on_progress, asker):
        self.world, self.request, self.label, self.on_progress = world, request, label, on_progress
        self.asker = asker
        self.lease = self.error = None
        self.scope, self.may_end = anyio.CancelScope(), anyio.Event()
        self.crash = None
        self.is_over = False

    @property
    def is_served(self):
        return self.lease is not None

    async def run(self):
        try:
            with self.scope:
                leased = self.world.scheduler.lease(self.request, asker=self.asker, on_progress=self.on_progress)
                async with leased as lease:
                    self.lease = lease
                    self.world.begun.append(self.label)
                    await self.may_end.wait()
                    self._fail()
        except TampuError as error:
            self.error = error
        finally:
            self.is_over = True

    async def end(self):
        self.may_end.set()
        await settled()

    async def leave(self):
        self.scope.cancel()
        await settled()

    def _fail(self):
        if self.crash:
            raise self.crash
