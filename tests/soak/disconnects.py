"""Clients of every dialect that leave at every possible moment: while queued, in the prompt, in mid-answer."""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any, Final

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
    path = chance.choice(_PATHS)
    text = "la " * chance.choice((1, 50, 400))
    streams = chance.random() < 0.5
    body = {"model": "loop" if chance.random() < 0.95 else "other", "stream": streams, **_asked(path, text)}
    # Few of those who leave by the clock get as far as their answer: the others have the slots.
    leaves_in_answer = streams and chance.random() < 0.5
    return Errand("POST", path, body, chance.choice((0.0, 0.001, 0.01, 0.05, 0.1, 0.3)), leaves_in_answer)


_PATHS: Final = (
    *("/api/generate", "/api/chat"),
    *("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"),
)
_MANY: Final = 100_000


def _asked(path: str, text: str) -> dict[str, Any]:
    """For `text`, and for as long an answer as there may be, as each dialect says it."""
    messages = [{"role": "user", "content": text}]
    match path:
        case "/api/generate":
            return {"prompt": text, "options": {"num_predict": _MANY}}
        case "/api/chat":
            return {"messages": messages, "options": {"num_predict": _MANY}}
        case "/v1/completions":
            return {"prompt": text, "max_tokens": _MANY}
        case "/v1/responses":
            return {"input": text, "max_output_tokens": _MANY, "store": False}
        case _:
            return {"messages": messages, "max_tokens": _MANY}


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
