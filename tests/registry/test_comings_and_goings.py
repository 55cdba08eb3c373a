"""Hundreds of pulls that begin, join, leave and begin again at random, over a bad line: nobody waits for ever."""

import random
from pathlib import Path

import anyio
import pytest

from tampu.errors import TampuError
from tampu.management import TransferRequest
from tampu.operations.pull import pull
from tests.fakes import registry_server as server
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import FakeRegistry, Fault

pytestmark = pytest.mark.anyio

PULLS = 150
AT_ONCE = 12
ENOUGH_S = 60.0
"""Many times what it takes: whoever waits for longer waits for what will never come."""
MODELS = {f"me/m{number}:v1": (80_000, 30_000 + number) for number in range(3)}
FAULTS: list[tuple[str, Fault]] = [
    ("part", server.truncate(1000)),
    ("part", server.stall(5000)),
    ("part", server.ignore_range()),
    ("part", server.status(503, "busy")),
    ("part", server.status(416, "no")),
    ("part", server.corrupt(70)),
    ("part", server.hang_up()),
    ("part", server.stall(0)),
    ("locate", server.status(503, "busy")),
    ("locate", server.hang_up()),
    ("head", server.hang_up()),
    ("manifest", server.hang_up()),
    ("whole", server.truncate(2000)),
]


async def _visit(services: PullServices, model: str, chance: random.Random, ends: list[str]) -> None:
    """A client that stays to the end or leaves at some moment, by a closed connection or between two reports."""
    leaves_after_s = chance.choice([None, 0.0, chance.uniform(0, 0.2)])
    leaves_after_reports = chance.choice([None, None, chance.randrange(8)])
    reports = pull(services, TransferRequest(model=model, insecure=True, limit_rate=chance.choice([0, 0, 300_000])))
    end = "left"
    try:
        with anyio.move_on_after(leaves_after_s):
            count = 0
            async for _ in reports:
                count += 1
                if count == leaves_after_reports:
                    break
            else:
                end = "whole"
    except TampuError:
        end = "failed"
    with anyio.CancelScope(shield=True):
        await reports.aclose()  # type: ignore[attr-defined]  # it is a generator
    ends.append(end)


@pytest.mark.parametrize("seed", range(2))
async def test_every_client_gets_to_an_end(tmp_path: Path, seed: int) -> None:
    chance, ends = random.Random(seed), list[str]()  # noqa: S311  # a story that can be told again
    async with FakeRegistry(redirects=bool(seed)) as registry:
        contents = {}
        for name, sizes in MODELS.items():
            contents[name] = [chance.randbytes(size) for size in sizes]
            registry.add_model(name, *[("model", content) for content in contents[name]])
        async with open_services(tmp_path) as services:
            seats = anyio.Semaphore(AT_ONCE)

            async def visit(model: str) -> None:
                async with seats:
                    kind, fault = chance.choice(FAULTS)
                    registry.script(kind, fault)
                    if chance.random() < 0.2:
                        services.library.blobs.path(registry.add_blob(contents[model][0])).unlink(missing_ok=True)
                    await _visit(services, f"{registry.host}/{model}", chance, ends)

            with anyio.fail_after(ENOUGH_S):
                async with anyio.create_task_group() as group:
                    for _ in range(PULLS):
                        group.start_soon(visit, chance.choice(sorted(MODELS)))
                registry.forgive()
                for model in MODELS:
                    await services.pull(f"{registry.host}/{model}")
            assert services.pulls.clients.is_idle
            assert services.pulls.downloads.is_idle
            for each in (content for layers in contents.values() for content in layers):
                assert services.library.blobs.path(registry.add_blob(each)).read_bytes() == each
            assert not any("partial" in name for name in services.files)
    assert {"whole", "left"} <= set(ends)
