from pathlib import Path
from types import SimpleNamespace

import pytest

from tampu.errors import ModelNotFound
from tampu.operations.residents import loaded_models
from tests.scheduler.world import World

pytestmark = pytest.mark.anyio


class Stored:
    """A library in which `models` are stored."""

    def __init__(self, **models):
        self._models = models

    async def find(self, name):
        if name.model not in self._models:
            raise ModelNotFound(name.short)
        return self._models[name.model]


async def shown(world, library=None):
    return await loaded_models(SimpleNamespace(scheduler=world.scheduler, library=library or Stored()))


async def test_nothing_loaded():
    async with World().open() as world:
        assert await shown(world) == []


async def test_latest_expiry_first_and_forever_before_all():
    async with World(max_loaded=9).open() as world:
        for name, keep_alive in (("short", 10), ("forever", -1), ("long", 600), ("usual", None)):
            await world.use(name, keep_alive=keep_alive)
        models = await shown(world)
        assert [model.name for model in models] == ["forever", "long", "usual", "short"]
        assert models[0].expires_ns is None
        assert models[3].expires_ns == world.clock.wall_ns() + 10 * 10**9


async def test_the_same_second_in_the_order_of_loading():
    async with World(max_loaded=9).open() as world:
        for name in "bca":
            await world.use(name, keep_alive=10)
        assert [model.name for model in await shown(world)] == ["b", "c", "a"]


async def test_what_is_told_of_a_model():
    async with World().open() as world:
        world.engines.memory_bytes = lambda placement: 10**9
        await world.use("m", name="say:latest", num_ctx=1)
        (model,) = await shown(world)
        assert (model.name, model.digest) == ("say:latest", "digest of say:latest")
        assert (model.size_bytes, model.gpu_bytes, model.context_length) == (10**9, 0, 4)
        assert model.details.family == "llama"
        assert (model.details.parent_model, model.details.context_length) == ("", 0)


async def test_an_engine_that_died_is_not_shown():
    async with World().open() as world:
        await world.use("m")
        world.engines.processes[0].die()
        assert await shown(world) == []


async def test_a_model_that_was_created_anew_on_the_same_weights_shows_the_id_that_a_list_shows():
    async with World().open() as world:
        await world.use("m", name="say:latest")
        (model,) = await shown(world)
        weights = (Path(world.scheduler.residents()[0].key),)
        same = Stored(say=SimpleNamespace(digest="new", weights=weights))
        (anew,) = await shown(world, same)
        other = Stored(say=SimpleNamespace(digest="new", weights=(Path("/other"),)))
        (replaced,) = await shown(world, other)
        assert (anew.digest, replaced.digest) == ("new", model.digest)
