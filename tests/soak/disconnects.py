"""Clients that leave at every possible moment: while queued, while the prompt is read, in mid-answer."""

import asyncio
import os
import random
import time
from pathlib import Path

from tests.journeys.conftest import Served, serving, wait_until
from tests.soak.footprint import Footprint
from tests.soak.soak import furnish, left_after, unload_all
from tests.soak.visit import Errand, visit

WITHIN_S = 1.0
"""So soon is a slot free whose client has left; later by as much as others keep the machine busy."""
CROWD = 32


def disconnect(folder: Path, count: int) -> list[str]:
    """Let `count` clients come and leave; what is left over, or how long the next client waited, if that was long."""
    with serving(folder, OLLAMA_MAX_LOADED_MODELS="1", OLLAMA_NUM_PARALLEL="2") as served:
        furnish(served)
        asyncio.run(_crowd(served, CROWD))
        unload_all(served)
        before = Footprint.of(served.process.pid)
        asyncio.run(_crowd(served, count))
        lost = _slots_are_free(served)
        unload_all(served)
        lost += left_after(served, before)
        grown = Footprint.of(served.process.pid).resident / before.resident
        lost += [f"memory: {grown:.2f} times what it was"] if grown > 1.1 else []
    lost += ["a task outlived its request"] if "Cancel " in served.log else []
    return lost + (["a traceback in the log"] if "Traceback" in served.log else [])


async def _crowd(served: Served, count: int) -> None:
    """`count` clients, `CROWD` at a time. Most want more than anybody waits for, so nearly all leave early."""
    chance = random.Random(count)  # noqa: S311  # chance, no secret
    places = asyncio.Semaphore(CROWD)

    async def client() -> None:
        async with places:
            await visit(served.port, _errand(chance), chance)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(client())


def _errand(chance: random.Random) -> Errand:
    body = {
        "model": "loop" if chance.random() < 0.95 else "other",
        "prompt": "la " * chance.choice((1, 50, 400)),
        "options": {"num_predict": 100_000},
        "stream": chance.random() < 0.5,
    }
    return Errand("POST", "/api/generate", body, chance.choice((0.0, 0.001, 0.01, 0.05, 0.1, 0.3)))


def _slots_are_free(served: Served) -> list[str]:
    """What is wrong with how long requests stay whose clients are all gone.

    The clock of each runs from when it is first seen: a server that has no time reads many only now.
    """
    first_seen: dict[str, float] = {}
    longest_s = 0.0

    def is_empty() -> bool:
        nonlocal longest_s
        requests = served.ask("/api/queue", method="GET")["requests"]
        for request in requests:
            now = time.monotonic()
            longest_s = max(longest_s, now - first_seen.setdefault(request["id"], now))
        return not requests

    wait_until(is_empty)
    crowding = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    return [f"a request stayed {longest_s:.1f} s after its client"] if longest_s > WITHIN_S * crowding else []
