"""An engine that was built here ('tampu engine build') against the bundled one, by two servers asked in turn."""

import random
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from benchmarks.crowd_measures import MODEL, furnish, gemma
from benchmarks.measures import Row
from benchmarks.programs import Running, tampu_server
from benchmarks.reuse_measures import WORDS
from benchmarks.stream import Target, stream_all
from tampu.config import Settings
from tampu.engine.binary import Origin, candidates
from tampu.hardware.processor import processor

PROMPT_WORDS, TOKENS, ROUNDS = 512, 32, 5


def engine_rows() -> Iterator[Row]:
    """Reading and writing with the first engine that was built here; a row that says so where there is none."""
    label = "engine built here against the bundled one"
    built = [each.name for each in candidates(Settings.read(), {}) if each.origin is Origin.BUILT]
    if not built:
        yield Row(label, "", "", "none is built; 'tampu engine build'")
        return
    try:
        path = gemma()
    except subprocess.CalledProcessError:
        yield Row(label, "", "", "the model cannot be fetched here")
        return
    with ExitStack() as stack:
        servers = [stack.enter_context(_server(name)) for name in ("bundled", built[0])]
        for server in servers:
            furnish(server, path)
        reading, writing = _compare(servers)
    has_wide = "avx512f" in processor().features
    yield _row("prompt tokens/s, gemma3-270m Q4_K_M, built here", reading, 1.3 if has_wide else None)
    yield _row("tokens/s, gemma3-270m Q4_K_M, built here", writing, None)


def _server(engine: str) -> AbstractContextManager[Running]:
    return tampu_server(TAMPU_LLAMA_SERVER=engine, OLLAMA_CONTEXT_LENGTH="2048", TAMPU_PROMPT_CACHE_MIB="0")


def _compare(servers: list[Running]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Tokens a second of both sides, turn by turn: of prompts, then of answers."""
    dice = random.Random(0)  # noqa: S311  # a benchmark's, no secret
    reading, writing = list[tuple[float, float]](), list[tuple[float, float]]()
    for turn in range(ROUNDS):
        found = {}
        for server in servers if turn % 2 else reversed(servers):
            prompt = " ".join(dice.choices(WORDS, k=PROMPT_WORDS))
            found[server.port] = stream_all(Target("", server.port, "/api/generate", MODEL), [prompt], TOKENS)[0].last
        told = [found[server.port] for server in servers]
        reading.append(_rates(told, "prompt_eval"))
        writing.append(_rates(told, "eval"))
    return reading, writing


def _rates(told: list[dict[str, int]], what: str) -> tuple[float, float]:
    bundled, built = (each[f"{what}_count"] / each[f"{what}_duration"] * 1e9 for each in told)
    return bundled, built


def _row(measure: str, rates: list[tuple[float, float]], least: float | None) -> Row:
    ratio = statistics.median(built / bundled for bundled, built in rates)
    bundled, built = (statistics.median(side) for side in zip(*rates, strict=True))
    bar = "" if least is None else f"at least {least:g}x"
    return Row(
        measure,
        f"bundled: {bundled:.0f}",
        f"{built:.0f}",
        f"{ratio:.2f}x",
        bar,
        None if least is None else ratio >= least,
    )
