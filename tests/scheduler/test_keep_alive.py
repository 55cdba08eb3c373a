"""How long a model stays, and how it is sent away."""

import pytest

from tampu.units import KeepAlive
from tests.scheduler.wanted import load
from tests.scheduler.world import World, settled

pytestmark = pytest.mark.anyio


async def test_an_idle_model_expires():
    async with World().open() as world:
        await world.use("a")
        assert world.expires_in("a") == 300
        world.clock.advance(299)
        await settled()
        assert world.names() == ["a"]
        world.clock.advance(1)
        await settled()
        assert world.names() == []
        assert world.engines.running == []


async def test_each_use_starts_the_time_anew():
    async with World().open() as world:
        await world.use("a")
        for _ in range(4):
            world.clock.advance(200)
            await settled()
            await world.use("a")
        assert world.engines.names == ["a"]
        assert world.expires_in("a") == 300


async def test_an_explicit_keep_alive_stays_and_an_absent_one_changes_nothing():
    async with World().open() as world:
        await world.use("a", keep_alive=10)
        assert world.expires_in("a") == 10
        await world.use("a", name="copy")
        assert world.expires_in("a") == 10
        await world.use("a", keep_alive=-1)
        await world.use("a")
        assert world.expires_in("a") is None
        world.clock.advance(10**9)
        await settled()
        assert world.names() == ["a"]


async def test_a_reload_starts_from_the_servers_keep_alive_and_takes_the_name():
    async with World().open() as world:
        await world.use("a", keep_alive=600, num_ctx=512)
        await world.use("a", name="copy", num_ctx=768)
        assert world.names() == ["copy"]
        assert world.expires_in("copy") == 300
        assert len(world.engines.running) == 1


async def test_while_in_use_for_the_first_time_the_keep_alive_counts_from_now():
    async with World().open() as world:
        client = world.client("a")
        await settled()
        world.clock.advance(1000)
        await settled()
        assert world.expires_in("a") == 300
        await client.end()
        assert world.expires_in("a") == 300


async def test_while_in_use_again_the_last_time_is_shown_but_never_one_in_the_past():
    async with World().open() as world:
        await world.use("a")
        world.clock.advance(100)
        client = world.client("a")
        await settled()
        assert world.expires_in("a") == 200
        world.clock.advance(250)
        await settled()
        assert world.expires_in("a") == 300
        await client.end()
        assert world.names() == ["a"]


async def test_keep_alive_zero_unloads_once_the_last_user_leaves():
    async with World().open() as world:
        first, second = world.client("a"), world.client("a", keep_alive=0)
        await settled()
        await second.end()
        assert world.names() == ["a"]
        assert world.expires_in("a") == 0
        await first.end()
        assert world.names() == []


async def test_a_server_that_keeps_nothing():
    async with World(keep_alive=KeepAlive(0)).open() as world:
        await world.use("a")
        await settled()
        assert world.engines.running == []


async def test_unload_ends_an_idle_engine_before_it_returns():
    async with World().open() as world:
        await world.use("a")
        await world.scheduler.unload(load("a").key)
        assert world.engines.running == []


async def test_unload_lets_users_finish():
    async with World().open() as world:
        client = world.client("a")
        await settled()
        await world.scheduler.unload(load("a").key)
        assert world.expires_in("a") == 0
        assert client.lease.engine is world.engines.running[0].engine
        await client.end()
        assert world.engines.running == []


async def test_unload_during_a_load_takes_effect_after_its_users():
    async with World().open() as world:
        world.engines.is_held = True
        client = world.client("a")
        await settled()
        await world.scheduler.unload(load("a").key)
        world.engines.release()
        await settled()
        assert client.is_served
        await client.end()
        assert world.engines.running == []


async def test_unload_of_what_is_not_loaded():
    async with World().open() as world:
        await world.scheduler.unload("/nowhere")
        assert world.names() == []
