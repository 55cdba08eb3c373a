"""A pull that is killed again and again, with no chance to tidy up, still ends, and fetches little twice."""

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import anyio
import pytest

from tampu.registry.partial import read_states
from tampu.registry.patience import Patience
from tests.fakes import registry_server as server
from tests.fakes.pulling import open_services
from tests.fakes.registry_server import FakeRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SIZE = 24_000_000
KILLS = 5
UNFLUSHED = 300_000
ENOUGH_S = 60.0
FRESH = multiprocessing.get_context("forkserver")
"""Processes that share nothing with this one, nor with each other, and yet need not import everything again."""


def _pull(folder: Path, model: str) -> None:
    async def pull() -> None:
        # The usual patience: a stall lasts until the kill, however long this machine takes to get to it.
        async with open_services(folder, patience=Patience()) as services:
            await services.pull(model)

    anyio.run(pull)


@contextmanager
def _pulling(folder: Path, model: str) -> Iterator[BaseProcess]:
    process = FRESH.Process(target=_pull, args=(folder, model))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


async def test_kill_after_kill(tmp_path: Path) -> None:
    FRESH.set_forkserver_preload([__name__])
    content = random.Random(1).randbytes(SIZE)  # noqa: S311  # bytes that do not compress
    model = "me/large:v1"
    async with FakeRegistry() as registry:
        registry.add_model(model, ("model", content))
        blob = tmp_path / "models" / "blobs" / registry.add_blob(content).replace(":", "-")
        for kill in range(1, KILLS + 1):
            # The server stops short of the end, so that the moment of the kill is known and not timed.
            registry.script("part", server.stall(SIZE // (KILLS + 1)))
            with _pulling(tmp_path, f"{registry.host}/{model}") as process, anyio.fail_after(ENOUGH_S):
                while read_states(blob).completed < kill * (SIZE // (KILLS + 1) - UNFLUSHED):
                    assert process.is_alive(), "it was to wait for the rest"
                    await anyio.sleep(0.01)
        with _pulling(tmp_path, f"{registry.host}/{model}") as process, anyio.fail_after(ENOUGH_S):
            while process.is_alive():
                await anyio.sleep(0.01)
            assert process.exitcode == 0
        assert blob.read_bytes() == content
        assert registry.bytes_sent < 1.1 * SIZE
