"""Engines that do not start, do not fit, or die."""

import logging

import pytest

from tampu.errors import EngineCrashed, EngineOutOfMemory, EngineStartFailed
from tampu.units import KeepAlive
from tests.scheduler.world import World, settled

pytestmark = pytest.mark.anyio


def failing(count, error):
    errors = [error] * count
    return lambda spec, placement: errors.pop() if errors else None


async def test_a_failed_start_is_told_to_all_who_wait_and_not_repeated_at_once():
    async with World().open() as world:
        world.engines.refuse = failing(1, EngineStartFailed("it broke", log_tail="..."))
        world.engines.is_held = True
        clients = [world.client("a") for _ in range(3)] + [world.client("b")]
        await settled()
        world.engines.is_held = False
        world.engines.release()
        await settled()
        assert [str(client.error) for client in clients] == ["it broke"] * 3 + ["None"]
        assert clients[3].is_served
        with pytest.raises(EngineStartFailed, match="it broke"):
            await world.use("a")
        assert world.engines.names == ["a", "b"]
        await world.use("a", num_ctx=64)
        world.clock.advance(1)
        await world.use("a")
        assert world.engines.names == ["a", "b", "a", "a"]


async def test_a_start_that_somebody_ended_is_tried_once_more():
    """Whoever kills a process that loads says nothing of the model, unless it is done again."""
    async with World().open() as world:
        world.engines.refuse = failing(1, EngineStartFailed("it was killed", was_ended=True))
        await world.use("a")
        assert world.engines.names == ["a", "a"]
        world.engines.refuse = failing(2, EngineStartFailed("it was killed", was_ended=True))
        with pytest.raises(EngineStartFailed, match="it was killed"):
            await world.use("b")
        with pytest.raises(EngineStartFailed, match="it was killed"):
            await world.use("b")
        assert world.engines.names == ["a", "a", "b", "b"]


async def test_the_cool_down_grows():
    async with World().open() as world:
        world.engines.refuse = lambda spec, placement: EngineStartFailed("it broke")
        waits = []
        for _ in range(8):
            starts = len(world.engines.starts)
            waited = 0
            while len(world.engines.starts) == starts:
                with pytest.raises(EngineStartFailed):
                    await world.use("a")
                if len(world.engines.starts) == starts:
                    world.clock.advance(1)
                    waited += 1
            waits.append(waited)
        assert waits == [0, 1, 2, 4, 8, 16, 32, 60]


async def test_a_standing_failure_keeps_nothing_of_those_it_answered():
    async with World().open() as world:
        world.engines.refuse = lambda spec, placement: EngineStartFailed("it broke")
        lengths = []
        for _ in range(5):
            with pytest.raises(EngineStartFailed) as raised:
                await world.use("a")
            lengths.append(len(raised.traceback))
        assert len(set(lengths)) == 1
        assert len(world.engines.starts) == 1


async def test_an_unexpected_error_reaches_the_client_and_not_the_server(caplog):
    async with World().open() as world:
        world.engines.refuse = failing(1, ValueError("a bug"))
        with pytest.raises(EngineStartFailed, match="engine of a could not be started: a bug"):
            await world.use("a")
        world.clock.advance(1)
        await world.use("a")
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == [
        "unexpected error while loading"
    ]


async def test_out_of_memory_is_tried_again_with_less():
    async with World().open() as world:
        world.engines.refuse = lambda spec, placement: (
            EngineOutOfMemory("too large") if placement.num_ctx * placement.slots > 8192 else None
        )
        await world.use("a", trained_ctx=32_768, kv_bytes=1)
        assert [(p.slots, p.num_ctx) for _, p in world.engines.starts] == [
            (8, 32_768), (4, 32_768), (2, 32_768), (1, 32_768), (1, 8192),
        ]  # fmt: skip
        assert world.scheduler.residents()[0].placement.num_ctx == 8192


async def test_out_of_memory_at_last_evicts_idle_models_and_tries_once_more():
    async with World(num_parallel=1).open() as world:
        busy = world.client("busy")
        await world.use("idle")
        world.engines.refuse = failing(1, EngineOutOfMemory("too large"))
        await world.use("a", num_ctx=64)
        assert world.names() == ["busy", "a"]
        assert busy.error is None
        world.engines.refuse = failing(2, EngineOutOfMemory("too large"))
        with pytest.raises(EngineOutOfMemory):
            await world.use("b", num_ctx=64)
        assert world.names() == ["busy"]


async def test_an_engine_that_dies_idle_leaves_the_list_and_is_replaced():
    async with World().open() as world:
        await world.use("a")
        world.engines.processes[0].die()
        assert world.names() == []
        await world.use("a")
        assert world.names() == ["a"]
        assert len(world.engines.running) == 1, "the dead one was reaped"


async def test_an_engine_that_dies_in_use_is_replaced_for_those_who_wait_for_a_slot():
    async with World(num_parallel=1).open() as world:
        first, second, third = (world.client("a", label=str(number)) for number in range(3))
        await settled()
        first.crash = EngineCrashed("gone", exit_code=-9)
        await first.end()
        assert first.error is first.crash
        assert second.is_served
        assert second.lease.engine is not first.lease.engine
        await second.end()
        assert third.is_served
        assert world.begun == ["0", "1", "2"]
        assert len(world.engines.running) == 1


async def test_who_waited_for_a_slot_of_a_dead_engine_is_first_in_the_queue():
    async with World(num_parallel=1, max_loaded=1).open() as world:
        first = world.client("a", label="a1")
        await settled()
        world.client("a", label="a2")
        world.client("b", label="b")
        world.client("a", label="a3")
        await settled()
        world.engines.processes[0].die()
        await first.end()
        assert world.begun == ["a1", "a2"]
        assert world.scheduler.residents()[0].waiting == 1


async def test_an_engine_that_cannot_be_stopped_hurts_nobody_else(caplog):
    async with World(max_loaded=1).open() as world:
        await world.use("a")

        async def fail():
            raise OSError("no such process")

        world.engines.processes[0].stop = fail
        await world.use("b")
        assert world.names() == ["b"]
    assert "stopping the engine failed" in [record.message for record in caplog.records]


async def test_others_never_notice_a_death():
    async with World().open() as world:
        dying, other = world.client("a"), world.client("b")
        await settled()
        world.engines.processes[0].die()
        await dying.end()
        assert world.names() == ["b"]
        assert other.error is None


async def test_an_engine_that_dies_or_hangs_while_nobody_looks_is_gone_at_once():
    async with World().open() as world:
        await world.use("a")
        process = world.engines.processes[0]
        process.is_useless.set()
        await settled()
        assert process.is_stopped
        assert world.names() == []
        await world.use("a")
        assert world.engines.names == ["a", "a"]


async def test_one_that_hangs_under_its_users_is_replaced_for_those_who_wait():
    async with World(num_parallel=1).open() as world:
        user, waiting = world.client("a"), world.client("a")
        await settled()
        assert user.is_served
        assert not waiting.is_served
        world.engines.processes[0].is_useless.set()
        await settled()
        assert world.engines.names == ["a", "a"]
        assert waiting.is_served
        assert world.engines.processes[0].is_stopped


async def test_one_that_left_is_watched_no_more():
    async with World().open() as world:
        await world.use("a", keep_alive=KeepAlive(0))
        await settled()
        assert world.engines.processes[0].is_stopped
        await world.use("a")
        world.engines.processes[0].is_useless.set()
        await settled()
        assert world.names() == ["a"]
