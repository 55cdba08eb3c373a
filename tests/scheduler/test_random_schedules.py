"""Whatever clients, engines and time do, the scheduler's promises hold after every step."""

from dataclasses import dataclass, field

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.errors import EngineCrashed, EngineOutOfMemory, EngineStartFailed, TampuError
from tests.scheduler.world import Client, World, settled

WEIGHTS = st.sampled_from("abc")
CONTEXTS = st.sampled_from([None, 64])
KEEP_ALIVES = st.sampled_from([None, None, 0, 5, -1])
NUMBERS = st.integers(0, 100)
STEPS = st.one_of(
    st.tuples(st.just("come"), WEIGHTS, CONTEXTS, KEEP_ALIVES),
    st.tuples(st.just("come"), WEIGHTS, CONTEXTS, KEEP_ALIVES),
    st.tuples(st.just("end"), NUMBERS),
    st.tuples(st.just("cancel"), NUMBERS),
    st.tuples(st.just("crash"), NUMBERS),
    st.tuples(st.just("die"), NUMBERS),
    st.tuples(st.just("time"), st.sampled_from([0.5, 5, 20, 400])),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("fail"), st.sampled_from([EngineStartFailed, EngineOutOfMemory, None])),
    st.tuples(st.just("unload"), WEIGHTS),
)


@dataclass
class Story:
    world: World
    clients: list[Client] = field(default_factory=list)
    error: type[TampuError] | None = None
    killed: set[int] = field(default_factory=set)

    def __post_init__(self):
        self.world.engines.refuse = lambda spec, placement: self.error("no") if self.error else None

    async def play(self, step, *, is_settled):
        match step:
            case ("come", weights, num_ctx, keep_alive):
                label = str(len(self.clients))
                self.clients.append(self.world.client(weights, label=label, num_ctx=num_ctx, keep_alive=keep_alive))
            case ("end", number) if self.clients:
                self.clients[number % len(self.clients)].may_end.set()
            case ("cancel", number) if self.clients:
                self.clients[number % len(self.clients)].scope.cancel()
            case ("crash", number) if self.clients:
                self.crash(self.clients[number % len(self.clients)])
            case ("die", number) if self.world.engines.processes:
                process = self.world.engines.processes[number % len(self.world.engines.processes)]
                process.die()
                self.killed.add(process.pid)
            case ("time", seconds):
                self.world.clock.advance(seconds)
            case ("hold", is_held):
                self.world.engines.is_held = is_held
                self.world.engines.release()
            case ("fail", error):
                self.error = error
            case ("unload", weights):
                self.world.tasks.start_soon(self.world.scheduler.unload, f"/models/{weights}.gguf")
        if is_settled:
            await settled()
            self.check_order()
        self.check()

    def crash(self, client):
        if client.is_served and not client.is_over:
            client.crash = EngineCrashed("gone")
            self.killed.add(self.process_of(client).pid)
        client.may_end.set()

    def process_of(self, client):
        return next(p for p in self.world.engines.processes if p.engine is client.lease.engine)

    def check(self):
        engines = self.world.engines
        active = [client for client in self.clients if client.is_served and not client.is_over]
        assert engines.most_loading <= 1
        assert len(engines.running) + engines.loading <= 2, "never more than the limit"
        for process in engines.processes:
            users = [client for client in active if client.lease.engine is process.engine]
            assert len(users) <= process.placement.slots
            assert not users or not process.is_stopped or process.pid in self.killed, "no busy one was stopped"

    def check_order(self):
        for number, client in enumerate(self.clients):
            if client.is_over or client.is_served:
                continue
            later = [other for other in self.clients[number + 1 :] if other.request.spec == client.request.spec]
            assert not any(other.is_served for other in later), "first come, first served"

    async def finish(self):
        """Everybody may go on: everybody comes to an end."""
        self.error = None
        self.world.engines.is_held = False
        for client in self.clients:
            client.may_end.set()
        for _ in range(len(self.clients) + 3):
            self.world.engines.release()
            await settled()
        assert all(client.is_over for client in self.clients)
        assert self.world.scheduler.queued == 0
        assert all(view.users == view.waiting == 0 for view in self.world.scheduler.residents())


async def tell(steps, *, max_queue):
    world = World(max_loaded=2, num_parallel=2, max_queue=max_queue)
    story = Story(world)
    async with anyio.create_task_group() as world.tasks:
        async with world.scheduler:
            for step, is_settled in steps:
                await story.play(step, is_settled=is_settled)
            await story.finish()
        story.check()
    assert world.engines.running == []
    assert world.engines.loading == 0


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(STEPS, st.booleans()), max_size=40), max_queue=st.sampled_from([0, 2, 512]))
def test_any_story_ends_well(steps, max_queue):
    anyio.run(lambda: tell(steps, max_queue=max_queue))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(STEPS, st.booleans()), max_size=30))
def test_any_story_that_is_cut_short_leaves_nothing_behind(steps):
    async def cut_short():
        world = World(max_loaded=2, num_parallel=2)
        world.scheduler._drain_s = 0.0
        story = Story(world)
        async with anyio.create_task_group() as world.tasks:
            async with world.scheduler:
                for step, is_settled in steps:
                    await story.play(step, is_settled=is_settled)
            assert world.engines.running == []
            assert world.engines.loading == 0
            world.tasks.cancel_scope.cancel()

    anyio.run(cut_short)
