"""Who makes room for whom."""

import anyio
import pytest

from tampu.errors import EngineOutOfMemory
from tampu.hardware.memory import Memory
from tampu.scheduler.policy import PATIENCE_S
from tests.scheduler.wanted import MB
from tests.scheduler.world import World, settled

pytestmark = pytest.mark.anyio


async def test_at_the_limit_the_soonest_to_expire_leaves():
    async with World(max_loaded=2).open() as world:
        await world.use("a", keep_alive=100)
        await world.use("b", keep_alive=50)
        await world.use("c")
        assert world.names() == ["a", "c"]
        assert [process.spec.model_path.stem for process in world.engines.running] == ["a", "c"]


async def test_three_models_in_rotation_with_room_for_two():
    async with World(max_loaded=2).open() as world:
        for weights in "abcabc":
            await world.use(weights)
            world.clock.advance(1)
            assert len(world.engines.running) <= 2
        assert world.names() == ["b", "c"]


async def test_a_busy_model_is_waited_for_never_evicted():
    async with World(max_loaded=1).open() as world:
        busy = world.client("a")
        await settled()
        waiting = world.client("b")
        await settled()
        assert not waiting.is_served
        assert world.scheduler.queued == 1
        await busy.end()
        assert waiting.is_served
        assert world.names() == ["b"]


async def test_nothing_is_started_before_what_leaves_has_gone():
    async with World(max_loaded=1).open() as world:
        await world.use("a")
        world.engines.processes[0].may_stop = anyio.Event()
        client = world.client("b")
        await settled()
        assert world.names() == []
        world.client("c")
        await settled()
        assert world.engines.names == ["a"]
        world.engines.processes[0].may_stop.set()
        await settled()
        assert client.is_served


async def test_users_of_a_busy_model_go_on_joining_while_another_request_waits_for_it():
    async with World(max_loaded=1, num_parallel=2).open() as world:
        world.client("a")
        await settled()
        world.client("b")
        await settled()
        joining = world.client("a")
        await settled()
        assert joining.is_served


async def test_steady_traffic_cannot_starve_a_request_for_another_model():
    async with World(max_loaded=1, num_parallel=2).open() as world:
        first = world.client("a", label="a1")
        await settled()
        other = world.client("b", label="b")
        await settled()
        world.clock.advance(PATIENCE_S)
        await settled()
        late = world.client("a", label="a2")
        await settled()
        assert not late.is_served
        await first.end()
        assert other.is_served
        await other.end()
        assert late.is_served
        assert world.begun == ["a1", "b", "a2"]


async def test_a_model_is_open_again_when_the_one_that_waited_for_it_leaves():
    async with World(max_loaded=1).open() as world:
        world.client("a")
        await settled()
        other = world.client("b")
        await settled()
        world.clock.advance(PATIENCE_S)
        await settled()
        late = world.client("a")
        await settled()
        await other.leave()
        assert late.is_served


async def test_other_options_reload_after_the_users_of_the_old_ones():
    async with World().open() as world:
        old = world.client("a", num_ctx=512)
        await settled()
        new = world.client("a", num_ctx=1024)
        await settled()
        assert not new.is_served
        await old.end()
        assert new.is_served
        assert [placement.num_ctx for _, placement in world.engines.starts] == [512, 1024]


async def test_alternating_options_are_served_together():
    async with World(num_parallel=1).open() as world:
        for number in range(6):
            world.client("a", num_ctx=512 if number % 2 else 1024).may_end.set()
        await settled()
        assert len(world.begun) == 6
        assert len(world.engines.starts) == 2


async def test_several_leave_for_a_large_one():
    async with World(num_parallel=1).open() as world:
        world.memory = Memory(10_000 * MB, 10_000 * MB)
        await world.use("a", weights_mb=4000)
        await world.use("b", weights_mb=4000)
        world.memory = Memory(10_000 * MB, 1_500 * MB)
        world.client("c", weights_mb=9000)
        await settled()
        assert world.engines.running == [], "its memory is measured again before it starts"
        assert world.names() == []


async def test_what_does_not_fit_says_how_much_is_needed():
    async with World().open() as world:
        world.memory = Memory(2_000 * MB, 1_000 * MB)
        with pytest.raises(EngineOutOfMemory, match=r"more system memory \(3\.8 GiB\) .* available \(953\.6 MiB\)"):
            await world.use("a", weights_mb=4000)
        assert world.engines.starts == []
