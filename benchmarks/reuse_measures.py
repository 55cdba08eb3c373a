"""What earlier work saves: a prompt that begins as another did, in memory and from disk; guesses at what repeats."""

import random
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.crowd_measures import MODEL as GEMMA
from benchmarks.crowd_measures import furnish, gemma
from benchmarks.measures import Row
from benchmarks.programs import MODEL, Running, post, tampu_server, weights
from benchmarks.stream import Arrivals, Target, stream_all

PREFIX_WORDS = 1500
"""About 2,000 tokens."""
WORDS = ("caravan", "house", "road", "water", "salt", "night", "bridge", "letter", "river", "stone", "wool", "guide")
COPIED = Path(__file__).with_name("bare_engine.py").read_text("utf-8")
COPY_TOKENS, PROSE_TOKENS = 240, 160


def reuse_rows() -> Iterator[Row]:
    """All rows, on servers of their own with a home that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="tampu-benchmark-") as home:
        yield from prefix_rows(home)
        yield from guessing_rows(home)


def prefix_rows(home: str, rounds: int = 3) -> Iterator[Row]:
    """The time to the first token of a long prompt: new, begun before, and begun before the model was unloaded."""
    new_s, again_s, reloaded_s = list[float](), list[float](), list[float]()
    with tampu_server(HOME=home, OLLAMA_CONTEXT_LENGTH="4096") as ours:
        weights(ours.port)
        _first_token_s(ours, "warm up")
        for turn in range(rounds):
            prefix = _prefix(turn)
            new_s.append(_first_token_s(ours, f"{prefix} Where do they rest?"))
            again_s.append(_first_token_s(ours, f"{prefix} When do they leave?"))
            post(ours.port, "/api/generate", {"model": MODEL, "keep_alive": 0, "stream": False})
            # The load is part of it: a user waits for both.
            reloaded_s.append(_first_token_s(ours, f"{prefix} Who leads them?"))
    yield _share("time to first token, 2,000-token prefix seen before", new_s, again_s, 0.15)
    yield _share("the same after unload, with the load, from disk", new_s, reloaded_s, 0.3)


def _share(measure: str, first_s: Sequence[float], second_s: Sequence[float], most: float) -> Row:
    share = statistics.median(second / first for first, second in zip(first_s, second_s, strict=True))
    first, second = statistics.median(first_s), statistics.median(second_s)
    return Row(
        measure, f"first: {first:.2f} s", f"{second:.3f} s", f"{share:.2f}x", f"at most {most:g}x", share <= most
    )


def guessing_rows(home: str, rounds: int = 3) -> Iterator[Row]:
    """Generation with guesses against generation without, by two servers of ours that are asked in turn.

    The model is one that can copy: the smaller one of the other rows loses its way in a file, with guesses or without.
    """
    tasks = (
        ("copy a file with a small change", _copy_task, COPY_TOKENS, 1.8),
        ("free prose", _prose_task, PROSE_TOKENS, 0.97),
    )
    try:
        path = gemma()
    except subprocess.CalledProcessError:
        yield Row("guessing", "", "", "the model cannot be fetched here")
        return
    settings = {"HOME": home, "OLLAMA_CONTEXT_LENGTH": "4096", "TAMPU_PROMPT_CACHE_MIB": "0"}
    with tampu_server(**settings) as off, tampu_server(**settings, TAMPU_SPECULATION="1") as on:
        for server in (off, on):
            furnish(server, path)
        for name, task, tokens, least in tasks:
            yield _guessing(name, (off, on), [task(turn) for turn in range(rounds)], tokens, least)


def _guessing(name: str, servers: tuple[Running, Running], prompts: Sequence[str], tokens: int, least: float) -> Row:
    ratios, speeds = list[float](), {server.port: list[float]() for server in servers}
    for turn, prompt in enumerate(prompts):
        found = {}
        for server in servers if turn % 2 else reversed(servers):
            told = stream_all(Target("tampu", server.port, "/api/generate", GEMMA), [prompt], tokens)[0].last
            found[server.port] = told["eval_count"] / told["eval_duration"] * 1e9
            speeds[server.port].append(found[server.port])
        ratios.append(found[servers[1].port] / found[servers[0].port])
    ratio = statistics.median(ratios)
    off, on = (statistics.median(speeds[server.port]) for server in servers)
    return Row(
        f"guessing, gemma3-270m, {name}: tokens/s",
        f"off: {off:.0f}",
        f"on: {on:.0f}",
        f"{ratio:.2f}x",
        f"at least {least:g}x",
        ratio >= least,
    )


def _first_token_s(server: Running, prompt: str) -> float:
    return _asked(server, prompt, 2).to_first_token_s


def _asked(server: Running, prompt: str, tokens: int) -> Arrivals:
    return stream_all(Target("tampu", server.port, "/api/generate", MODEL), [prompt], tokens)[0]


def _prefix(turn: int) -> str:
    """Words of which no other turn has the same."""
    chosen = random.Random(turn)  # noqa: S311  # a benchmark's, no secret
    return " ".join(chosen.choice(WORDS) for _ in range(PREFIX_WORDS))


def _copy_task(turn: int) -> str:
    task = f"Rename main to main_{turn} in this file and print the whole file:\n```python\n{COPIED}\n```"
    return f"<|im_start|>user\n{task}<|im_end|>\n<|im_start|>assistant\n```python\n{COPIED[:120]}"


def _prose_task(turn: int) -> str:
    task = f"Write a long story about llama number {turn} that walks over the Andes."
    return f"<|im_start|>user\n{task}<|im_end|>\n<|im_start|>assistant\n"
