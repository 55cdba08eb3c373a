"""The smallest streaming HTTP client: one connection, one request, a time stamp for each event that arrives.

Both sides of every comparison are measured with it, so what it costs itself cancels out.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Arrivals:
    """When the pieces of one streamed answer came: seconds of the monotonic clock."""

    started: float
    first: float = 0.0
    ended: float = 0.0
    tokens: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def to_first_token_s(self) -> float:
        return self.first - self.started


@dataclass(frozen=True, slots=True)
class Target:
    """One side of a comparison: where it listens and how it is asked for a completion."""

    name: str
    port: int
    path: str
    model: str
    key: str = ""

    def body(self, prompt: str, tokens: int) -> dict[str, Any]:
        if self.path == "/completion":
            sampling = {"temperature": 0, "n_predict": tokens, "cache_prompt": True}
            return {"prompt": prompt, "stream": True, **sampling}
        options = {"temperature": 0, "num_predict": tokens}
        return {"model": self.model, "prompt": prompt, "raw": True, "options": options, "keep_alive": -1}


async def stream(target: Target, prompt: str, tokens: int) -> Arrivals:
    """Ask for `tokens` tokens after `prompt` and note when they come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1 << 22)
    body = json.dumps(target.body(prompt, tokens)).encode()
    key = f"Authorization: Bearer {target.key}\r\n" if target.key else ""
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Type: application/json\r\n"
        f"{key}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    arrivals = Arrivals(time.perf_counter())
    writer.write(head.encode() + body)
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"{target.name}: {status.decode().strip()} {(await reader.read()).decode()[-500:]}")
    while (await reader.readline()).strip():
        pass
    previous = b""
    while line := await reader.readline():
        if b"{" not in line:
            continue
        if not arrivals.tokens:
            arrivals.first = time.perf_counter()
        arrivals.tokens += 1
        previous = line
    arrivals.ended = time.perf_counter()
    arrivals.tokens -= 1  # the closing event carries no token
    arrivals.last = json.loads(previous[previous.index(b"{") :])
    writer.close()
    return arrivals


def stream_all(target: Target, prompts: list[str], tokens: int) -> list[Arrivals]:
    """All prompts at once, each on a connection of its own."""

    async def run() -> list[Arrivals]:
        return list(await asyncio.gather(*(stream(target, prompt, tokens) for prompt in prompts)))

    return asyncio.run(run())
