"""A pull that is killed again and again, with no chance to tidy up, still ends, and fetches little twice."""

import json
import random
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.fakes import registry_server as server
from tests.fakes.registry_server import FakeRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SIZE = 24_000_000
KILLS = 5
UNFLUSHED = 300_000
PULL = """
import sys
from pathlib import Path
import anyio
from tests.fakes.pulling import open_services

async def main() -> None:
    async with open_services(Path(sys.argv[1])) as services:
        await services.pull(sys.argv[2])

anyio.run(main)
"""


async def test_kill_after_kill(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(SIZE)  # noqa: S311  # bytes that do not compress
    async with FakeRegistry() as registry:
        registry.add_model("me/large:v1", ("model", content))
        command = [sys.executable, "-c", PULL, str(tmp_path), f"{registry.host}/me/large:v1"]
        for kill in range(1, KILLS + 1):
            # The server stops short of the end, so that the moment of the kill is known and not timed.
            registry.script("part", server.stall(SIZE // (KILLS + 1)))
            async with await anyio.open_process(command, stdout=subprocess.DEVNULL) as process:
                while len(registry.of_kind("part")) < kill or not registry.of_kind("part")[-1].sent:
                    await anyio.sleep(0.02)
                while _completed(tmp_path) < kill * (SIZE // (KILLS + 1) - UNFLUSHED):
                    await anyio.sleep(0.02)
                process.kill()
        finished = await anyio.run_process(command)
        assert finished.returncode == 0
        assert (tmp_path / "models" / "blobs").joinpath(_blob(registry, content)).read_bytes() == content
        assert registry.bytes_sent < 1.1 * SIZE


def _completed(folder: Path) -> int:
    states = (folder / "models" / "blobs").glob("*-partial-*")
    return sum(json.loads(path.read_text())["Completed"] for path in states)


def _blob(registry: FakeRegistry, content: bytes) -> str:
    return registry.add_blob(content).replace(":", "-")
