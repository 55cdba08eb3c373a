"""Pulls that go from one place to the next: what one brought is not fetched from the other again."""

import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tampu.errors import RegistryNotFound, RegistryUnreachable
from tampu.progress import Progress
from tests.fakes import registry_server as server
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import FakeRegistry

pytestmark = pytest.mark.anyio

WEIGHTS = random.Random(13).randbytes(2_000_000)  # noqa: S311  # bytes that do not compress
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"


@asynccontextmanager
async def registries(folder: Path) -> AsyncIterator[tuple[FakeRegistry, FakeRegistry, PullServices]]:
    """A mirror, a registry, and a server that is to ask the one before the other."""
    async with FakeRegistry() as mirror, FakeRegistry() as own:
        for registry in (mirror, own):
            registry.add_model("me/big:v1", ("model", WEIGHTS))
        async with open_services(folder, mirrors={own.host: (f"http://{mirror.host}",)}) as services:
            yield mirror, own, services


def trying(events: list[Progress]) -> list[str]:
    return [event.status for event in events if "trying" in event.status]


async def test_a_mirror_that_is_well_spares_the_registry(tmp_path: Path) -> None:
    async with registries(tmp_path) as (mirror, own, services):
        events = await services.pull(f"{own.host}/me/big:v1")
        assert events[-1].status == "success"
        assert trying(events) == []
        assert mirror.bytes_sent >= len(WEIGHTS)
        assert own.asked == []
        assert [str(name) for name in services.library.names()] == [f"{own.host}/me/big:v1"]


async def test_what_a_dying_mirror_brought_is_kept(tmp_path: Path) -> None:
    async with registries(tmp_path) as (mirror, own, services):
        mirror.script("part", server.truncate(1_200_000), *[server.status(500)] * 20)
        events = await services.pull(f"{own.host}/me/big:v1")
        assert trying(events) == [f"{mirror.host} is out of reach; trying {own.host}"]
        assert own.of_kind("part")[0].range == (1_200_000, len(WEIGHTS) - 1)
        assert services.library.layout.blob(DIGEST).read_bytes() == WEIGHTS
        # It rests: the next pull asks the registry first.
        mirror.forgive()
        await services.pull(f"{own.host}/me/big:v1")
        assert mirror.asked == []


async def test_a_mirror_with_wrong_bytes_is_passed_over(tmp_path: Path) -> None:
    async with registries(tmp_path) as (mirror, own, services):
        mirror.blobs[DIGEST] = bytes(len(WEIGHTS))
        events = await services.pull(f"{own.host}/me/big:v1")
        assert len(trying(events)) == 1
        assert "digest mismatch" in trying(events)[0]
        assert services.library.layout.blob(DIGEST).read_bytes() == WEIGHTS


async def test_a_mirror_that_lacks_the_model_is_asked_again_the_next_time(tmp_path: Path) -> None:
    async with registries(tmp_path) as (mirror, own, services):
        del mirror.manifests["me/big:v1"]
        for _ in range(2):
            events = await services.pull(f"{own.host}/me/big:v1")
            assert trying(events) == [f"{mirror.host} has no {own.host}/me/big:v1; trying {own.host}"]


async def test_when_nobody_has_it_the_registry_itself_has_the_word(tmp_path: Path) -> None:
    async with registries(tmp_path) as (mirror, own, services):
        mirror.script("manifest", *[server.hang_up()] * 9)
        own.manifests.clear()
        with pytest.raises(RegistryNotFound) as caught:
            await services.pull(f"{own.host}/me/big:v1")
        assert caught.value.message.startswith("pull model manifest: file does not exist; also tried ")
        assert mirror.host in caught.value.message


async def test_one_pull_does_not_fail_with_the_place_of_another(tmp_path: Path) -> None:
    """Two names with one blob: the download that the first began from a bad place goes on from the second's."""
    async with FakeRegistry() as bad, FakeRegistry() as good, open_services(tmp_path) as services:
        for registry in (bad, good):
            registry.add_model("me/big:v1", ("model", WEIGHTS))
        begun = anyio.Event()

        async def fail_once_both_wait(content: server.Content) -> object:
            await begun.wait()
            return await server.status(500)(content)

        bad.script("part", *[fail_once_both_wait] * 20)  # type: ignore[list-item]  # aiohttp's type of an answer
        outcomes: dict[str, str] = {}

        async def client(registry: FakeRegistry) -> None:
            try:
                outcomes[registry.host] = (await services.pull(f"{registry.host}/me/big:v1"))[-1].status
            except RegistryUnreachable as error:
                outcomes[registry.host] = error.message

        async with anyio.create_task_group() as group:
            group.start_soon(client, bad)
            while not bad.of_kind("part"):
                await anyio.sleep(0.01)
            group.start_soon(client, good)
            while not good.of_kind("manifest"):
                await anyio.sleep(0.01)
            begun.set()
        assert outcomes[good.host] == "success"
        assert "max retries exceeded" in outcomes[bad.host]
        assert services.library.layout.blob(DIGEST).read_bytes() == WEIGHTS
