"""The scheduler over real engine processes: what it promises holds when children really start, die and are killed."""

import os
import random
import signal
from contextlib import aclosing
from dataclasses import replace

import anyio
import psutil
import pytest

from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.errors import EngineCrashed
from tampu.hardware.memory import available_memory
from tampu.scheduler.records import Limits
from tampu.scheduler.scheduler import Scheduler
from tests.engine.running import asking, events_of, text_of
from tests.models import recorded_model
from tests.scheduler.wanted import load

pytestmark = pytest.mark.anyio
SCRIPT = "Hello from the script. 你好，世界! Done…"


def wanted(model):
    request = load(model)
    return replace(request, spec=replace(request.spec, model_path=recorded_model(model)))


def scheduler(**limits):
    def start(spec, placement, on_progress):
        return start_engine(spec, placement, settings=Settings(), on_progress=on_progress)

    return Scheduler(start, available_memory, Limits(cores=1, **limits))


async def ask(scheduler, request, **wish):
    async with scheduler.lease(request) as lease:
        return text_of(await events_of(lease.engine.complete(asking("<|s0|>", **wish))))


def engines():
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


async def test_many_clients_share_the_slots_of_one_engine_and_nothing_is_left():
    before = len(engines())
    async with scheduler() as loaded, anyio.create_task_group() as tasks:
        answers = []

        async def client():
            answers.append(await ask(loaded, wanted("scripted"), num_predict=40))

        for _ in range(12):
            tasks.start_soon(client)
        with anyio.fail_after(20):
            while not loaded.residents():
                await anyio.sleep(0.01)
        assert len(engines()) == before + 1
    assert answers == [SCRIPT] * 12
    assert len(engines()) == before


async def test_an_engine_killed_while_idle_is_replaced_without_an_error():
    async with scheduler() as loaded:
        request = wanted("scripted")
        await ask(loaded, request, num_predict=4)
        os.kill(loaded._residents[request.engine_key].process.pid, signal.SIGKILL)
        with anyio.fail_after(20):
            while loaded.residents():
                await anyio.sleep(0.01)
        assert await ask(loaded, request, num_predict=40) == SCRIPT


async def test_an_engine_killed_in_use_ends_its_streams_and_no_others():
    async with scheduler() as loaded:
        request, other = wanted("scripted"), wanted("second")
        async with loaded.lease(other) as untouched:
            with pytest.raises(EngineCrashed):
                await _kill_in_mid_stream(loaded, request)
            assert await ask(loaded, request, num_predict=40) == SCRIPT
            events = await events_of(untouched.engine.complete(asking("<|s0|>", num_predict=40)))
            assert text_of(events) == "I am the other model."
        assert {view.name for view in loaded.residents()} == {"scripted", "second"}


async def _kill_in_mid_stream(loaded, request):
    async with loaded.lease(request) as lease:
        endless = lease.engine.complete(asking("<|s3|>", num_predict=-1))
        async with aclosing(endless) as events:
            await anext(events)
            os.kill(loaded._residents[request.engine_key].process.pid, signal.SIGKILL)
            async for _ in events:
                pass


async def test_random_disconnects_leave_nothing_behind():
    chance = random.Random(7)  # noqa: S311  # the same story in every run
    before = len(engines())
    async with scheduler(max_loaded=1) as loaded:

        async def client(patience_s, request):
            with anyio.move_on_after(patience_s):
                await ask(loaded, request, num_predict=20)

        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                request = wanted(chance.choice(["scripted", "second"]))
                tasks.start_soon(client, chance.choice([0.001, 0.02, 0.2, 60]), request)
        assert [(view.users, view.waiting) for view in loaded.residents()] in ([], [(0, 0)])
        assert loaded.queued == 0
        assert await ask(loaded, wanted("scripted"), num_predict=40) == SCRIPT
    assert len(engines()) == before
