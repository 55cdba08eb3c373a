"""What OpenAI's dialect costs beside the native one: the same chat by both routes of one server, asked in turn."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.measures import CONTEXT, CPU_TOKENS, PROMPT, SETTLE_S, SLOTS, Row, cpu_us
from benchmarks.programs import MODEL, Running, tampu_server, weights
from benchmarks.stream import Target, stream_all

_CLIENTS = 4


class Chat(Target):
    """A chat route of ours."""

    def body(self, prompt: str, tokens: int) -> dict[str, Any]:
        shared = {"model": self.model, "messages": [{"role": "user", "content": prompt}], "keep_alive": -1}
        if self.path == "/api/chat":
            return {**shared, "options": {"temperature": 0, "num_predict": tokens}}
        return {**shared, "stream": True, "temperature": 0, "max_tokens": tokens}


def dialect_rows(rounds: int = 100) -> Iterator[Row]:
    """Added time to first token, and the server's CPU for each token."""
    with tampu_server(OLLAMA_NUM_PARALLEL=str(SLOTS), OLLAMA_CONTEXT_LENGTH=str(CONTEXT)) as ours:
        weights(ours.port)
        sides = (
            Chat("native", ours.port, "/api/chat", MODEL),
            Chat("openai", ours.port, "/v1/chat/completions", MODEL),
        )
        for side in sides:
            stream_all(side, [PROMPT], 8)
        yield _first_token(sides, rounds)
        yield _cpu_per_token(sides, ours)


def _first_token(sides: tuple[Chat, Chat], rounds: int) -> Row:
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 else reversed(sides):
            time.sleep(SETTLE_S)
            times[side.name].append(stream_all(side, [PROMPT], 2)[0].to_first_token_s * 1000)
    native, openai = (statistics.median(times[side.name]) for side in sides)
    # Neighbours differ least: a machine that slows down slows both.
    more = statistics.median(b - a for a, b in zip(*(times[side.name] for side in sides), strict=True))
    return Row(
        "OpenAI's chat, time to first token",
        f"native: {native:.2f} ms",
        f"{openai:.2f} ms",
        f"{more:+.2f} ms",
        "at most +1 ms",
        more <= 1,
    )


def _cpu_per_token(sides: tuple[Chat, Chat], server: Running, rounds: int = 5) -> Row:
    used_us: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 else reversed(sides):
            time.sleep(SETTLE_S)
            prompts = [f"{PROMPT} [{turn}.{client}]" for client in range(_CLIENTS)]
            before = cpu_us(server)
            tokens = sum(arrivals.tokens for arrivals in stream_all(side, prompts, CPU_TOKENS // _CLIENTS))
            used_us[side.name].append((cpu_us(server) - before) / max(tokens, 1))
    native, openai = (statistics.median(used_us[side.name]) for side in sides)
    return Row(
        f"OpenAI's chat, server CPU per streamed token, {_CLIENTS} clients",
        f"native: {native:.0f} us",
        f"{openai:.0f} us",
        f"{openai / native:.2f}x",
        "at most 1.3x",
        openai / native <= 1.3,
    )
