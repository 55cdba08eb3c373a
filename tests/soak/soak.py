"""A real server under everything at once: loads, evictions, reloads, cancels, kills, mixed routes, by chance.

At the end nothing may be left over: no request, engine, open file or connection, and no more memory than `MOST_GROWTH`
times what it was early on. Run it for as long as you like: `python -m tests.soak SECONDS`.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from tests.journeys.conftest import Served, serving, wait_until
from tests.soak.footprint import Footprint, engines
from tests.soak.visit import Errand, Outcome, visit

CLIENTS: Final = 8
EARLY: Final = 100
"""After so many requests memory is looked at for the first time."""
LATE: Final = 10_000
MOST_GROWTH: Final = 1.1
VARIABLES: Final = {"OLLAMA_MAX_LOADED_MODELS": "2", "OLLAMA_MAX_QUEUE": "6", "OLLAMA_KEEP_ALIVE": "20s"}
KILL_SHARE: Final = 0.001
PAUSE_S: Final = 0.2
"""How long a client waits that was refused, or the few that are would make most of the requests."""
_MODELS: Final = ("short", "loop", "other", "fine")
_EXPECTED: Final = (
    # What a kill, a full queue and a cancelled request are answered with.
    "an error was encountered while running the model",
    "the engine ended while it loaded the model",
    "server busy, please try again.",
    "request canceled",
    "there is no request",
)


def furnish(served: Served) -> None:
    """The models that clients ask for; two of them have the same weights."""
    served.upload("scripted.gguf", "short", template="{{ .Prompt }}<|s0|>")
    served.upload("scripted.gguf", "loop", template="{{ .Prompt }}<|s3|>", parameters={"num_predict": 400})
    served.upload("second.gguf", "other", template="{{ .Prompt }}<|s0|>")
    served.upload("http.gguf", "fine", template="{{ range .Messages }}{{ .Content }}{{ end }}<|s0|>")
    served.upload("tiny-bert.gguf", "vectors")


@dataclass(slots=True)
class Soak:
    """The clients of one server. `lost`: what must not have happened; `memory`: resident bytes by requests done."""

    served: Served
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    memory: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    kills: bool = True

    async def run(self, goes_on: Callable[[int], bool]) -> None:
        """Let `CLIENTS` ask until `goes_on`, given the number of requests so far, says no."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client(goes_on))

    async def _client(self, goes_on: Callable[[int], bool]) -> None:
        while goes_on(self.requests) and not self.lost:
            self.requests += 1
            if self.requests in {EARLY, LATE}:
                self.memory[self.requests] = Footprint.of(self.served.process.pid).resident
            if self.kills and self.chance.random() < KILL_SHARE:
                self._kill()
            if self.chance.random() < 0.05:
                await self._cancel_somebody()
            await self._do(self._errand())

    async def _do(self, errand: Errand) -> None:
        try:
            outcome = await visit(self.served.port, errand, self.chance)
        except Exception as error:  # noqa: BLE001  # whatever breaks a client is the finding
            self.lost.append(f"{errand}: {error!r}")
            return
        self.done[f"{errand.path.split('/')[2]} {_kind(outcome)}"] += 1
        if outcome.status >= 499:
            await asyncio.sleep(PAUSE_S)
        if outcome.error and not any(text in outcome.error for text in _EXPECTED):
            self.lost.append(f"{errand}: {outcome}")

    def _errand(self) -> Errand:
        chance, model = self.chance, self.chance.choice(_MODELS)
        leaves = chance.choice((None, None, 0.0, 0.01, 0.05, 0.2, 1.0))
        options: dict[str, Any] = {"seed": chance.randrange(99)}
        if chance.random() < 0.05:
            options["num_ctx"] = chance.choice((256, 512, 1024))
        common = {"model": model, "options": options, "stream": chance.random() < 0.7}
        prompt = "la " * chance.choice((1, 1, 1, 20, 100))
        messages = [{"role": "user", "content": prompt}]
        return chance.choice(
            (
                Errand("POST", "/api/generate", {**common, "prompt": prompt}, leaves),
                Errand("POST", "/api/generate", {**common, "prompt": prompt}, leaves),
                Errand("POST", "/api/chat", {**common, "messages": messages}, leaves),
                Errand("POST", "/api/embed", {"model": "vectors", "input": [prompt] * 3}, leaves),
                Errand("POST", "/api/tokenize", {"model": model, "text": prompt}, leaves),
                Errand("POST", "/api/generate", {"model": model, "keep_alive": chance.choice((0, 1, "30s"))}, leaves),
                Errand("GET", "/api/ps"),
            )
        )

    async def _cancel_somebody(self) -> None:
        queue = await visit(self.served.port, Errand("GET", "/api/queue"), self.chance)
        if queue.last["requests"]:
            chosen = self.chance.choice(queue.last["requests"])
            await self._do(Errand("DELETE", f"/api/queue/{chosen['id']}"))

    def _kill(self) -> None:
        with suppress(psutil.Error, IndexError):
            self.chance.choice(engines(self.served.process.pid)).kill()
            self.done["engines killed"] += 1


def _kind(outcome: Outcome) -> str:
    if outcome.was_left:
        return "left"
    return f"{outcome.status}{' with an error' if outcome.error and outcome.status == 200 else ''}"


def unload_all(served: Served) -> None:
    """Take every model out of memory and see that nobody waits for one."""
    wait_until(lambda: served.ask("/api/queue", method="GET")["requests"] == [])
    for model in (*_MODELS, "vectors"):
        served.request("POST", "/api/generate", {"model": model, "keep_alive": 0})
    wait_until(lambda: not engines(served.process.pid))


def left_after(served: Served, before: Footprint) -> list[str]:
    """What is still held that was not `before`; a system takes its time to close what was left."""
    deadline = time.monotonic() + 20
    while left := Footprint.of(served.process.pid).left_over(before):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return left


def soak(folder: Path, goes_on: Callable[[int], bool], *, seed: int = 1) -> tuple[Counter[str], list[str]]:
    """What was done, and what went wrong or was left over."""
    with serving(folder, **VARIABLES) as served:
        furnish(served)
        warm_up = Soak(served, random.Random(0), kills=False)  # noqa: S311  # chance, no secret
        asyncio.run(warm_up.run(lambda number: number < 3 * CLIENTS))
        unload_all(served)
        before = Footprint.of(served.process.pid)
        soaked = Soak(served, random.Random(seed))  # noqa: S311  # chance, no secret
        asyncio.run(soaked.run(goes_on))
        unload_all(served)
        lost = [*warm_up.lost, *soaked.lost, *left_after(served, before)]
        early, late = soaked.memory.get(EARLY, 0), soaked.memory.get(LATE, 0)
        if late > MOST_GROWTH * early:
            lost.append(f"memory: {late} bytes after {LATE} requests, {early} after {EARLY}")
        soaked.done |= {f"MiB after {number}": held >> 20 for number, held in soaked.memory.items()}
        soaked.done["requests"] = soaked.requests
    lost += [] if served.process.returncode == 0 else [f"the server ended with {served.process.returncode}"]
    lost += ["a traceback in the log"] if "Traceback" in served.log else []
    lost += ["a task outlived its request"] if "Cancel " in served.log else []
    return soaked.done, lost
