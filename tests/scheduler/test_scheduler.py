"""Joining, queueing, leaving, and the end."""

import anyio
import pytest

from tampu.engine.protocol import LoadProgress
from tampu.errors import EngineCrashed, Overloaded, QueueFull
from tampu.scheduler.line import Asker
from tampu.scheduler.policy import PATIENCE_S
from tests.scheduler.wanted import load
from tests.scheduler.world import World, settled

pytestmark = pytest.mark.anyio


async def test_a_model_is_loaded_on_demand_and_shared():
    async with World().open() as world:
        first = await world.use("a")
        second = await world.use("a", name="copy", num_batch=512)
        assert first.engine is second.engine
        assert world.engines.names == ["a"]
        assert first.properties.num_ctx == 2048
        assert world.names() == ["a"], "the name is that of the request that loaded it"


async def test_requests_for_a_model_that_is_being_loaded_share_the_load():
    async with World().open() as world:
        world.engines.is_held = True
        heard = []
        clients = [world.client("a", on_progress=heard.append) for _ in range(4)]
        await settled()
        world.engines.report(0.5)
        assert heard == [LoadProgress(0.5)] * 4
        world.engines.release()
        await settled()
        assert all(client.is_served for client in clients)
        assert world.engines.names == ["a"]


async def test_one_load_at_a_time():
    async with World().open() as world:
        world.engines.is_held = True
        clients = [world.client(weights) for weights in "abc"]
        for count in (1, 2, 3):
            await settled()
            assert len(world.engines.starts) == count
            world.engines.release()
        await settled()
        assert all(client.is_served for client in clients)
        assert world.engines.most_loading == 1


async def test_slots_are_handed_on_in_order_and_a_client_that_left_is_passed_over():
    async with World(num_parallel=2).open() as world:
        clients = [world.client("a", label=str(number)) for number in range(6)]
        await settled()
        assert world.begun == ["0", "1"]
        assert (world.scheduler.residents()[0].users, world.scheduler.residents()[0].waiting) == (2, 4)
        await clients[2].leave()
        await clients[1].end()
        await clients[0].end()
        assert world.begun == ["0", "1", "3", "4"]
        await clients[3].leave()
        assert world.begun == ["0", "1", "3", "4", "5"]


async def test_eight_slots_by_default_as_many_as_the_engine_has():
    async with World().open() as world:
        clients = [world.client("a") for _ in range(9)]
        await settled()
        assert [client.is_served for client in clients] == [True] * 8 + [False]


async def test_an_idle_slot_is_taken_without_waiting_for_anybody():
    async with World().open() as world:
        await world.use("a")
        lease = world.scheduler.lease(load("a")).__aenter__()
        with pytest.raises(StopIteration):
            lease.send(None)


async def test_vectors_and_chats_of_one_model_have_an_engine_each():
    async with World().open() as world:
        for _ in range(3):
            await world.use("a")
            await world.use("a", embedding=True)
        assert world.engines.names == ["a", "a"]
        await world.scheduler.unload(load("a").key)
        assert world.names() == []


async def test_a_full_queue_refuses_at_once_but_not_users_of_the_loaded_model():
    async with World(max_loaded=1, max_queue=1).open() as world:
        busy = world.client("a")
        await settled()
        looked_at, queued, refused = (world.client("b") for _ in range(3))
        await settled()
        assert isinstance(refused.error, QueueFull)
        assert [looked_at.is_over, queued.is_over] == [False, False]
        same = world.client("a")
        await settled()
        assert same.is_served
        await same.end()
        await busy.end()
        assert looked_at.is_served
        assert queued.is_served


async def test_users_of_a_loaded_model_who_want_it_otherwise_are_refused_like_others():
    async with World(max_queue=1).open() as world:
        world.client("a")
        await settled()
        clients = [world.client("a", num_ctx=64) for _ in range(3)]
        await settled()
        assert [client.error is not None for client in clients] == [False, False, True]


async def test_users_of_a_loaded_model_that_another_one_waits_for_are_not_refused():
    async with World(max_loaded=1, max_queue=0).open() as world:
        world.client("a")
        await settled()
        world.client("b")
        await settled()
        world.clock.advance(PATIENCE_S)
        await settled()
        late = world.client("a")
        await settled()
        assert (late.is_served, late.error) == (False, None)


async def test_waiting_for_a_slot_is_not_limited():
    async with World(num_parallel=1, max_queue=1).open() as world:
        clients = [world.client("a") for _ in range(50)]
        await settled()
        refused = [client for client in clients if client.error]
        assert len(refused) == 48, "all came before the model was loaded"
        clients = [world.client("a") for _ in range(50)]
        await settled()
        assert not any(client.error for client in clients)


async def test_a_client_that_leaves_the_queue_makes_room_in_it():
    async with World(max_loaded=1, max_queue=1).open() as world:
        world.client("a")
        await settled()
        first, second = world.client("b"), world.client("c")
        await settled()
        await first.leave()
        await second.leave()
        assert world.scheduler.queued == 0
        third = world.client("d")
        await settled()
        assert third.error is None


async def test_a_load_that_nobody_waits_for_is_aborted():
    async with World().open() as world:
        world.engines.is_held = True
        first, second = world.client("a"), world.client("a")
        await settled()
        await first.leave()
        assert world.engines.aborted == 0
        await second.leave()
        assert world.engines.aborted == 1
        world.engines.is_held = False
        await world.use("a")
        assert world.engines.names == ["a", "a"]


async def test_who_comes_while_a_load_is_aborted_gets_a_new_one():
    async with World().open() as world:
        world.engines.is_held = True
        first = world.client("a")
        await settled()
        first.scope.cancel()
        world.engines.is_held = False
        second = world.client("a")
        await settled()
        assert second.is_served
        assert len(world.engines.running) == 1


async def test_a_client_that_leaves_in_the_moment_it_is_served_gives_the_slot_back():
    async with World(num_parallel=1).open() as world:
        first, second = world.client("a"), world.client("a")
        await settled()
        third = world.client("a")
        await settled()
        first.may_end.set()
        await anyio.lowlevel.checkpoint()
        second.scope.cancel()
        await settled()
        assert third.is_served


async def test_leaving_waits_for_running_requests_then_stops_all():
    world = World()
    async with anyio.create_task_group() as world.tasks:
        async with world.scheduler:
            await world.use("b")
            client = world.client("a")
            await settled()
            client.may_end.set()
        assert client.is_over
        assert client.error is None
    assert len(world.engines.processes) == 2
    assert world.engines.running == []


async def test_leaving_does_not_wait_for_ever():
    world = World(num_parallel=1)
    async with anyio.create_task_group() as world.tasks:
        async with world.scheduler:
            running, waiting = world.client("a"), world.client("a")
            await settled()
            loading = world.client("b")
            world.engines.is_held = True
            await settled()
        assert world.engines.running == []
        await settled()
        assert isinstance(waiting.error, Overloaded)
        assert isinstance(loading.error, Overloaded)
        assert not running.is_over
        await running.end()
    assert world.engines.loading == 0


async def test_nothing_is_started_while_leaving():
    world = World(num_parallel=1)
    async with anyio.create_task_group() as world.tasks:
        async with world.scheduler:
            first, second = world.client("a"), world.client("a")
            await settled()
            first.crash = EngineCrashed("gone")
            first.may_end.set()
        await settled()
        assert isinstance(second.error, Overloaded)
    assert world.engines.names == ["a"]


async def test_a_load_that_ends_while_leaving_is_stopped():
    world = World()
    async with anyio.create_task_group() as world.tasks, world.scheduler:
        world.engines.is_held = True
        world.client("a")
        await settled()
        world.engines.release()
    assert world.engines.running == []


async def test_nobody_comes_in_after_the_end():
    world = World()
    async with world.scheduler:
        await world.use("a")
    with pytest.raises(Overloaded, match="shutting down"):
        await world.use("a")


async def test_a_body_that_fails_still_ends_clean():
    world = World()

    async def fail():
        async with world.scheduler:
            await world.use("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert len(world.engines.processes) == 1
    assert world.engines.running == []


async def test_a_body_that_is_cancelled_still_ends_clean():
    world = World()
    with anyio.CancelScope() as scope:
        async with world.scheduler:
            await world.use("a")
            scope.cancel()
            await anyio.sleep_forever()
    assert len(world.engines.processes) == 1
    assert world.engines.running == []


async def test_one_client_cannot_keep_the_slots_from_others():
    async with World(num_parallel=2).open() as world:
        many = [world.client("a", label=f"many {number}", asker=Asker("many")) for number in range(6)]
        await settled()
        world.client("a", label="one", asker=Asker("one"))
        await settled()
        await many[0].end()
        assert world.begun == ["many 0", "many 1", "one"]
        await many[1].end()
        assert world.begun[3:] == ["many 2"]


async def test_everybody_sees_where_a_request_stands():
    async with World(num_parallel=1, max_loaded=2).open() as world:

        def shown():
            found = world.scheduler.standings()
            return [(each.request_id, each.model, each.state.value, each.position) for each in found]

        world.engines.is_held = True
        for number in (1, 2, 3):
            world.client("a", label=str(number), asker=Asker("c", request_id=f"a{number}"))
        world.client("b", asker=Asker("c", request_id="b"))
        await settled()
        assert shown() == [("a1", "a", "loading", 0), ("a2", "a", "loading", 0), ("a3", "a", "loading", 0), ("b", "b", "waiting", 1)]  # fmt: skip  # noqa: E501  # a table
        world.engines.release()
        await settled()
        assert shown() == [("a1", "a", "running", 0), ("a2", "a", "waiting", 1), ("a3", "a", "waiting", 2), ("b", "b", "loading", 0)]  # fmt: skip  # noqa: E501  # a table
        world.tasks.cancel_scope.cancel()
    assert world.scheduler.standings() == []
